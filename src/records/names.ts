/** @file Names of the formats, and how the settings of an experiment came about: what schemas, pages and sentences share. */

/** Format of results.json. */
export const RESULTS_FORMAT = 'cadenza-results-2';
/** Format of returns.json. */
export const RETURNS_FORMAT = 'cadenza-returns-1';

/** Name of the file of raw returns in the folder of a run. */
export const RETURNS_FILE = 'returns.json';

/** How the settings of an experiment came about, as a report says it. */
export const SELECTIONS = {
  unstated: 'how these settings were chosen was not stated',
  preset: 'settings as they stood before any result of theirs was seen',
  validation: 'settings chosen by results on validation tasks',
  test: 'settings chosen by results on test tasks',
} as const;
