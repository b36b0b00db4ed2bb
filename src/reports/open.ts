/** @file Opens the folder of a run: its results, and the raw returns behind them. */

import { existsSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type RawReturns, RESULTS_FORMAT, RETURNS_FORMAT, type Results, type ReturnsTable } from '../evaluation/index.ts';
import { CadenzaError } from '../util/errors.ts';
import { readBytes, readJson, sha256 } from '../util/files.ts';

/** A run as its folder has it. */
export interface OpenRun {
  /** The folder. */
  readonly folder: string;
  readonly results: Results;
  /** Absent where the run was written before raw returns were kept. */
  readonly raw?: RawReturns;
}

/**
 * Opens a run by its folder or by its results.json.
 *
 * @throws `E_DATA` when there are no results, they are of another kind, or the raw returns are not those that the results were computed from.
 */
export function openRun(path: string): OpenRun {
  const file = existsSync(path) && statSync(path).isDirectory() ? join(path, 'results.json') : path;
  const folder = dirname(file);
  const results = readJson(file, 'E_DATA', 'Give the folder of a finished run, such as runs/dark-room.') as Results;
  if (results.format !== RESULTS_FORMAT)
    throw new CadenzaError(
      'E_DATA',
      `${file} has the format ${results.format}; expected ${RESULTS_FORMAT}, the results of in-context runs. What others have found is in the results.html beside it.`,
    );
  return { folder, results, ...(results.raw ? { raw: openReturns(folder, results.raw) } : {}) };
}

function openReturns(folder: string, { file, sha256: expected }: NonNullable<Results['raw']>): RawReturns {
  const path = join(folder, file);
  const advice = 'It stands beside results.json: copy both, or run the experiment again in its folder, which only evaluates anew.';
  const bytes = readBytes(path, 'E_DATA', advice);
  const found = sha256(bytes);
  if (found !== expected)
    throw new CadenzaError(
      'E_DATA',
      `${path} is not what results.json was computed from: expected SHA-256 ${expected.slice(0, 16)}…, found ${found.slice(0, 16)}…. ${advice}`,
    );
  const raw = JSON.parse(Buffer.from(bytes).toString('utf8')) as RawReturns;
  if (raw.format !== RETURNS_FORMAT)
    throw new CadenzaError(
      'E_DATA',
      `${path} has the format ${raw.format}; expected ${RETURNS_FORMAT}. Read it with the version that wrote it.`,
    );
  return raw;
}

/**
 * The raw returns of one table of a run: of the experiment itself, or of a further table by its name.
 *
 * @throws `E_DATA` when the run has none, or no such table.
 */
export function rawTable({ folder, results, raw }: OpenRun, table: string = results.name): ReturnsTable {
  if (!raw)
    throw new CadenzaError(
      'E_DATA',
      `${folder} has no raw returns: its results were written before there was a returns.json beside them. Run the same command again with this folder as --out; what is finished is not trained again.`,
    );
  if (!Object.hasOwn(raw.tables, table))
    throw new CadenzaError('E_DATA', `${folder} has no table "${table}"; expected one of ${Object.keys(raw.tables).join(', ')}.`);
  return raw.tables[table];
}
