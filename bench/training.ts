/** @file A training step ready for timing: compiled, with a batch, its state, and a second set of buffers. Runs in pages, too. */

import {
  countFlops,
  type Executor,
  type Feeds,
  type Graph,
  type HostTensor,
  input,
  matmul,
  type Program,
  toOnnx,
  zeros,
} from '../src/engine/index.ts';
import { initialize } from '../src/nn/index.ts';
import { PARAMETERS, pack, STEP } from '../src/optim/index.ts';
import { Random } from '../src/util/random.ts';
import { modelFlops, REFERENCE, referenceStep } from './reference-model.ts';

/** A training step before it is compiled. */
export interface StepSource {
  readonly graph: Graph;
  /** Names of the vectors that the step takes and returns. */
  readonly state: readonly string[];
  /** The initial parameters, packed. */
  readonly parameters: Float32Array;
  /** The batch. */
  readonly feeds: Feeds;
  /** Writes the batch of a step, counted from 0. Default: all steps have the same batch. */
  readonly fill?: (step: number) => void;
}

/** A compiled training step. */
export interface Training {
  /** Runs one step and returns its time and loss. */
  step(): Promise<{ ms: number; loss: number }>;
  /** The compiled model. */
  readonly model: Uint8Array;
  readonly compileMs: number;
  dispose(): Promise<void>;
}

/** Compiles a training step and holds its state. */
export async function prepareTraining(executor: Executor, { graph, state, parameters, feeds, fill }: StepSource): Promise<Training> {
  const model = toOnnx(graph);
  const began = performance.now();
  const program = await executor.compile(model);
  const compileMs = performance.now() - began;

  const vectors = () => Object.fromEntries(state.map(name => [name, zeros([parameters.length])]));
  let [current, spare] = [vectors(), vectors()];
  current[PARAMETERS].data.set(parameters);
  const counter = zeros([]);

  return {
    async step() {
      const done = counter.data[0]++;
      fill?.(done);
      const into = Object.fromEntries(state.map(name => [`next.${name}`, spare[name]]));
      const start = performance.now();
      const results = await program.run({ ...feeds, ...current, [STEP]: counter }, ['loss', ...Object.keys(into)], into);
      const ms = performance.now() - start;
      spare = current;
      current = Object.fromEntries(state.map(name => [name, results[`next.${name}`]]));
      return { ms, loss: results.loss.data[0] };
    },
    model,
    compileMs,
    dispose: () => program.dispose(),
  };
}

/** A batch that can be learned: the target is a function of the token. */
export function referenceBatch(size: typeof REFERENCE, random: Random): Record<'tokens' | 'targets', HostTensor> {
  const draw = random.split('tokens');
  const tokens = Int32Array.from({ length: size.batch * size.tokens }, () => draw.integer(size.vocabulary));
  const indices = (data: Int32Array): HostTensor => ({ data, shape: [size.batch, size.tokens], dtype: 'int32' });
  return { tokens: indices(tokens), targets: indices(tokens.map(token => (token * 5 + 3) % size.vocabulary)) };
}

/** The reference step of a size. */
export function referenceSource(size: typeof REFERENCE = REFERENCE): StepSource {
  const { graph, layout, state, scope } = referenceStep(size);
  const random = Random.seeded(0);
  const feeds = referenceBatch(size, random);
  const parameters = new Float32Array(layout.size);
  pack(layout, initialize(scope.table.values(), random), parameters);
  return { graph, state, parameters, feeds };
}

/** A square float32 matrix product on the executor, as the reference for training steps. */
export async function prepareProduct(executor: Executor, n = 1024): Promise<{ run(): Promise<number>; flops: number; program: Program }> {
  const shape = [n, n];
  const program = await executor.compile(toOnnx({ outputs: { product: matmul(input('a', shape), input('b', shape)) } }));
  const random = Random.seeded(1);
  const matrix = (): HostTensor => ({ data: Float32Array.from({ length: n * n }, () => random.uniform()), shape, dtype: 'float32' });
  const feeds = { a: matrix(), b: matrix() };
  const into = { product: zeros(shape) };
  return {
    async run() {
      const start = performance.now();
      await program.run(feeds, ['product'], into);
      return performance.now() - start;
    },
    flops: 2 * n ** 3,
    program,
  };
}

export const median = (values: readonly number[]): number => {
  const sorted = values.toSorted((a, b) => a - b);
  return (sorted[(sorted.length - 1) >> 1] + sorted[sorted.length >> 1]) / 2;
};

export interface StepMeasurement {
  readonly parameters: number;
  readonly gflop: number;
  readonly gflopExecuted: number;
  readonly compileMs: number;
  readonly steps: number;
  readonly medianMs: number;
  readonly fastestMs: number;
  readonly gflops: number;
  readonly productGflops: number;
  /** FLOP/s of the step divided by the FLOP/s of a plain product on the same executor, measured in turn. */
  readonly ratio: number;
  /** The same, counting only products in the graph, without skipped blocks of causal attention. */
  readonly ratioExecuted: number;
  /** The same ratio for the fastest step and the fastest product. */
  readonly ratioOfFastest: number;
  readonly firstLoss: number;
  readonly lastLoss: number;
}

/**
 * Times blocks of steps and blocks of plain products in turn, so that other load affects both equally. The first runs of each block are not
 * counted: a product with cold caches after a step would be slower, and make the step look better.
 */
export async function measureStep(
  executor: Executor,
  { size = REFERENCE, blocks = 4, steps: perBlock = 8, products = 60, warmUp = 10 } = {},
): Promise<StepMeasurement> {
  const source = referenceSource(size);
  const training = await prepareTraining(executor, source);
  const [flops, executedFlops] = [modelFlops(size), countFlops(source.graph).products];
  const product = await prepareProduct(executor);
  const { loss: firstLoss } = await training.step();
  const [steps, productMs]: [number[], number[]] = [[], []];
  let lastLoss = Number.NaN;
  for (let block = 0; block < blocks; block++) {
    for (let i = -1; i < perBlock; i++) {
      const { ms, loss } = await training.step();
      lastLoss = loss;
      if (i >= 0) steps.push(ms);
    }
    for (let i = -warmUp; i < products; i++) {
      const ms = await product.run();
      if (i >= 0) productMs.push(ms);
    }
  }
  await training.dispose();
  await product.program.dispose();
  if (!(lastLoss < firstLoss))
    throw new Error(`expected the loss to fall, but it was ${firstLoss} at the start and ${lastLoss} at the end`);
  const medianMs = median(steps);
  const gflops = flops / medianMs / 1e6;
  const productGflops = product.flops / median(productMs) / 1e6;
  return {
    parameters: source.parameters.length,
    gflop: flops / 1e9,
    gflopExecuted: executedFlops / 1e9,
    compileMs: training.compileMs,
    steps: steps.length,
    medianMs,
    fastestMs: Math.min(...steps),
    gflops,
    productGflops,
    ratio: gflops / productGflops,
    ratioExecuted: executedFlops / medianMs / 1e6 / productGflops,
    ratioOfFastest: flops / Math.min(...steps) / (product.flops / Math.min(...productMs)),
    firstLoss,
    lastLoss,
  };
}
