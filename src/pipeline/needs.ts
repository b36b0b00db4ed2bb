/**
 * @file What the stages of a command need, whatever kind of experiment they are of: sums, whether this machine has so much, and what graphs cost.
 * What the stages of a kind need, its estimate says.
 */

import { availableParallelism, totalmem } from 'node:os';
import { partOf } from '../agent/model.ts';
import { type CompressorOptions, compressor } from '../compressor/index.ts';
import { bytesOf, type Node, nodesOf, sizeOf } from '../engine/index.ts';
import { Scope } from '../nn/index.ts';
import type { BaseConfig } from '../settings/base.ts';
import type { Objective } from '../training/define.ts';
import { CadenzaError } from '../util/errors.ts';

/** One thing that takes memory, and the settings that it grows with, each as a multiple of an ordinary value. */
export type Need = { readonly what: string; readonly bytes: number; readonly grows: Readonly<Record<string, number>> };

export interface StageEstimate {
  readonly stage: string;
  /** Bytes at its peak, without what the program itself takes. */
  readonly bytes: number;
  readonly parameters?: number;
  readonly steps?: number;
  /** Nodes of its graphs, forward. */
  readonly nodes?: number;
  /** Floating-point operations of the whole stage. */
  readonly flops?: number;
  /** Its parts (seeds), and those that are finished in the folder of the run; left out where no folder was looked into. */
  readonly parts?: number;
  readonly finished?: number;
}

export interface Estimate {
  readonly name: string;
  readonly stages: readonly StageEstimate[];
  /** Bytes at the highest peak of every part that can have a process of its own, without the program. */
  readonly parts: readonly number[];
  /** Processes at work at once. */
  readonly processes: number;
  /** Bytes at the highest peak, with the program itself. */
  readonly peakBytes: number;
  /** Bytes that this machine, or the container, has. */
  readonly machineBytes: number;
}

/** What Node and ONNX Runtime take before there is any data. */
const PROGRAM_BYTES = 300e6;

/** Numbers of one constant of a graph at most: they are written into the model. */
const MOST_CONSTANTS = 2 ** 26;

/** Vectors as long as the parameters that a training step holds: weights and two moments before and after it, gradients, and copies inside the runtime. */
const VECTORS = 12;

/**
 * Bytes of a training step for each byte of results of the forward pass, and operations likewise: what the gradient needs is kept, and about half
 * as much is there on the way back. Measured: the fine-tuning of dark-room with batches of 512 took 2.27 GB at its peak, by this 2.35.
 */
const [TRAINING_BYTES, TRAINING_FLOPS] = [1.5, 3];

/** Threads for each core: more only wait for each other. */
const THREADS_PER_CORE = 4;

/** Memory of this machine, or of the container that this process runs in. */
export function machineMemory(): number {
  const constrained = process.constrainedMemory?.() ?? 0;
  return constrained > 0 ? Math.min(totalmem(), constrained) : totalmem();
}

/**
 * What is called `name` and consists of these, with `jobs` of their parts at once: the stages of all, those of others by their names.
 *
 * @throws {CadenzaError} `E_CONFIG` where so many at once do not fit.
 */
export function together(name: string, estimates: readonly Estimate[], jobs = 1): Estimate {
  const [first] = estimates;
  const parts = estimates.flatMap(({ parts }) => parts);
  const processes = Math.min(jobs, parts.length);
  const largest = parts.toSorted((a, b) => b - a).slice(0, processes);
  // The process that reports afterwards is there all the time.
  const atOnce = largest.reduce((sum, bytes) => sum + bytes, 0) + processes * PROGRAM_BYTES;
  if (processes > 1)
    expectFits({ what: `work on ${processes} parts at once`, bytes: atOnce, grows: { '--jobs': processes } }, first.machineBytes);
  return {
    ...first,
    name,
    stages: estimates.flatMap(({ name: own, stages }) =>
      stages.map(each => (own === name ? each : { ...each, stage: `${own}: ${each.stage}` })),
    ),
    parts,
    processes,
    peakBytes: Math.max(...estimates.map(({ peakBytes }) => peakBytes), processes > 1 ? PROGRAM_BYTES + atOnce : 0),
  };
}

/** Throws `E_CONFIG` where there are many more threads than cores. */
export function expectThreads({ executor: { threads } }: Pick<BaseConfig, 'executor'>): void {
  const most = THREADS_PER_CORE * availableParallelism();
  if (threads > most)
    throw new CadenzaError(
      'E_CONFIG',
      `executor.threads: expected at most ${most} on this machine, ${THREADS_PER_CORE} for each core, came ${threads}; more only wait for each other.`,
    );
}

/** An estimate of stages that all fit. */
export function fitting(found: Pick<Estimate, 'name' | 'stages' | 'parts'>, grows: Need['grows'], memory: number): Estimate {
  for (const { stage, bytes } of found.stages) expectFits({ what: stage, bytes, grows }, memory);
  const peak = Math.max(...found.stages.map(({ bytes }) => bytes));
  return { ...found, processes: 1, peakBytes: PROGRAM_BYTES + peak, machineBytes: memory };
}

/** Throws `E_CONFIG` where this alone does not fit. */
export function expectFits({ what, bytes, grows }: Need, memory: number): void {
  if (bytes + PROGRAM_BYTES <= memory) return;
  const [setting] = Object.entries(grows).sort(([, a], [, b]) => b - a)[0];
  throw new CadenzaError(
    'E_CONFIG',
    `${what} would take about ${formatBytes(bytes)} of memory, and this machine has ${formatBytes(memory)}. What matters most is ${setting}; lower it.`,
  );
}

export function formatBytes(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB', 'EB'];
  const power = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(1, bytes)) / 3)));
  return `${Number((bytes / 1000 ** power).toPrecision(3))} ${units[power]}`;
}

type Sizes = Pick<BaseConfig['model'], 'width' | 'latents' | 'encoderLayers' | 'decoderLayers' | 'feedForward'>;

/** Sizes of the networks as multiples of ordinary ones. */
export const grownSizes = ({ width, latents, encoderLayers, decoderLayers, feedForward }: Sizes): Record<string, number> => ({
  'model.width': (width / 64) ** 2,
  'model.latents': latents / 8,
  'model.encoderLayers': encoderLayers / 2,
  'model.decoderLayers': decoderLayers / 3,
  'model.feedForward': feedForward / 4,
});

/** The least bytes that training takes for weights: `others` numbers besides those of the blocks. */
export const leastWeights = ({ width, latents, encoderLayers, decoderLayers, feedForward }: Sizes, others: number): number =>
  4 * VECTORS * (width * (width * (4 + 2 * feedForward) * (encoderLayers + decoderLayers) + latents) + others);

/** The least numbers that one pass leaves: a result of every block for the tokens of the context and of the query. */
export const leastResults = ({ width, latents, encoderLayers, decoderLayers }: Sizes, context: number, query: number): number =>
  width * (context * (1 + encoderLayers) + query * (1 + decoderLayers) + latents);

/** Throws `E_CONFIG` where a mask or a table of positions would be too large to stand in a graph. */
export function expectTables(kind: string, tokens: number, options: CompressorOptions, setting: string): void {
  const mask = kind === 'causal' ? compressor(kind).latents(tokens, options) ** 2 : 0;
  const numbers = Math.max(mask, options.positions === 'learned' ? 0 : tokens * options.width);
  if (numbers > MOST_CONSTANTS)
    throw new CadenzaError(
      'E_CONFIG',
      `${setting}: the graph would hold a table of ${numbers} numbers for ${tokens} tokens; expected at most ${MOST_CONSTANTS}. Lower it.`,
    );
}

/** Operations whose results take nothing: they are there already, or seen in another shape. */
const FREE = new Set(['input', 'constant', 'reshape', 'broadcastTo']);

/** What training by an objective takes for `steps` steps of `batch` sequences, counted from the graph of its loss for one sequence. */
export function trainingCost({ build, trains }: Objective, { steps, batch }: { steps: number; batch: number }) {
  const scope = new Scope();
  const nodes = nodesOf({ outputs: { loss: build(scope, 1).loss } });
  const learned = new Set([...scope.table.keys()].filter(name => trains.includes(partOf(name))));
  // Of what no gradient goes through, nothing is kept and nothing is computed on the way back.
  const trained = new Set<Node>();
  let [parameters, frozen, bytes, flops] = [0, 0, 0, 0];
  for (const node of nodes) {
    const { op, inputs, outputs, attributes } = node;
    const name = op.name === 'input' ? (attributes.name as string) : '';
    if (learned.has(name) || (op.name !== 'stopGradient' && inputs.some(input => trained.has(input.node)))) trained.add(node);
    if (learned.has(name)) parameters += sizeOf(outputs[0].shape);
    else if (scope.table.has(name) || scope.buffers.has(name)) frozen += sizeOf(outputs[0].shape);
    if (FREE.has(op.name)) continue;
    const kept = outputs.reduce((sum, output) => sum + bytesOf(output), 0);
    bytes += kept * (trained.has(node) ? TRAINING_BYTES : 1);
    flops += op.flops(node) * (trained.has(node) ? TRAINING_FLOPS : 1);
  }
  return {
    steps,
    parameters,
    nodes: nodes.length,
    bytes: 4 * (VECTORS * parameters + frozen) + batch * bytes,
    flops: steps * batch * flops,
  };
}
