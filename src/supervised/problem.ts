/**
 * @file The interface of supervised problems (method 5.3): a family of tasks, each a rule that labels inputs. X_i are example pairs of one
 * task, Q_i is a test input, Y_i its label.
 */

import { type OptionedEntry, type Options, type OptionTable, resolveOptions } from '../util/options.ts';
import type { Random } from '../util/random.ts';

/** Whether labels are real numbers or class indices. */
export type LabelKind = 'real' | 'class';

/** Inputs with their labels. */
export interface Examples {
  readonly count: number;
  /** [count × d] inputs, row by row. */
  readonly inputs: Float64Array;
  /** [count] real numbers, or class indices. */
  readonly labels: Float64Array;
}

/** The best predictor that has the same examples. */
export interface Reference {
  readonly name: string;
  /** Why nothing does better, in a sentence. */
  readonly about: string;
  /** Predictions for `queries` [Q × d], as [Q × label.size]: expected values, or class probabilities. */
  predict(examples: Examples, queries: Float64Array): Float64Array;
}

/** A family of tasks under fixed options. */
export interface Problem {
  readonly id: string;
  /** Dimension d of an input. */
  readonly inputs: number;
  /** The label. `size` is the length of a prediction: 1 for a real number, the number of classes for a class. */
  readonly label: { readonly kind: LabelKind; readonly size: number };
  /** Draws one task. Its numbers are its content: tasks are compared by them. */
  task(random: Random): Float64Array;
  /** Draws an example of the task: writes the input at `at` of `inputs` and returns the label. */
  example(task: Float64Array, random: Random, inputs: Float64Array, at: number): number;
  /** The best predictor that has the same examples. */
  readonly reference: Reference;
}

/** A registered problem: id, description, options, and `create`, which returns the problem. */
export type ProblemEntry = OptionedEntry<Problem>;

/** Declares a problem: types the options that its `create` receives by its option table. */
export function defineProblem<T extends OptionTable>(
  problem: Omit<ProblemEntry, 'options' | 'create'> & { options: T; create(options: Options<T>): Omit<Problem, 'id'> },
): ProblemEntry {
  const { id, options } = problem;
  return { ...problem, create: given => ({ id, ...problem.create(resolveOptions(`problem ${id}`, options, given)) }) };
}

/** A task, with examples and labeled test inputs. */
export interface Draw {
  /** The numbers of the task. */
  readonly task: Float64Array;
  /** Labeled test inputs. */
  readonly queries: Examples;
  /** Examples to learn from. */
  readonly examples: Examples;
}

/**
 * Draws a task, then its queries, then its examples one by one from a stream. So equal streams give the same task and queries for any
 * number of examples, and fewer examples are a prefix of more.
 *
 * @example drawTask(problem('linear-regression'), Random.seeded(0), { queries: 10, examples: 20 })
 */
export function drawTask(problem: Problem, random: Random, counts: { queries: number; examples: number }): Draw {
  const task = problem.task(random);
  const queries = drawExamples(problem, task, random, counts.queries);
  return { task, queries, examples: drawExamples(problem, task, random, counts.examples) };
}

function drawExamples(problem: Problem, task: Float64Array, random: Random, count: number): Examples {
  const inputs = new Float64Array(count * problem.inputs);
  const labels = Float64Array.from({ length: count }, (_, i) => problem.example(task, random, inputs, i * problem.inputs));
  return { count, inputs, labels };
}

/** The first `count` examples, without copying. */
export function firstExamples({ inputs, labels, count: all }: Examples, count: number): Examples {
  return { count, inputs: inputs.subarray(0, (inputs.length / all) * count), labels: labels.subarray(0, count) };
}
