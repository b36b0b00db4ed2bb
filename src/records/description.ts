/**
 * @file What a report has to know of an experiment beside its results: what follows from its configuration, and how its parts are said in a
 * Methods section. Types alone: stages fill them in, reports read them.
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

/**
 * How the kinds that an experiment chose are said in a Methods section: sentences in LaTeX, in which <names> stand for values: `<a/b>` for the
 * value at that place, `<a/b|step>` for it with a noun that agrees with it. Names begin where their kind's own values are: at
 * `setting/environment` or `setting/source`, all others at the configuration.
 */
export interface Prose {
  environment: string;
  /** Ends "The source is …"; further sentences may follow. */
  source?: string;
  compressor: string;
  latents: { form: string; capacity?: string };
  head: string;
  /** What stands in the compressor's place, by the row of the results. */
  rows: Record<string, string>;
  /** Of the further tables, by name. */
  tables: Record<string, Prose>;
}

export interface Description {
  readonly setting: Setting;
  readonly prose: Prose;
}
