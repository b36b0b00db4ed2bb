/** @file The formats of results, how they are computed from raw returns, and comparisons. */

import type { RecordedResults } from './recorded.ts';
import type { Results } from './results-format.ts';
import type { SupervisedResults } from './supervised.ts';

export * from './comparison.ts';
export * from './description.ts';
export * from './inspection.ts';
export * from './integrity.ts';
export * from './method.ts';
export * from './names.ts';
export * from './rate-return.ts';
export * from './raw-returns.ts';
export * from './recorded.ts';
export * from './reference.ts';
export type * from './results-format.ts';
export type * from './returns-format.ts';
export * from './study.ts';
export * from './supervised.ts';

/** Results of any kind of experiment. */
export type AnyResults = Results | RecordedResults | SupervisedResults;
