/** @file Opens the folder of a run: its results, and the raw returns behind them. */

import { existsSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import type { RawReturns, Results, ReturnsTable } from '../records/index.ts';
import { INSPECTION_FORMAT, RECORDED_FORMAT, RESULTS_FORMAT, STUDY_FORMAT, SUPERVISED_FORMAT } from '../records/index.ts';
import { checkResults } from '../records/results-format.ts';
import { RETURNS } from '../records/returns-format.ts';
import { CadenzaError } from '../util/errors.ts';
import { readBytes, readJson, sha256 } from '../util/files.ts';
import { readRecord } from '../util/records.ts';

/** What other commands write. */
const OTHER_FORMATS = [SUPERVISED_FORMAT, RECORDED_FORMAT, INSPECTION_FORMAT, STUDY_FORMAT] as const;

const fault = (message: string) => new CadenzaError('E_DATA', message);

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
 * @throws `E_DATA` when there are no results, they are of another kind or were altered, or the raw returns are not those that the results were computed from.
 */
export function openRun(path: string): OpenRun {
  const file = existsSync(path) && statSync(path).isDirectory() ? join(path, 'results.json') : path;
  const folder = dirname(file);
  const content = readJson(file, 'E_DATA', 'Give the folder of a finished run, such as runs/dark-room.');
  refuseOtherKinds(file, content);
  const results = checkResults(content, file);
  return { folder, results, raw: results.raw && openReturns(folder, results) };
}

/** Says what the results of another kind are, and where their own page is, if it is there. */
function refuseOtherKinds(file: string, content: unknown): void {
  const { success, data } = z.looseObject({ format: z.enum(OTHER_FORMATS) }).safeParse(content);
  if (!success) return;
  const pages = ['results.html', 'inspect.html'].map(name => join(dirname(file), name)).filter(page => existsSync(page));
  const none = 'It has no page in its folder; the same command that made it, run again, writes one.';
  const advice = pages.length > 0 ? `Its page is ${pages.join(' and ')}.` : none;
  throw fault(`${file} has the format ${data.format}; expected ${RESULTS_FORMAT}, the results of in-context runs. ${advice}`);
}

function openReturns(folder: string, { name, methods, tables, raw }: Results): RawReturns {
  const { file, sha256: expected } = raw!;
  const path = join(folder, file);
  const advice = 'It stands next to results.json: copy both, or run the experiment again in its folder, which only evaluates again.';
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
        throw fault(`${path} has no returns of "${method}" in the table "${table}", which results.json has. ${advice}`);
    }
  return returns;
}

/**
 * The raw returns of one table of a run: of the experiment itself, or of a further table by its name.
 *
 * @throws `E_DATA` when the run has none, or no such table.
 */
export function rawTable({ folder, results, raw }: OpenRun, table: string = results.name): ReturnsTable {
  if (!raw)
    throw fault(
      `${folder} has no raw returns: its results were written before there was a returns.json beside them. Run the same command again with this folder as --out; what is finished is not trained again.`,
    );
  if (!Object.hasOwn(raw.tables, table))
    throw fault(`${folder} has no table "${table}"; expected one of ${Object.keys(raw.tables).join(', ')}.`);
  return raw.tables[table];
}
