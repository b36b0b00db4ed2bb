/** @file How the rows of a table were evaluated and chosen. */

/** How the settings of an experiment came about, as a report says it. */
export const SELECTIONS = {
  unstated: 'how these settings were chosen was not stated',
  preset: 'settings as they stood before any result of theirs was seen',
  validation: 'settings chosen by results on validation tasks',
  test: 'settings chosen by results on test tasks',
} as const;

export interface Selection {
  by: keyof typeof SELECTIONS;
  /** Fingerprint of the settings that were so chosen. */
  settings?: string;
  /** In the words of who chose them. */
  note?: string;
  /** SHA-256 of the tune.json that recommended them. */
  study?: string;
  /** Keys of the tasks that they were chosen on, where that was recorded. */
  tasks?: string[];
}

/** What all rows of one table share, and what must be equal for rows of two tables to stand side by side. */
export interface Protocol {
  /** The family, with those of its options that are not the defaults. */
  env: { id: string; options?: Record<string, unknown> };
  /** Which tasks were played: those that are held out, or those that settings are chosen on. */
  side: 'test' | 'validation';
  episodes: number;
  /** Streams of one task and training seed. */
  streams: number;
  sampling: 'sample' | 'greedy';
  /** Tasks on either side of the split, and how many are on both, by content. */
  split: { train: number; test: number; overlap: number };
  selection: Selection;
}
