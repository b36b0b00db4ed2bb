/** @file The table of `--dry-run`: memory, operations and time of an experiment. */

import { availableParallelism } from 'node:os';
import { type Estimate, formatBytes, type StageEstimate } from '../pipeline/needs.ts';
import { painter, table } from '../reports/terminal/results.ts';
import { wantsColor } from '../util/color.ts';
import { terminalWidth, wrap } from '../util/text.ts';

/**
 * Speed of a stage as a fraction of the speed of a plain matrix product. Measured in committed results: training of the key-to-door and
 * dark-room presets reached 0.35 to 0.7 on two threads, their evidence runs 0.35 to 0.6 on one thread, evaluation the same.
 */
const EFFICIENCY = 0.5;

/** Seconds to begin and end a stage: graphs are compiled and files written. `tiny`, which computes for 0.6 s, takes 10 s in 9 stages. */
const STAGE_SECONDS = 1;

export type TimedEstimate = ReturnType<typeof timed>;

/**
 * Adds times to an estimate: for each stage, and in total for unfinished stages with parallel parts. Times follow from the number of stages,
 * the operations, and the speed of a matrix product in GFLOP/s on `threads` threads, so they exclude other work, such as data generation.
 */
export function timed(found: Estimate, productGflops: number, threads: number) {
  const rate = 1e9 * productGflops * EFFICIENCY;
  const secondsOf = ({ flops = 0, parts = 1 }: StageEstimate) => parts * STAGE_SECONDS + flops / rate;
  const stages = found.stages.map(stage => ({ ...stage, seconds: stage.flops === undefined ? undefined : secondsOf(stage) }));
  const total = found.stages.reduce((sum, stage) => sum + secondsOf(stage) * leftOf(stage), 0);
  // More processes than cores do not run faster, and no number of them is faster than the longest chain.
  const parallel = Math.max(1, Math.min(found.processes, availableParallelism() / threads));
  const chain = found.chain ? found.chain.stages * STAGE_SECONDS + found.chain.flops / rate : 0;
  return { ...found, stages, seconds: Math.max(total / parallel, Math.min(chain, total)), productGflops };
}

/** The share of a stage that is not finished. */
const leftOf = ({ parts = 1, finished = 0 }: StageEstimate) => 1 - finished / parts;

/** Floating-point operations of unfinished stages. */
const flopsToDo = ({ stages }: Pick<Estimate, 'stages'>) => stages.reduce((sum, stage) => sum + (stage.flops ?? 0) * leftOf(stage), 0);

/** One line per stage, then peak memory, total time, and the basis of the estimate. */
export function formatEstimate(
  { name, stages, peakBytes, machineBytes, processes, seconds, productGflops }: TimedEstimate,
  width = terminalWidth(),
): string {
  const head = ['stage', 'status', 'steps', 'parameters', 'memory', 'FLOPs', 'time'];
  const number = (value: number | undefined) => (value === undefined ? '' : value.toLocaleString('en-US'));
  const rows = stages.map(({ stage, parts = 1, finished = 0, steps, parameters, bytes, flops, seconds }) => {
    const status = finished === 0 ? 'to run' : finished === parts ? 'finished' : `${finished} of ${parts} finished`;
    const work = [flops === undefined ? '' : flops.toExponential(1), seconds === undefined ? '' : formatTime(seconds)];
    return [stage, status, number(steps), number(parameters), formatBytes(bytes), ...work];
  });
  const reused = stages.some(({ finished = 0 }) => finished > 0) ? ' for stages that are not finished' : '';
  const parallel = processes > 1 ? ` in ${processes} parallel processes` : '';
  const notes = [
    `Estimate${reused}: about ${formatTime(seconds)}${parallel} and ${flopsToDo({ stages }).toExponential(1)} FLOPs. Peak memory: about ${formatBytes(peakBytes)} of ${formatBytes(machineBytes)}.`,
    `Times assume ${STAGE_SECONDS} s for each stage and ${EFFICIENCY} × the measured matrix multiplication speed of this machine (${productGflops} GFLOP/s); actual times can be half or twice as long. They exclude environment steps and file output. Memory is estimated from the data and the training graphs.`,
  ];
  return [`${name}: stages`, table(head, rows, painter(wantsColor())), notes.map(note => wrap(note, width)).join('\n')].join('\n\n');
}

/** A rough time, rounded to one unit. */
export function formatTime(seconds: number): string {
  if (seconds < 99.5) return `${seconds < 9.5 ? Number(seconds.toPrecision(1)) : Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 100) return `${minutes} min`;
  const hours = seconds / 3600;
  return hours < 48 ? `${Number(hours.toPrecision(2))} h` : `${Number((hours / 24).toPrecision(3))} d`;
}
