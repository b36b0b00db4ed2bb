/**
 * @file The interface of supervised problems (method 5.3): a family of tasks, each a rule that labels inputs. X_i are example pairs of one
 * task, Q_i a test input, Y_i its label.
 */

import { type OptionedEntry, type Options, type OptionTable, resolveOptions } from '../util/options.ts';
import type { Random } from '../util/random.ts';

/** Real numbers, or classes. */
export type LabelKind = 'real' | 'class';

/** Inputs with their labels. */
export interface Examples {
  readonly count: number;
  /** [count × d] */
  readonly inputs: Float64Array;
  /** [count] real numbers, or indices of classes. */
  readonly labels: Float64Array;
}

/** The best that can be done with the same examples. */
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
  /** Numbers in an input (d). */
  readonly inputs: number;
  /** What a label is. `size` is the length of a prediction: 1 for a real number, the number of classes for a class. */
  readonly label: { readonly kind: LabelKind; readonly size: number };
  /** Draws one task. Its numbers are its content: tasks are told apart by them. */
  task(random: Random): Float64Array;
  /** Draws an example of the task: writes the input at `at` of `inputs` and gives the label. */
  example(task: Float64Array, random: Random, inputs: Float64Array, at: number): number;
  readonly reference: Reference;
}

export type ProblemEntry = OptionedEntry<Problem>;

/** Ties a problem's option table to the type of the options that its `create` receives. */
export function defineProblem<T extends OptionTable>(
  problem: Omit<ProblemEntry, 'options' | 'create'> & { options: T; create(options: Options<T>): Omit<Problem, 'id'> },
): ProblemEntry {
  const { id, options } = problem;
  return { ...problem, create: given => ({ id, ...problem.create(resolveOptions(`problem ${id}`, options, given)) }) };
}

/** A task, examples of it and test inputs with their labels. */
export interface Draw {
  readonly task: Float64Array;
  readonly queries: Examples;
  readonly examples: Examples;
}

/**
 * What the stream stands for: the task first, then the queries, then the examples one after another. So equal streams give the same task
 * and queries however many examples are asked for, and fewer examples are the first of more.
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

/** The first `count` of some examples, without copying them. */
export function firstExamples({ inputs, labels, count: all }: Examples, count: number): Examples {
  return { count, inputs: inputs.subarray(0, (inputs.length / all) * count), labels: labels.subarray(0, count) };
}
