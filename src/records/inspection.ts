/** @file What looking into a finished run found, as it is written to inspect.json. */

import type { z } from 'zod';
import type { TransplantTable } from '../play/transplant.ts';
import type { EpisodeAttention } from '../statistics/attention.ts';
import { bootstrapInterval, columnsOf, mean, type Resamples } from '../statistics/bootstrap.ts';
import type { ProbeScores } from '../statistics/probes.ts';
import type { ReferenceKind } from '../statistics/reference.ts';
import type { Curve, ProbeReport, RECONSTRUCTION } from './inspection-format.ts';
import type { RunRecord } from './results-format.ts';

export type { AgedMeans, Curve, FactorProbes, FieldReconstruction, ProbeReport } from './inspection-format.ts';

/** Format of inspect.json. */
export const INSPECTION_FORMAT = 'cadenza-inspection-2';

/** The same of the tasks that were trained on and of those that were held out. */
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

/** What is probed: Z; the latest raw transitions, of as many numbers; Z by a probe fitted to the labels of other tasks. */
export const PROBED = ['Z', 'raw', 'shuffled'] as const;
/** What probes read from. */
export type Probed = (typeof PROBED)[number];

/** How the policy attends, on both sides. */
export interface AttentionReport extends Sides<readonly EpisodeAttention[]> {
  /** Numbers of the layers that attend, from 0. */
  readonly layers: readonly number[];
  /** Latents of Z: the first of what is attended to. */
  readonly latents: number;
}

/** The tasks and streams of a side that were looked at. */
export interface InspectedSide {
  /** Which tasks. */
  readonly side: string;
  readonly tasks: number;
  readonly streams: number;
}

/** The whole of inspect.json. */
export interface Inspection {
  readonly format: typeof INSPECTION_FORMAT;
  readonly name: string;
  /** The inspected model. */
  readonly model: {
    /** Stage and key of what was looked into. */
    readonly stage: string;
    readonly key: string;
    readonly compressor: string;
    readonly latentShape: readonly number[];
  };
  /** The tasks and streams on both sides. */
  readonly sides: Sides<InspectedSide>;
  /** In-context episodes of every stream. */
  readonly episodes: number;
  /** What was measured on what, and what the intervals are. */
  readonly intervalNote: string;
  /** How well contexts are reconstructed from Z. */
  readonly reconstruction: Reconstruction | Missing;
  /** What linear probes read from Z. */
  readonly probes: ProbeReport | Missing;
  /** What the policy does with the Z of another task. */
  readonly transplants: Sides<TransplantTable> | Missing;
  /** How the policy attends. */
  readonly attention: AttentionReport | Missing;
  /** What returns are scored by; absent where that is the oracle. */
  readonly reference?: ReferenceKind;
  /** The run that it belongs to. */
  readonly run: RunRecord;
}

/** A curve of probes' scores, one a moment, with intervals under draws made before. */
export function curveOf(scores: readonly Pick<ProbeScores, 'whole'>[], draws: Resamples): Curve {
  return columnsOf(scores.map(({ whole }) => ({ mean: mean(whole), ...bootstrapInterval(whole, mean, draws) })));
}

/** In-context episodes after which something is measured: all early ones, later ones ever farther apart, `always` and the last. */
export function moments(episodes: number, always: number): number[] {
  const round = [0, 1, 2, 3, 4, 5, 7, 10, 15, 20, 30, 50, 70, 100, 150, 200, 300, 500, 1000];
  return [...new Set([...round, always, episodes])].filter(moment => moment <= episodes).sort((a, b) => a - b);
}
