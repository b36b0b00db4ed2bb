/**
 * @file The models of a supervised experiment as graphs, their input buffers, and scores on drawn tasks for every number of examples.
 * Validation and test use the same program. Shape key: B batch, N examples, Q queries, F features of a token, M latents, D width, O
 * outputs, S size of a label.
 */

import { type CompressorOptions, compressor } from '../compressor/index.ts';
import {
  type Executor,
  type Feeds,
  type HostTensor,
  input,
  optimize,
  reshape,
  slice,
  type Tensor,
  toOnnx,
  zeros,
} from '../engine/index.ts';
import { crossEntropy, gaussianNll, type ParameterSpec, Scope } from '../nn/index.ts';
import { PARAMETERS, packing, readPacked } from '../optim/index.ts';
import { predictQueries } from '../policy/index.ts';
import type { SupervisedBase } from '../settings/supervised.ts';
import { type Draw, type Examples, firstExamples, type LabelKind, labelRecord, type Problem, problem } from '../supervised/index.ts';
import { type Field, LayoutBuilder, type TokenLayout, writeFields } from '../tokenizers/index.ts';
import { CadenzaError } from '../util/errors.ts';
import { PARTS } from './model.ts';

/** What a kind of label means for tokens, outputs and the loss. */
interface LabelModel {
  field(builder: LayoutBuilder, size: number): Field;
  /** Number of outputs of the predictor. The first `size` of them are the prediction. */
  outputs(size: number): number;
  /** −log p(label) of each query, [B, Q]: outputs [B, Q, O], labels [B, Q, S] (one-hot for classes). */
  loss(outputs_BQO: Tensor, label_BQS: Tensor): Tensor;
}

/**
 * A real label gets a Gaussian, not only a mean: with few examples errors are large in any case and would dominate the small errors that
 * many examples allow; the predicted standard deviation downweights them.
 */
const LABEL_MODELS: Record<LabelKind, LabelModel> = {
  real: {
    field: builder => builder.scalar('label'),
    outputs: size => 2 * size,
    loss(outputs_BQO, label_BQS) {
      const [B, Q] = label_BQS.shape;
      const [average, logDeviation] = [0, 1].map(i => slice(outputs_BQO, 2, i, i + 1));
      return reshape(gaussianNll(label_BQS, average, logDeviation), [B, Q]);
    },
  },
  class: { field: (builder, size) => builder.categorical('label', size), outputs: size => size, loss: crossEntropy },
};

/** A model with everything that follows from the configuration: token layouts, sizes, and graphs. */
export class SupervisedModel {
  readonly problem: Problem;
  readonly tokens: TokenLayout;
  readonly options: CompressorOptions;
  readonly #input: readonly Field[];
  readonly #label: Field;
  readonly #kind: LabelModel;
  readonly #decoderLayers: number;
  readonly #examples: number;

  constructor(config: Pick<SupervisedBase, 'problem' | 'context' | 'model' | 'compression'>) {
    const { width, heads, feedForward, encoderLayers, poolHeads, decoderLayers, latents } = config.model;
    const { examples, positions } = config.context;
    this.problem = problem(config.problem.id, config.problem.options);
    const whole = { span: examples, segment: examples, compression: { ...config.compression, perSegment: latents } };
    this.options = { width, heads, hidden: feedForward * width, layers: encoderLayers, latents, poolHeads, positions, ...whole };
    this.#kind = LABEL_MODELS[this.problem.label.kind];
    this.#decoderLayers = decoderLayers;
    this.#examples = examples;
    // (present, x_1 … x_d, label)
    const builder = new LayoutBuilder(1);
    this.#input = Array.from({ length: this.problem.inputs }, (_, i) => builder.scalar(`input.${i}`));
    this.#label = this.#kind.field(builder, this.problem.label.size);
    this.tokens = builder.build();
  }

  #shapes(batch: number, queries: number) {
    const { inputs, label } = this.problem;
    return { context: [batch, this.#examples, this.tokens.width], query: [batch, queries, inputs], label: [batch, queries, label.size] };
  }

  /**
   * Buffers of one batch of contexts with their queries: context [B, N, F] with the examples right-aligned and zeros before them, query [B,
   * Q, d], label [B, Q, S].
   */
  newBatch(batch: number, queries: number) {
    const { context, query, label } = this.#shapes(batch, queries);
    return { context: zeros(context), query: zeros(query), label: zeros(label) };
  }

  /** Writes one task into row `b`: its examples right-aligned, its queries in order. */
  write({ context, query, label }: ReturnType<SupervisedModel['newBatch']>, b: number, { examples, queries }: Omit<Draw, 'task'>): void {
    const { inputs: d, label: kind } = this.problem;
    const row = this.#examples * this.tokens.width;
    const tokens = (context.data as Float32Array).subarray(b * row, (b + 1) * row);
    tokens.fill(0);
    for (let i = 0; i < examples.count; i++) {
      const at = (this.#examples - examples.count + i) * this.tokens.width;
      tokens[at] = 1;
      writeFields(tokens, at, this.#input, examples.inputs, i * d);
      writeFields(tokens, at, [this.#label], examples.labels, i);
    }
    (query.data as Float32Array).set(queries.inputs, b * queries.count * d);
    this.#writeLabels((label.data as Float32Array).subarray(b * queries.count * kind.size, (b + 1) * queries.count * kind.size), queries);
  }

  #writeLabels(out: Float32Array, { labels, count }: Examples): void {
    out.fill(0);
    const size = out.length / count;
    const field = { ...this.#label, offset: 0 };
    for (let q = 0; q < count; q++) writeFields(out, q * size, [field], labels, q);
  }

  /** Outputs [B, Q, O] with the compressor `kind`; the first `label.size` of them are the prediction. */
  outputs(scope: Scope, kind: string, batch: number, queries: number): Tensor {
    const { width, heads, hidden } = this.options;
    const shapes = this.#shapes(batch, queries);
    const chosen = compressor(kind);
    const recurrent = chosen.latents(this.#examples, this.options) > 0;
    const z = recurrent ? chosen.compress(scope.at(PARTS.compressor), input('context', shapes.context), this.options) : undefined;
    const outputs = this.#kind.outputs(this.problem.label.size);
    const options = { width, heads, hidden, layers: this.#decoderLayers, outputs };
    return predictQueries(scope.at(PARTS.policy), input('query', shapes.query), z, options);
  }

  /** −log p(label | Z, query) of every query of a batch, [B, Q]. */
  negativeLogLikelihood(scope: Scope, kind: string, batch: number, queries: number): Tensor {
    return this.#kind.loss(this.outputs(scope, kind, batch, queries), input('label', this.#shapes(batch, queries).label));
  }

  /** Numbers per task that reach the predictor: latents times width. */
  carried(kind: string): number {
    return compressor(kind).latents(this.#examples, this.options) * this.options.width;
  }
}

/** Throws `E_CONFIG` unless the compressor produces latents and learns everything that it needs. */
export function expectLatents(model: SupervisedModel, kind: string): void {
  if (model.carried(kind) === 0)
    throw new CadenzaError(
      'E_CONFIG',
      `compressor "${kind}" produces no latents for the predictor; it can only be a baseline. Choose another compressor.`,
    );
  if (compressor(kind).fit)
    throw new CadenzaError(
      'E_CONFIG',
      `compressor "${kind}" is fitted to learning histories, which a supervised experiment does not have. Choose another compressor.`,
    );
}

/** Number of contexts that are compressed in one call. */
export const SCORED_AT_ONCE = 64;

export interface Scorer {
  /** In the order in which they are packed. */
  readonly specs: readonly ParameterSpec[];
  /** Mean score over the queries of every task for every number of examples, [counts × tasks], with the packed parameters. */
  score(parameters: HostTensor, tasks: readonly Draw[], counts: readonly number[]): Promise<Float64Array>;
  dispose(): Promise<void>;
}

/** A program that scores models with the compressor `kind` on tasks with `queries` test inputs. */
export async function makeScorer(model: SupervisedModel, kind: string, queries: number, executor: Executor): Promise<Scorer> {
  const scope = new Scope();
  const outputs = model.outputs(scope, kind, SCORED_AT_ONCE, queries);
  const specs = [...scope.table.values()];
  const program = await executor.compile(toOnnx(optimize(readPacked({ outputs: { outputs } }, packing(specs), PARAMETERS))));
  const batch = model.newBatch(SCORED_AT_ONCE, queries);
  const { context, query } = batch;
  const width = outputs.shape[2];
  // A compressor that passes nothing on does not need the context.
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

/** The same scores for a predictor that is a function: the reference, or the one that ignores the inputs. [counts × tasks] */
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

/** Every number of examples that is evaluated, the ones that training uses. */
export const exampleCounts = ({ context: { fewest, examples } }: { context: { fewest: number; examples: number } }): number[] =>
  Array.from({ length: examples - fewest + 1 }, (_, i) => fewest + i);

/** Means over tasks of [counts × tasks] scores. */
export function meansByCount(scores: Float64Array, counts: number): number[] {
  const tasks = scores.length / counts;
  return Array.from({ length: counts }, (_, c) => scores.subarray(c * tasks, (c + 1) * tasks).reduce((a, b) => a + b, 0) / tasks);
}
