/** @file Names of the formats, and the ways to select settings: shared by schemas and reports. */

/** Format of results.json. */
export const RESULTS_FORMAT = 'cadenza-results-2';
/** Format of returns.json. */
export const RETURNS_FORMAT = 'cadenza-returns-1';

/** Name of the file of raw returns in the folder of a run. */
export const RETURNS_FILE = 'returns.json';

/** How the settings of an experiment were selected, in the words of reports. */
export const SELECTIONS = {
  unstated: 'how these settings were selected is not stated',
  preset: 'settings fixed before any of their results were seen',
  validation: 'settings selected by results on validation tasks',
  test: 'settings selected by results on test tasks',
} as const;
