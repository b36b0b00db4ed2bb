/**
 * @file The description of an experiment for its reports, in addition to its results: derived settings, and the kinds that it uses. Types only: stages
 * fill them in, reports read them.
 */

import type { OptionValues } from '../util/options.ts';
import type { Setting } from './results-format.ts';

/** A registered kind that an experiment uses, with its description. */
export interface Kind {
  readonly id: string;
  readonly description: string;
}

/** The kinds that an experiment uses, with properties that a Methods section needs and the configuration lacks. */
export interface Kinds {
  /** With all its options; absent if only recordings of it exist. */
  environment?: Kind & { readonly options: OptionValues };
  /** With all its options; absent if histories were imported. */
  source?: Kind & { readonly options: OptionValues };
  /** The compressor. */
  compressor: Kind;
  /** `capacity`: whether they have an R(Z). */
  latents: Kind & { readonly capacity: boolean };
  /** `dimensions`: numbers per action. */
  head: Kind & { readonly dimensions: number };
  /** By the method of the results. */
  baselines: Record<string, Kind>;
  /** Those of the further tables, by name. */
  tables: Record<string, Kinds>;
}

/** A term of the loss of a stage. */
export interface WeightedTerm {
  /** Id of the loss term. */
  readonly term: string;
  /** The term is left out if it is 0. */
  readonly weight: number;
  /** Dotted key of the setting of the weight; absent if the weight is fixed. */
  readonly setting?: string;
}

/** Symbols and description of a term of a loss. */
export interface TermWords {
  /** Symbol of its weight, such as λ_cap. */
  readonly symbol: string;
  /** Symbol of the term, such as L_rec. */
  readonly name: string;
  readonly description: string;
}

/** A training stage of an experiment. */
export interface StageDescription {
  readonly name: string;
  /** Help text of its command. */
  readonly help: string;
  /** Methods that it adds to the evaluation. */
  readonly methods: readonly string[];
  /** Terms of its loss with weights other than 0; absent if the loss is no such sum. */
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
