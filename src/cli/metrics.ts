/** @file The training metrics of all runs in a folder, as one table in CSV or Parquet, or as event files of TensorBoard. */

import { existsSync, realpathSync } from 'node:fs';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { eventFile } from '../cache/event-file.ts';
import { METRICS_FILE, type MetricsLine, readMetrics, scalarsOf } from '../cache/metrics.ts';
import { STAGE_FOLDER } from '../cache/store.ts';
import { foldersIn } from '../server/listing.ts';
import { CadenzaError } from '../util/errors.ts';
import { writeFileAtomic } from '../util/files.ts';

/** The metrics of a training stage. */
export interface StageMetrics {
  /** Folder of the run, relative to the folder that contains all runs. */
  readonly run: string;
  /** Name of the stage, such as `finetune`. */
  readonly stage: string;
  readonly seed?: number;
  /** The end of the name of the stage's folder. Stages with other settings, as in an ablation, have another key. */
  readonly key: string;
  /** The name of the stage's folder. */
  readonly name: string;
  readonly lines: readonly MetricsLine[];
}

/** A column of the table, with a value for each row. */
export interface Column {
  readonly name: string;
  readonly type: 'STRING' | 'INT64' | 'DOUBLE';
  readonly values: readonly (string | number | undefined)[];
}

/**
 * Reads the metrics of every training stage below a folder: a run, an ablation, a search, or a folder that contains some. Runs may be in
 * progress.
 *
 * @throws {CadenzaError} `E_DATA` if there are no metrics, or a file or folder cannot be read.
 */
export function metricsIn(folder: string): StageMetrics[] {
  const runs = runsIn(folder);
  const base = existsSync(join(folder, STAGES)) ? dirname(resolve(folder)) : folder;
  const found = runs.flatMap(run =>
    foldersIn(join(run, STAGES)).flatMap(path => {
      const [name, stage, seed, key] = STAGE_FOLDER.exec(basename(path)) ?? [];
      if (name === undefined || !existsSync(join(path, METRICS_FILE))) return [];
      return [
        { run: relative(base, run), stage, seed: seed === undefined ? undefined : Number(seed), key, name, lines: readMetrics(path) },
      ];
    }),
  );
  if (found.some(({ lines }) => lines.length > 0)) return found;
  const what = runs.length > 0 ? 'no stage has written metrics yet' : 'found no run';
  throw new CadenzaError(
    'E_DATA',
    `${folder}: expected ${STAGES}/*/${METRICS_FILE}, but ${what}. Give a run that trains, or a folder that contains some.`,
  );
}

const STAGES = 'stages';

/** The folder, if it is a run, and all runs below it. Follows links, but visits each folder once. */
function runsIn(folder: string, visited = new Set<string>()): string[] {
  const inner = foldersIn(folder).filter(path => !/^(\.|stages$|node_modules$)/.test(basename(path)));
  const real = realpathSync(folder);
  if (visited.has(real)) return [];
  visited.add(real);
  return [...(existsSync(join(folder, STAGES)) ? [folder] : []), ...inner.flatMap(path => runsIn(path, visited))];
}

/** The table: a row for each stage and measured step, and a column for each metric, in the order in which metrics first occur. */
export function tableOf(stages: readonly StageMetrics[]): Column[] {
  const rows = stages.flatMap(({ lines, ...stage }) => {
    const steps = new Map<number, Record<string, number>>();
    for (const { step, metrics } of lines) steps.set(step, { ...steps.get(step), ...Object.fromEntries(scalarsOf(metrics)) });
    return Array.from(steps, ([step, values]) => ({ ...stage, step, values }));
  });
  const metrics = [...new Set(rows.flatMap(({ values }) => Object.keys(values)))];
  return [
    { name: 'run', type: 'STRING', values: rows.map(({ run }) => run) },
    { name: 'stage', type: 'STRING', values: rows.map(({ stage }) => stage) },
    { name: 'seed', type: 'INT64', values: rows.map(({ seed }) => seed) },
    { name: 'key', type: 'STRING', values: rows.map(({ key }) => key) },
    { name: 'step', type: 'INT64', values: rows.map(({ step }) => step) },
    ...metrics.map((name): Column => ({ name, type: 'DOUBLE', values: rows.map(({ values }) => values[name]) })),
  ];
}

const rowCount = ([{ values }]: readonly Column[]): number => values.length;

/** The rows of a table as objects, without missing values. */
export const rowsOf = (columns: readonly Column[]): Record<string, string | number | undefined>[] =>
  Array.from({ length: rowCount(columns) }, (_, i) => Object.fromEntries(columns.map(({ name, values }) => [name, values[i]])));

/** The table as CSV (RFC 4180), with a header. Missing values are empty. */
export function csvOf(columns: readonly Column[]): string {
  const quoted = (text: string) => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  const lines = [columns.map(({ name }) => name), ...rowsOf(columns).map(row => columns.map(({ name }) => String(row[name] ?? '')))];
  return lines.map(line => `${line.map(quoted).join(',')}\r\n`).join('');
}

/** The table as a Parquet file, compressed by Snappy. Missing values are null. */
export async function parquetOf(columns: readonly Column[]): Promise<Uint8Array> {
  const { parquetWriteBuffer } = await import('hyparquet-writer');
  const stored = (type: Column['type'], value: string | number | undefined) =>
    value === undefined ? null : type === 'INT64' ? BigInt(value) : value;
  const columnData = columns.map(({ name, type, values }) => ({ name, type, data: values.map(value => stored(type, value)) }));
  return new Uint8Array(parquetWriteBuffer({ columnData }));
}

/** Writes the metrics to a file or folder, by format. All replace earlier metrics there. Each throws `E_DISK` like `writeFileAtomic`. */
export const METRICS_FORMATS = {
  csv: async (stages: readonly StageMetrics[], out: string) => writeFileAtomic(out, csvOf(tableOf(stages))),
  parquet: async (stages: readonly StageMetrics[], out: string) => writeFileAtomic(out, await parquetOf(tableOf(stages))),
  /** A folder for each run and stage, as TensorBoard expects. */
  tensorboard: async (stages: readonly StageMetrics[], out: string) => {
    for (const { run, name, lines } of stages) {
      const file = eventFile(join(out, run, name));
      for (const { step, metrics } of lines) file.add(step, metrics);
    }
  },
};
