/**
 * @file What a report has to know of an experiment beside its results: what follows from its configuration, and the kinds that it names.
 * Types alone: stages fill them in, reports read them.
 */

import type { OptionValues } from '../util/options.ts';
import type { Setting } from './results-format.ts';

/** A kind of something that an experiment chose, and what its registry says of it. */
export interface Kind {
  readonly id: string;
  readonly description: string;
}

/** The kinds that an experiment chose, with what their words in a Methods section depend on and the configuration does not say. */
export interface Kinds {
  /** Absent where only recordings of it exist. */
  environment?: Kind;
  /** With all its options; absent where histories were imported. */
  source?: Kind & { readonly options: OptionValues };
  /** The compressor. */
  compressor: Kind;
  /** With whether they have an R(Z). */
  latents: Kind & { readonly capacity: boolean };
  /** With how many numbers an action has. */
  head: Kind & { readonly dimensions: number };
  /** By the row of the results. */
  baselines: Record<string, Kind>;
  /** Of the further tables, by name. */
  tables: Record<string, Kinds>;
}

/** A term of the loss of a stage. */
export interface WeightedTerm {
  /** Id of the loss term. */
  readonly term: string;
  /** The term is left out where it is 0. */
  readonly weight: number;
  /** The setting that the weight is; absent where it is fixed. */
  readonly setting?: string;
}

/** What sums and sentences call a term of a loss. */
export interface TermWords {
  /** Its weight as sums write it, such as λ_cap. */
  readonly symbol: string;
  /** The term as sums write it, such as L_rec. */
  readonly name: string;
  readonly description: string;
}

/** A training stage that an experiment goes through. */
export interface StageDescription {
  readonly name: string;
  /** What its command does. */
  readonly help: string;
  /** Methods that it adds to the evaluation. */
  readonly methods: readonly string[];
  /** What it minimizes, where that is a sum of terms; those of weight 0 are left out. */
  readonly loss?: readonly (WeightedTerm & TermWords)[];
}

/** What a run did, in words and settings, for reports. */
export interface Description {
  /** The settings that it depends on. */
  readonly setting: Setting;
  /** The kinds that it uses. */
  readonly kinds: Kinds;
  /** The training stages, in their order. */
  readonly stages: readonly StageDescription[];
}
