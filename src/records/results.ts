/** @file What an evaluation found, as it is written to results.json. */

import type { ImitationTable } from '../statistics/imitation.ts';
import type { ReturnTable } from '../statistics/return-errors.ts';
import type { Versus } from './comparison.ts';
import type { Setting } from './description.ts';
import type { MethodResult, MethodTable } from './method.ts';
import type { Protocol } from './protocol.ts';
import type { RateReturn } from './rate-return.ts';
import type { CommonResults } from './run-record.ts';

export const RESULTS_FORMAT = 'cadenza-results-1';

/** The whole of results.json. */
export interface Results extends CommonResults<MethodResult> {
  format: typeof RESULTS_FORMAT;
  /** Mean raw return of the oracle over the test tasks. */
  oracle: { mean: number };
  /** In-context episodes of a stream. */
  episodes: number;
  /** Streams of one seed. */
  streams: number;
  sampling: 'sample' | 'greedy';
  /** Further tables of the same shape, by name. */
  tables?: Record<string, MethodTable>;
  /** CAD, or an ablation's reference, held against every other row, by the name of the experiment or of the table; older results, and tables without that row, have none. */
  versus?: Record<string, Versus>;
  /** How well future returns are predicted, by the name of the experiment or of the table; absent where no model predicts any. */
  returns?: Record<string, ReturnTable>;
  /** Rate against return, of an ablation that asks for it. */
  rate?: RateReturn;
  /** What follows from the configuration; absent in results that were written before it was kept, and of ablations. */
  setting?: Setting;
  /** How near action probabilities are to the source's, by the same names; absent where that was not measured. */
  imitation?: Record<string, ImitationTable>;
  /** How the rows of each table were evaluated and chosen, by the name of the experiment or of the table; older results have none. */
  protocols?: Record<string, Protocol>;
  /** The raw returns of all tables, in a file beside this one; results written before there was one have none. */
  raw?: { file: string; sha256: string };
}
