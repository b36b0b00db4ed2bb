/** @file Opens the folder of a run: its results, and the raw returns behind them. */

import { existsSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { checkAnyResults, whatOf } from '../records/any-format.ts';
import type { AnyResults, RawReturns, Results, ReturnsTable } from '../records/index.ts';
import { INSPECTION_FORMAT, RESULTS_FORMAT, STUDY_FORMAT } from '../records/index.ts';
import { RETURNS } from '../records/returns-format.ts';
import { CadenzaError } from '../util/errors.ts';
import { packedPath, readBytes, readJson, sha256 } from '../util/files.ts';
import { readRecord } from '../util/records.ts';

/** Formats of other files, with the command that writes them. */
const OTHERS: Readonly<Record<string, string>> = { [INSPECTION_FORMAT]: 'cadenza inspect', [STUDY_FORMAT]: 'cadenza tune' };

const fault = (message: string) => new CadenzaError('E_DATA', message);

/** A run, as read from its folder. */
export interface OpenRun {
  /** The folder. */
  readonly folder: string;
  readonly results: Results;
  /** Absent in runs of old versions, which did not store raw returns. */
  readonly raw?: RawReturns;
}

/**
 * Opens the results of a run of any kind, given its folder or its results.json. This file and the raw returns may be compressed by Brotli
 * (`results.json.br`, `returns.json.br`).
 *
 * @throws `E_DATA` if there are none, or they were altered.
 */
export function openResults(path: string): { readonly folder: string; readonly results: AnyResults } {
  const file = packedPath(existsSync(path) && statSync(path).isDirectory() ? join(path, 'results.json') : path);
  const content = readJson(file, 'E_DATA', 'Give the folder of a finished run, such as runs/dark-room.');
  const { format } = { ...(content as { format?: unknown } | null) };
  if (typeof format === 'string' && Object.hasOwn(OTHERS, format))
    throw fault(`${file} is a result of ${OTHERS[format]} (${format}); expected the results.json of a run. Give the folder of the run.`);
  return { folder: dirname(file), results: checkAnyResults(content, file) };
}

/**
 * Opens a run in an environment, in the same way.
 *
 * @throws `E_DATA` as `openResults` does, if the run is of another kind, or if the raw returns are not those that the results were computed from.
 */
export function openRun(path: string): OpenRun {
  const { folder, results } = openResults(path);
  if (results.format === RESULTS_FORMAT) return { folder, results, raw: results.raw && openReturns(folder, results) };
  const advice = `Only these have returns that can be compared; "cadenza report ${folder}" shows the results of this run alone.`;
  throw fault(`${folder} has ${whatOf(results.format)}; expected ${whatOf(RESULTS_FORMAT)}. ${advice}`);
}

function openReturns(folder: string, { name, methods, tables, raw }: Results): RawReturns {
  const { file, sha256: expected } = raw!;
  const path = packedPath(join(folder, file));
  const advice =
    'It belongs next to results.json: copy both, or run the experiment again in its folder, which repeats the evaluation only.';
  const bytes = readBytes(path, 'E_DATA', advice);
  const found = sha256(bytes);
  if (found !== expected)
    throw fault(
      `${path} is not what results.json was computed from: expected SHA-256 ${expected.slice(0, 16)}…, found ${found.slice(0, 16)}…. ${advice}`,
    );
  const returns = readRecord(path, RETURNS);
  for (const [table, rows] of Object.entries({ ...tables, [name]: methods }))
    for (const method of Object.keys(rows)) {
      const own = Object.hasOwn(returns.tables, table) ? returns.tables[table] : undefined;
      if (!own || !Object.hasOwn(own.methods, method))
        throw fault(`${path} has no returns for "${method}" in the table "${table}", but results.json has this method. ${advice}`);
    }
  return returns;
}

/**
 * The raw returns of one table of a run: the experiment itself, or a further table by its name.
 *
 * @throws `E_DATA` if the run has none, or no such table.
 */
export function rawTable({ folder, results, raw }: OpenRun, table: string = results.name): ReturnsTable {
  if (!raw)
    throw fault(
      `${folder} has no raw returns (returns.json): an old version wrote its results. Run the same command again with this folder as --out; finished stages are not repeated.`,
    );
  if (!Object.hasOwn(raw.tables, table))
    throw fault(`${folder} has no table "${table}"; expected one of ${Object.keys(raw.tables).join(', ')}.`);
  return raw.tables[table];
}
