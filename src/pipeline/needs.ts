/**
 * @file Resource estimates for all kinds of experiment: totals, checks against this machine, and costs of graphs. Each kind estimates its own
 * stages.
 */

import { availableParallelism, totalmem } from 'node:os';
import { partOf } from '../agent/model.ts';
import { type CompressorOptions, compressor } from '../compressor/index.ts';
import { bytesOf, type Node, nodesOf, type RecomputablePart, recomputablePart, sizeOf } from '../engine/index.ts';
import { Scope } from '../nn/index.ts';
import type { BaseConfig } from '../settings/base.ts';
import type { Objective } from '../training/define.ts';
import { CadenzaError } from '../util/errors.ts';

/** A use of memory in bytes, and the settings that increase it, each as a multiple of a typical value. */
export type Need = { readonly what: string; readonly bytes: number; readonly grows: Readonly<Record<string, number>> };

export interface StageEstimate {
  readonly stage: string;
  /** Peak memory in bytes, without the program itself. */
  readonly bytes: number;
  readonly parameters?: number;
  readonly steps?: number;
  /** Number of nodes in its forward graphs. */
  readonly nodes?: number;
  /** Total floating-point operations. */
  readonly flops?: number;
  /** Number of its parts (seeds), and of those that are finished in the run's folder. Absent if no folder was checked. */
  readonly parts?: number;
  readonly finished?: number;
}

export interface Estimate {
  readonly name: string;
  readonly stages: readonly StageEstimate[];
  /** Peak memory in bytes of every stage that can run in a separate process, without the program. */
  readonly parts: readonly number[];
  /** Number of parallel processes. */
  readonly processes: number;
  /** Peak memory in bytes, including the program. */
  readonly peakBytes: number;
  /** Memory of this machine or container in bytes. */
  readonly machineBytes: number;
  /** The longest chain of unfinished stages, each of which waits for the one before. Absent if no folder was checked. */
  readonly chain?: { readonly stages: number; readonly flops: number };
}

/** Memory of Node and ONNX Runtime without data, in bytes. */
export const PROGRAM_BYTES = 300e6;

/** Maximum number of elements in a graph constant, because constants are stored in the model. */
const MOST_CONSTANTS = 2 ** 26;

/** Parameter-sized vectors in a training step: weights and two moments before and after it, gradients, and copies inside the runtime. */
const VECTORS = 12;

/**
 * Memory of a training step divided by that of the forward pass: the backward pass keeps what gradients need, and adds about half as much.
 * Measured: fine-tuning dark-room with batches of 512 had a peak of 2.27 GB; this estimate gives 2.35 GB.
 */
const [TRAINING_BYTES, TRAINING_FLOPS] = [1.5, 3];

/** Operations that a core does in about a second of training. Only for decisions that need no measured speed. */
export const SECOND_FLOPS = 5e10;

/** Experiments with fewer operations run in one process by default, because each process takes about a second to start. */
const PARALLEL_FLOPS = 20 * SECOND_FLOPS;

/** Maximum number of threads per core. More threads only wait for each other. */
const THREADS_PER_CORE = 4;

/** Memory of this machine, or of the container that this process runs in. */
export function machineMemory(): number {
  const constrained = process.constrainedMemory?.() ?? 0;
  return constrained > 0 ? Math.min(totalmem(), constrained) : totalmem();
}

/** The largest number of threads with which a stage of these experiments runs. */
export const threadsOf = (variants: readonly { readonly config: Pick<BaseConfig, 'executor'> }[]): number =>
  Math.max(...variants.map(({ config: { executor } }) => executor.threads * executor.workers));

/**
 * The combined estimate of several experiments in parallel processes. Stages of the others are prefixed with their names.
 *
 * @param options.jobs number of processes. `auto`: as many as there are cores for `threads` threads each and memory allows; one if there is
 * little to do.
 * @throws {CadenzaError} `E_CONFIG` if `jobs` processes do not fit into memory.
 */
export function combined(
  name: string,
  estimates: readonly Estimate[],
  { jobs = 1, threads = 1 }: { jobs?: number | 'auto'; threads?: number } = {},
): Estimate {
  const [{ machineBytes, ...first }] = estimates;
  const parts = estimates.flatMap(({ parts }) => parts);
  const sorted = parts.toSorted((a, b) => b - a);
  const bytesOf = (processes: number) => sorted.slice(0, processes).reduce((sum, bytes) => sum + bytes + PROGRAM_BYTES, 0);
  const flops = estimates.flatMap(({ stages }) => stages).reduce((sum, { flops = 0 }) => sum + flops, 0);
  const cores = flops < PARALLEL_FLOPS ? 1 : Math.floor(availableParallelism() / threads);
  let processes = Math.min(jobs === 'auto' ? Math.max(1, cores) : jobs, parts.length);
  // The main process also exists the whole time.
  if (jobs === 'auto') while (processes > 1 && bytesOf(processes) + PROGRAM_BYTES > machineBytes) processes--;
  const parallel = bytesOf(processes);
  if (processes > 1)
    expectFits({ what: `running ${processes} parallel processes`, bytes: parallel, grows: { '--jobs': processes } }, machineBytes);
  return {
    machineBytes,
    ...first,
    name,
    stages: estimates.flatMap(({ name: own, stages }) =>
      stages.map(each => (own === name ? each : { ...each, stage: `${own}: ${each.stage}` })),
    ),
    parts,
    processes,
    peakBytes: Math.max(...estimates.map(({ peakBytes }) => peakBytes), processes > 1 ? PROGRAM_BYTES + parallel : 0),
  };
}

/** Throws `E_CONFIG` if there are far more threads than cores. */
export function expectThreads({ executor: { threads, workers } }: Pick<BaseConfig, 'executor'>): void {
  const most = THREADS_PER_CORE * availableParallelism();
  if (threads * workers <= most) return;
  const found = workers > 1 ? `executor.threads × executor.workers: expected` : 'executor.threads: expected';
  throw new CadenzaError(
    'E_CONFIG',
    `${found} at most ${most} on this machine (${THREADS_PER_CORE} per core), found ${threads * workers}. Lower it.`,
  );
}

/** The estimate, after checking that all stages fit into memory. */
export function fitting(found: Pick<Estimate, 'name' | 'stages' | 'parts'>, grows: Need['grows'], memory: number): Estimate {
  for (const { stage, bytes } of found.stages) expectFits({ what: stage, bytes, grows }, memory);
  const peak = Math.max(...found.stages.map(({ bytes }) => bytes));
  return { ...found, processes: 1, peakBytes: PROGRAM_BYTES + peak, machineBytes: memory };
}

/** Throws `E_CONFIG` if this alone does not fit into memory. */
export function expectFits({ what, bytes, grows }: Need, memory: number): void {
  if (bytes + PROGRAM_BYTES <= memory) return;
  const [setting] = Object.entries(grows).sort(([, a], [, b]) => b - a)[0];
  throw new CadenzaError(
    'E_CONFIG',
    `${what} would need about ${formatBytes(bytes)} of memory, but this machine has ${formatBytes(memory)}. Lower ${setting}, which has the largest effect.`,
  );
}

export function formatBytes(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB', 'EB'];
  const power = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(1, bytes)) / 3)));
  return `${Number((bytes / 1000 ** power).toPrecision(3))} ${units[power]}`;
}

type Sizes = Pick<BaseConfig['model'], 'width' | 'latents' | 'encoderLayers' | 'decoderLayers' | 'feedForward'>;

/** Sizes of the networks as multiples of typical sizes. */
export const grownSizes = ({ width, latents, encoderLayers, decoderLayers, feedForward }: Sizes): Record<string, number> => ({
  'model.width': (width / 64) ** 2,
  'model.latents': latents / 8,
  'model.encoderLayers': encoderLayers / 2,
  'model.decoderLayers': decoderLayers / 3,
  'model.feedForward': feedForward / 4,
});

/** Minimum bytes for weights in training, with `others` parameters outside the blocks. */
export const leastWeights = ({ width, latents, encoderLayers, decoderLayers, feedForward }: Sizes, others: number): number =>
  4 * VECTORS * (width * (width * (4 + 2 * feedForward) * (encoderLayers + decoderLayers) + latents) + others);

/** Minimum number of results of one forward pass: one per block and token of context and query. */
export const leastResults = ({ width, latents, encoderLayers, decoderLayers }: Sizes, context: number, query: number): number =>
  width * (context * (1 + encoderLayers) + query * (1 + decoderLayers) + latents);

/** Throws `E_CONFIG` if an attention mask or a position table would be too large for a graph. */
export function expectTables(kind: string, tokens: number, options: CompressorOptions, setting: string): void {
  const mask = kind === 'causal' ? compressor(kind).latents(tokens, options) ** 2 : 0;
  const numbers = Math.max(mask, options.positions === 'learned' ? 0 : tokens * options.width);
  if (numbers > MOST_CONSTANTS)
    throw new CadenzaError(
      'E_CONFIG',
      `${setting}: ${tokens} tokens need a table of ${numbers} numbers in the graph; expected at most ${MOST_CONSTANTS}. Lower it.`,
    );
}

/** Operations whose results need no memory: existing tensors and views. */
const FREE = new Set(['input', 'constant', 'reshape', 'broadcastTo']);

/** Cost of training an objective for `steps` steps of `batch` sequences, from the graph of its loss for `each` sequences of one history. */
export function trainingCost(
  { build, trains }: Objective,
  { steps, batch, each = 1, recompute = false }: { steps: number; batch: number; each?: number; recompute?: boolean },
) {
  const scope = new Scope();
  const nodes = nodesOf({ outputs: { loss: build(scope, each).loss } });
  const learned = new Set([...scope.table.keys()].filter(name => trains.includes(partOf(name))));
  // Nodes without gradients keep no results and add no backward operations.
  const trained = new Set<Node>();
  let [parameters, frozen, bytes, flops] = [0, 0, 0, 0];
  // Only one part at a time is computed again.
  const again = new Map<RecomputablePart, number>();
  for (const node of nodes) {
    const { op, inputs, outputs, attributes } = node;
    const name = op.name === 'input' ? (attributes.name as string) : '';
    if (learned.has(name) || (op.name !== 'stopGradient' && inputs.some(input => trained.has(input.node)))) trained.add(node);
    if (learned.has(name)) parameters += sizeOf(outputs[0].shape);
    else if (scope.table.has(name) || scope.buffers.has(name)) frozen += sizeOf(outputs[0].shape);
    if (FREE.has(op.name)) continue;
    const kept = outputs.reduce((sum, output) => sum + bytesOf(output), 0);
    const part = recompute && trained.has(node) ? recomputablePart(node) : undefined;
    if (part) again.set(part, (again.get(part) ?? 0) + kept * TRAINING_BYTES);
    if (!part || node === part.nodes.at(-1)) bytes += kept * (trained.has(node) ? TRAINING_BYTES : 1);
    flops += op.flops(node) * (trained.has(node) ? TRAINING_FLOPS + (part ? 1 : 0) : 1);
  }
  bytes += Math.max(0, ...again.values());
  return {
    steps,
    parameters,
    nodes: nodes.length,
    bytes: 4 * (VECTORS * parameters + frozen) + (batch / each) * bytes,
    flops: steps * (batch / each) * flops,
  };
}
