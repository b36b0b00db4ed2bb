/** @file The results of `cadenza inspect`, as they are written to inspect.json. */

import type { z } from 'zod';
import type { TransplantTable } from '../play/transplant.ts';
import type { EpisodeAttention } from '../statistics/attention.ts';
import { bootstrapInterval, columnsOf, mean, type Resamples } from '../statistics/bootstrap.ts';
import type { ProbeScores } from '../statistics/probes.ts';
import type { ReferenceKind } from '../statistics/reference.ts';
import type { Curve, FactorProbes, ProbeReport, RECONSTRUCTION } from './inspection-format.ts';
import type { RunRecord } from './results-format.ts';

export type { AgedMeans, Curve, FactorProbes, FieldReconstruction, ProbeReport } from './inspection-format.ts';

/** Format of inspect.json. */
export const INSPECTION_FORMAT = 'cadenza-inspection-2';

/** A value for training tasks and one for held-out tasks. */
export interface Sides<T> {
  /** On training tasks. */
  readonly train: T;
  /** On held-out tasks. */
  readonly heldOut: T;
}

/** Both sides, in the order of reports. */
export const SIDES = ['train', 'heldOut'] as const satisfies readonly (keyof Sides<unknown>)[];

/** Why something could not be measured, as a sentence. */
export interface Missing {
  /** Why the section is missing. */
  readonly missing: string;
}

/** Whether a section is missing. */
export const isMissing = (found: object): found is Missing => 'missing' in found;

/** How well contexts are reconstructed from Z. */
export interface Reconstruction extends z.output<typeof RECONSTRUCTION> {
  /** Where the decoder comes from, as a sentence. */
  readonly decoder: string;
}

/** Inputs of the probes: Z; the last raw transitions, with about as many numbers; Z with a probe that was fitted to permuted labels. */
export const PROBED = ['Z', 'raw', 'shuffled'] as const;
/** What probes read from. */
export type Probed = (typeof PROBED)[number];

/** How the policy attends, on both sides. */
export interface AttentionReport extends Sides<readonly EpisodeAttention[]> {
  /** Indices of the layers with attention to Z, from 0. */
  readonly layers: readonly number[];
  /** Number of latents of Z, which are the first keys. */
  readonly latents: number;
}

/** The inspected tasks and streams of one side of the split. */
export interface InspectedSide {
  /** Which tasks. */
  readonly side: string;
  readonly tasks: number;
  readonly streams: number;
}

/** The content of inspect.json. */
export interface Inspection {
  readonly format: typeof INSPECTION_FORMAT;
  readonly name: string;
  /** The inspected model. */
  readonly model: {
    /** Stage and key of the inspected model. */
    readonly stage: string;
    readonly key: string;
    readonly compressor: string;
    readonly latentShape: readonly number[];
  };
  /** The tasks and streams on both sides. */
  readonly sides: Sides<InspectedSide>;
  /** In-context episodes of every stream. */
  readonly episodes: number;
  /** Explains the measurements and their intervals. */
  readonly intervalNote: string;
  /** How well contexts are reconstructed from Z. */
  readonly reconstruction: Reconstruction | Missing;
  /** What linear probes read from Z. */
  readonly probes: ProbeReport | Missing;
  /** What the policy does with the Z of another task. */
  readonly transplants: Sides<TransplantTable> | Missing;
  /** How the policy attends. */
  readonly attention: AttentionReport | Missing;
  /** Reference of the scores; absent if it is the oracle. */
  readonly reference?: ReferenceKind;
  /** The run that it belongs to. */
  readonly run: RunRecord;
}

/** A curve of probe scores, one for each moment in `scores`, with intervals from the draws of that moment. */
export function curveOf(scores: readonly Pick<ProbeScores, 'whole'>[], draws: readonly Resamples[]): Curve {
  return columnsOf(scores.map(({ whole }, e) => ({ mean: mean(whole), ...bootstrapInterval(whole, mean, draws[e]) })));
}

/** In-context episodes after which to measure: all early ones, later ones at growing distances, `always` and the last. */
export function moments(episodes: number, always: number): number[] {
  const round = [0, 1, 2, 3, 4, 5, 7, 10, 15, 20, 30, 50, 70, 100, 150, 200, 300, 500, 1000];
  return [...new Set([...round, always, episodes])].filter(moment => moment <= episodes).sort((a, b) => a - b);
}

/** Number of moments within an episode, where it is long enough; rounding to segments leaves fewer. */
const WITHIN = 10;

/** Calls of one episode after which to measure: none, the first segment, later ends of segments at growing distances, and the last call. */
export function momentsWithin(horizon: number, segment: number): number[] {
  const segments = Math.ceil(horizon / segment);
  const counts = Array.from({ length: WITHIN }, (_, k) => Math.round(segments ** (k / (WITHIN - 1))));
  return [...new Set([0, ...counts.map(count => Math.min(horizon, count * segment))])];
}

/** When probes were scored: numbers of completed episodes, or of calls since the start of the only one. */
export const momentsOf = ({ episodes = [], calls }: ProbeReport) =>
  calls ? { unit: 'calls', at: calls } : { unit: 'episodes', at: episodes };

/** The name of a factor as reports show it: a belief comes with its source. */
export const factorTitle = ({ name, source }: FactorProbes): string => (source ? `${source}: ${name}` : name);
