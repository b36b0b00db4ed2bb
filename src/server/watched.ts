/** @file What the server and the page of `cadenza watch` tell each other, as server-sent events. */

import type { Headline } from '../reports/summary.ts';
import type { Leaves } from '../util/leaves.ts';

/** A run in the list. */
export interface WatchedRun {
  /** Path of its folder, relative to the one that is watched. */
  readonly id: string;
  /** Name of the experiment, ablation or search. */
  readonly name: string;
  /** Kind of experiment, or `ablation` or `study`. Absent if unknown. */
  readonly kind?: string;
  /** `stopped`: by a signal, or its process is gone. */
  readonly state: 'running' | 'finished' | 'stopped' | 'failed' | 'damaged';
  /** Why it failed or is damaged. */
  readonly reason?: string;
  /** The current or last stage, and its finished units of work. */
  readonly now?: { readonly stage: string; readonly done: number; readonly total: number };
  /** Position of the stage, and the number of stages. */
  readonly place?: { readonly at: number; readonly of: number };
  /** Expected seconds to the end, as far as known. */
  readonly seconds?: number;
  /** Time of the latest change, as ISO 8601. */
  readonly changed: string;
  /** The main number, once the results have been read. */
  readonly score?: Headline;
}

/** The stages of a run that train one variant of it. */
export interface WatchedVariant {
  /** Name of the combination or trial; empty for a run without variants. */
  readonly name: string;
  /** Settings in which it differs from the other variants. */
  readonly settings: Leaves;
  readonly score?: Headline;
}

/** What is known of a chosen run besides its place in the list. */
export interface RunDetail {
  readonly id: string;
  /** Settings that all of its variants share, by dotted path. */
  readonly settings: Leaves;
  readonly variants: readonly WatchedVariant[];
  /** Stages that have written metrics, by name. */
  readonly stages: readonly string[];
  /** The results in sentences; empty if there are none yet. */
  readonly found: readonly string[];
  /** The main number of every method. */
  readonly scores: readonly Headline[];
  /** Tasks on either side of the split and in both, compared by content. */
  readonly split?: { readonly train: number; readonly test: number; readonly overlap: number };
  /** Pages in the folder of the run. */
  readonly reports: readonly string[];
}

/** New metrics of one stage of one seed. */
export interface Points {
  /** The run, and the name of the stage's folder. */
  readonly run: string;
  readonly folder: string;
  readonly seed?: number;
  /** Numbers of the run's variants that share the stage. */
  readonly variants: readonly number[];
  /** Whether these points replace all earlier ones. */
  readonly replaces: boolean;
  readonly step: readonly number[];
  /** Values by metric, one for each step; null where a step has none. */
  readonly values: Readonly<Record<string, readonly (number | null)[]>>;
}

/** Events of `events/runs`. */
export interface ListEvents {
  /** All runs: what a connection begins with. */
  list: { readonly folder: string; readonly runs: readonly WatchedRun[] };
  /** Runs that are new or have changed, and those that are gone. */
  change: { readonly runs: readonly WatchedRun[]; readonly gone: readonly string[] };
}

/** Events of `events/curves?run=…&stage=…`: of the chosen runs. */
export interface CurveEvents {
  detail: RunDetail;
  points: readonly Points[];
}

/** Most runs whose curves are sent at once. */
export const MOST_RUNS = 60;
