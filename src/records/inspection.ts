/** @file The results of `cadenza inspect`, as they are written to inspect.json. */

import type { z } from 'zod';
import type { TransplantTable } from '../play/transplant.ts';
import type { EpisodeAttention } from '../statistics/attention.ts';
import { bootstrapInterval, columnsOf, mean, type Resamples } from '../statistics/bootstrap.ts';
import type { ProbeScores } from '../statistics/probes.ts';
import type { ReferenceKind } from '../statistics/reference.ts';
import type { Curve, ProbeReport, RECONSTRUCTION } from './inspection-format.ts';
import type { RunRecord } from './results-format.ts';

export type { AgedMeans, Curve, FactorProbes, FieldReconstruction, ProbeReport } from './inspection-format.ts';

export const INSPECTION_FORMAT = 'cadenza-inspection-2';

/** A value for training tasks and one for held-out tasks. */
export interface Sides<T> {
  readonly train: T;
  readonly heldOut: T;
}

export const SIDES = ['train', 'heldOut'] as const satisfies readonly (keyof Sides<unknown>)[];

/** Why something could not be measured, as a sentence. */
export interface Missing {
  readonly missing: string;
}

export const isMissing = (found: object): found is Missing => 'missing' in found;

export interface Reconstruction extends z.output<typeof RECONSTRUCTION> {
  /** Where the decoder comes from, as a sentence. */
  readonly decoder: string;
}

/** Inputs of the probes: Z; the last raw transitions, with about as many numbers; Z with a probe that was fitted to permuted labels. */
export const PROBED = ['Z', 'raw', 'shuffled'] as const;
export type Probed = (typeof PROBED)[number];

export interface AttentionReport extends Sides<readonly EpisodeAttention[]> {
  /** Indices of the layers with attention to Z, from 0. */
  readonly layers: readonly number[];
  /** Number of latents of Z, which are the first keys. */
  readonly latents: number;
}

/** The inspected tasks and streams of one side of the split. */
export interface InspectedSide {
  readonly side: string;
  readonly tasks: number;
  readonly streams: number;
}

/** The content of inspect.json. */
export interface Inspection {
  readonly format: typeof INSPECTION_FORMAT;
  readonly name: string;
  readonly model: {
    /** Stage and key of the inspected model. */
    readonly stage: string;
    readonly key: string;
    readonly compressor: string;
    readonly latentShape: readonly number[];
  };
  readonly sides: Sides<InspectedSide>;
  /** In-context episodes of every stream. */
  readonly episodes: number;
  /** Explains the measurements and their intervals. */
  readonly intervalNote: string;
  readonly reconstruction: Reconstruction | Missing;
  readonly probes: ProbeReport | Missing;
  readonly transplants: Sides<TransplantTable> | Missing;
  readonly attention: AttentionReport | Missing;
  /** Reference of the scores; absent if it is the oracle. */
  readonly reference?: ReferenceKind;
  readonly run: RunRecord;
}

/** A curve of probe scores, one for each episode in `scores`, with intervals from the given draws. */
export function curveOf(scores: readonly Pick<ProbeScores, 'whole'>[], draws: Resamples): Curve {
  return columnsOf(scores.map(({ whole }) => ({ mean: mean(whole), ...bootstrapInterval(whole, mean, draws) })));
}

/** In-context episodes after which to measure: all early ones, later ones at growing distances, `always` and the last. */
export function moments(episodes: number, always: number): number[] {
  const round = [0, 1, 2, 3, 4, 5, 7, 10, 15, 20, 30, 50, 70, 100, 150, 200, 300, 500, 1000];
  return [...new Set([...round, always, episodes])].filter(moment => moment <= episodes).sort((a, b) => a - b);
}
