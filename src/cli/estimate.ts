/** @file What an experiment needs and how long it takes, on a terminal. */

import { availableParallelism } from 'node:os';
import Table from 'cli-table3';
import { type Estimate, formatBytes } from '../pipeline/needs.ts';

/**
 * The share of the rate of a bare matrix product that a stage reaches. From the results under results: training of the key-to-door and
 * dark-room presets ran at 0.35 to 0.7 of it on two threads, that of their evidence runs at 0.35 to 0.6 on one, evaluation alike.
 */
const EFFICIENCY = 0.5;

export type TimedEstimate = ReturnType<typeof timed>;

/**
 * Adds times to an estimate, by the rate of a matrix product on so many threads: of each stage, and of all that is not finished, with parts at
 * once. What is not in the operations, as the data, is left out.
 */
export function timed(found: Estimate, productGflops: number, threads: number) {
  const rate = 1e9 * productGflops * EFFICIENCY;
  const stages = found.stages.map(stage => ({ ...stage, seconds: stage.flops === undefined ? undefined : stage.flops / rate }));
  const total = flopsToDo(found) / rate;
  // Processes beyond the cores only take turns.
  const atOnce = Math.max(1, Math.min(found.processes, availableParallelism() / threads));
  return { ...found, stages, seconds: total / atOnce, productGflops };
}

/** Operations of what is not finished. */
const flopsToDo = ({ stages }: Pick<Estimate, 'stages'>) =>
  stages.reduce((sum, { flops = 0, parts = 1, finished = 0 }) => sum + flops * (1 - finished / parts), 0);

/** One line a stage, then the highest peak, the time, and what they are based on. */
export function formatEstimate({ name, stages, peakBytes, machineBytes, processes, seconds, productGflops }: TimedEstimate): string {
  const head = ['stage', 'now', 'steps', 'parameters', 'graph nodes', 'memory', 'operations', 'time'];
  const table = new Table({ head, style: { head: [], border: [] } });
  const number = (value: number | undefined) => (value === undefined ? '' : value.toLocaleString('en-US'));
  for (const { stage, parts = 1, finished = 0, steps, parameters, nodes, bytes, flops, seconds } of stages) {
    const now = finished === 0 ? 'made' : finished === parts ? 'reused' : `made, ${finished} of ${parts} reused`;
    const work = [flops === undefined ? '' : flops.toExponential(1), seconds === undefined ? '' : formatTime(seconds)];
    table.push([stage, now, number(steps), number(parameters), number(nodes), formatBytes(bytes), ...work]);
  }
  const reused = stages.some(({ finished = 0 }) => finished > 0) ? ' for what is made' : '';
  const atOnce = processes > 1 ? `, with ${processes} parts at once` : '';
  return [
    `What ${name} needs:`,
    table.toString(),
    `About ${formatBytes(peakBytes)} of memory at the highest peak, of ${formatBytes(machineBytes)} here; ${flopsToDo({ stages }).toExponential(1)} floating-point operations`,
    `and about ${formatTime(seconds)}${atOnce}${reused}.`,
    'Memory is counted from the sizes of the data and from the graphs of the forward pass; a training step takes about 1.5 times its results.',
    `Time is from the operations, at ${EFFICIENCY} of the rate of a matrix product as measured here now, ${productGflops} GFLOP/s; expect half to twice as`,
    'much. Playing environments and writing files come on top.',
  ].join('\n');
}

/** Two units at most: a rough time has no more to say. */
export function formatTime(seconds: number): string {
  if (seconds < 99.5) return `${seconds < 9.5 ? Number(seconds.toPrecision(1)) : Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 100) return `${minutes} min`;
  const hours = seconds / 3600;
  return hours < 48 ? `${Number(hours.toPrecision(2))} h` : `${Number((hours / 24).toPrecision(3))} d`;
}
