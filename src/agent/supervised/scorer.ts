/** @file Scores of a model on drawn tasks, for every number of examples: the same program for validation and for the test. */

import { type Executor, type Feeds, type HostTensor, optimise, toOnnx } from '../../engine/index.ts';
import { type ParameterSpec, Scope } from '../../nn/index.ts';
import { PARAMETERS, packing, readPacked } from '../../optim/index.ts';
import { type Draw, type Examples, firstExamples, labelRecord, type Problem } from '../../supervised/index.ts';
import type { SupervisedModel } from './model.ts';

/** Contexts that are compressed in one call. */
export const SCORED_AT_ONCE = 64;

export interface Scorer {
  /** In the order in which they are packed. */
  readonly specs: readonly ParameterSpec[];
  /** Mean score over its queries of every task with every number of examples, [counts × tasks], under the packed parameters. */
  score(parameters: HostTensor, tasks: readonly Draw[], counts: readonly number[]): Promise<Float64Array>;
  dispose(): Promise<void>;
}

/** A program for models with the compressor `kind`, for tasks of `queries` test inputs. */
export async function makeScorer(model: SupervisedModel, kind: string, queries: number, executor: Executor): Promise<Scorer> {
  const scope = new Scope();
  const outputs = model.outputs(scope, kind, SCORED_AT_ONCE, queries);
  const specs = [...scope.table.values()];
  const program = await executor.compile(toOnnx(optimise(readPacked({ outputs: { outputs } }, packing(specs), PARAMETERS))));
  const batch = model.newBatch(SCORED_AT_ONCE, queries);
  const { context, query } = batch;
  const width = outputs.shape[2];
  // A compressor that passes nothing on has no use for the context.
  const feeds: Feeds = model.carried(kind) > 0 ? { context, query } : { query };

  return {
    specs,
    async score(parameters, tasks, counts) {
      const scores = new Float64Array(counts.length * tasks.length);
      for (const [c, count] of counts.entries()) {
        for (let from = 0; from < tasks.length; from += SCORED_AT_ONCE) {
          const part = tasks.slice(from, from + SCORED_AT_ONCE);
          for (const [b, draw] of part.entries())
            model.write(batch, b, { queries: draw.queries, examples: firstExamples(draw.examples, count) });
          const result = await program.run({ ...feeds, [PARAMETERS]: parameters }, ['outputs']);
          const data = result.outputs.data as Float32Array;
          for (const [b, { queries }] of part.entries())
            scores[c * tasks.length + from + b] = meanScore(model.problem, data, b * queries.count * width, width, queries);
        }
      }
      return scores;
    },
    dispose: () => program.dispose(),
  };
}

/** Mean score of the predictions of some queries, which begin at `at` and are `width` apart. */
function meanScore({ label }: Problem, predictions: ArrayLike<number>, at: number, width: number, { labels, count }: Examples): number {
  const { measure } = labelRecord(label.kind);
  let sum = 0;
  for (let q = 0; q < count; q++) sum += measure(predictions, at + q * width, label.size, labels[q]);
  return sum / count;
}

/** The same scores of a predictor that is a function: the reference, or the blind one. [counts × tasks] */
export function scoreFunction(
  problem: Problem,
  predict: (draw: Omit<Draw, 'task'>) => ArrayLike<number>,
  tasks: readonly Draw[],
  counts: readonly number[],
): Float64Array {
  const scores = counts.flatMap(count =>
    tasks.map(({ queries, examples }) => {
      const predictions = predict({ queries, examples: firstExamples(examples, count) });
      return meanScore(problem, predictions, 0, problem.label.size, queries);
    }),
  );
  return Float64Array.from(scores);
}

/** Every number of examples that is evaluated: all that training draws. */
export const exampleCounts = ({ context: { fewest, examples } }: { context: { fewest: number; examples: number } }): number[] =>
  Array.from({ length: examples - fewest + 1 }, (_, i) => fewest + i);

/** Means over tasks of [counts × tasks] scores. */
export function meansByCount(scores: Float64Array, counts: number): number[] {
  const tasks = scores.length / counts;
  return Array.from({ length: counts }, (_, c) => scores.subarray(c * tasks, (c + 1) * tasks).reduce((a, b) => a + b, 0) / tasks);
}
