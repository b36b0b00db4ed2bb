/**
 * @file What a report has to know of an experiment beside its results: what follows from its configuration, and the kinds that it names.
 * Types alone: stages fill them in, reports read them.
 */

/** What follows from a configuration and is not written in it. A part of results.json, so that every number of a paper is in the run's own files. */
export interface Setting {
  environment: {
    /** All options of the family, defaults included; absent for one of which only recordings exist. */
    options?: Record<string, number>;
    /** Steps of an episode at most. */
    horizon: number;
    /** Tasks of the family, where they are listed. */
    tasks?: number;
    observation: SpaceKind;
    action: SpaceKind;
  };
  /** Absent where histories were imported. */
  source?: { options: Record<string, number> };
  /** Learning histories that are trained on; absent where they were imported. */
  histories?: number;
  /** The raw context X: transitions, tokens (N), tokens among which the compressor's blocks attend, and numbers in a token (F). */
  context: { transitions: number; tokens: number; span: number; numbers: number };
  /** The query Q: tokens at most (T), those of a prompt among them, and numbers in a token. */
  query: { tokens: number; promptTokens: number; numbers: number };
  /** Z: its latents (m), their width, what R(Z) weighs at least, and tokens of a working memory beside them. */
  latents: { count: number; width: number; leastCapacity: number; workingMemory: number };
  /** Contexts that the policy looks up (k). */
  retrieved: number;
  /** Numbers of a distribution over actions. */
  distribution: number;
  /** Trained numbers: of the networks of CAD by their part, and of every other trained row. */
  parameters: Record<string, number>;
  /** Training steps of each baseline, and the tokens (or latents) of the past that the policy of each sees. */
  baselines: { steps: number; tokens: Record<string, number> };
  optimiser: { epsilon: number };
  /** Options of Monte-Carlo control, where a teacher or labels come from it. */
  monteCarlo?: { options: Record<string, number> };
  /** Episodes at the end of a stream that its final score is taken over. */
  finalEpisodes: number;
  /** Of the further tables of the experiment, by name. */
  tables?: Record<string, Setting>;
}

export type SpaceKind = 'discrete' | 'multi-discrete' | 'box' | 'image';

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
  source?: Kind & { readonly options: Readonly<Record<string, number>> };
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
  readonly term: string;
  /** The term is left out where it is 0. */
  readonly weight: number;
  /** The setting that the weight is; absent where it is fixed. */
  readonly setting?: string;
}

/** A training stage that an experiment goes through. */
export interface StageDescription {
  readonly name: string;
  /** What its command does. */
  readonly help: string;
  /** Methods that it adds to the evaluation. */
  readonly methods: readonly string[];
  /** What it minimizes, where that is a sum of terms; those of weight 0 are left out. */
  readonly loss?: readonly (WeightedTerm & { readonly description: string })[];
}

export interface Description {
  readonly setting: Setting;
  readonly kinds: Kinds;
  /** The training stages, in their order. */
  readonly stages: readonly StageDescription[];
}
