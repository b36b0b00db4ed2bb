/** @file The training metrics in the folder of a stage: metrics.jsonl, with a JSON object for each measured step. */

import { closeSync, constants, existsSync, fstatSync, openSync, readFileSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { CadenzaError } from '../util/errors.ts';
import { appendData, readText, writeFileAtomic } from '../util/files.ts';

export const METRICS_FILE = 'metrics.jsonl';

/** Milliseconds after which metrics are written at the latest, for those who watch. */
const DELAY = 1000;

/** Numbers by metric. A metric may have several, by name. */
export type Metrics = Readonly<Record<string, number | Readonly<Record<string, number>>>>;

/** Something that training writes metrics to. */
export interface MetricsSink {
  /** Adds metrics of a finished step. Steps never decrease. */
  add(step: number, metrics: Metrics): void;
  /** Writes all that was added. Called before each checkpoint and at the end; `add` may also write. Both throw `E_DISK` like `appendData`. */
  flush(): void;
}

/** The numbers of metrics by dotted name, such as `validation.5`. Leaves out what is not finite, which JSON cannot store. */
export function scalarsOf(metrics: Metrics): [name: string, value: number][] {
  const all = Object.entries(metrics).flatMap(([name, value]): [string, number][] =>
    typeof value === 'object' && value !== null
      ? Object.entries(value).map(([inner, each]) => [`${name}.${inner}`, each])
      : [[name, value]],
  );
  return all.filter(([, value]) => Number.isFinite(value));
}

/** The metrics file of a stage that resumes after `steps` steps. Lines of later steps are dropped, because these steps run again. */
export function metricsFile(folder: string, steps: number): MetricsSink {
  const path = join(folder, METRICS_FILE);
  let [waiting, written] = ['', performance.now()];
  if (existsSync(path)) {
    const lines = readFileSync(path, 'utf8').split('\n');
    const kept = lines.filter(line => line && (parse(line)?.step ?? Number.POSITIVE_INFINITY) <= steps);
    writeFileAtomic(path, kept.map(line => `${line}\n`).join(''));
  }
  const flush = () => {
    if (waiting) appendData(path, waiting);
    [waiting, written] = ['', performance.now()];
  };
  return {
    flush,
    add(step, metrics) {
      waiting += `${JSON.stringify({ step, ...metrics })}\n`;
      if (performance.now() - written >= DELAY) flush();
    },
  };
}

/** JSON has null for a number that is not finite. */
const numberSchema = z.number().nullable();
const lineSchema = z.object({ step: z.int().min(0) }).catchall(z.union([numberSchema, z.record(z.string(), numberSchema)]));

/** A line of a metrics file; undefined if it is not one. */
function parse(line: string): ({ readonly step: number } & Metrics) | undefined {
  try {
    return lineSchema.parse(JSON.parse(line)) as { step: number } & Metrics;
  } catch {
    return undefined;
  }
}

/** Metrics of a step, as read. Several lines may have the same step. */
export interface MetricsLine {
  readonly step: number;
  readonly metrics: Metrics;
}

const lineOf = ({ step, ...metrics }: { readonly step: number } & Metrics): MetricsLine => ({ step, metrics: metrics as Metrics });

/**
 * Reads the metrics that a stage has written so far. A last line that is incomplete, because it is being written or its process was killed,
 * is left out.
 *
 * @throws {CadenzaError} `E_DATA` if the file cannot be read or another line is damaged.
 */
export function readMetrics(folder: string): MetricsLine[] {
  const path = join(folder, METRICS_FILE);
  if (!existsSync(path)) return [];
  const lines = readText(path).trimEnd().split('\n').filter(Boolean);
  return lines.flatMap((line, i) => {
    const found = parse(line);
    if (found) return [lineOf(found)];
    if (i === lines.length - 1) return [];
    const what = 'expected a JSON object with "step" and numbers';
    throw new CadenzaError('E_DATA', `${path}:${i + 1}: ${what}, found ${JSON.stringify(line.slice(0, 60))}. Remove the line.`);
  });
}

/** What was added to the metrics of a stage since they were read last. */
export interface MetricsNews {
  /** Whether the lines replace all earlier ones: a stage that resumes drops steps that run again. */
  readonly replaces: boolean;
  readonly lines: readonly MetricsLine[];
}

/** Most bytes that are read at once. */
const PIECE = 2 ** 20;

/**
 * Follows the metrics of a stage. Every call of the returned function reads what was written since the last one, except a line that is incomplete,
 * and returns undefined if that is nothing. Damaged lines are left out. Does not follow a link in the place of the file.
 */
export function followMetrics(folder: string): () => MetricsNews | undefined {
  const path = join(folder, METRICS_FILE);
  let [identity, offset] = ['', 0];
  let rest = Buffer.alloc(0);
  return () => {
    let file: number;
    try {
      file = openSync(path, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0));
    } catch {
      return undefined;
    }
    try {
      const { dev, ino, size } = fstatSync(file);
      // A stage that resumes replaces the file.
      const other = identity !== '' && (identity !== `${dev}:${ino}` || size < offset);
      if (identity === '' || other) {
        [identity, offset] = [`${dev}:${ino}`, 0];
        rest = Buffer.alloc(0);
      }
      const lines: MetricsLine[] = [];
      const piece = Buffer.alloc(Math.min(PIECE, Math.max(0, size - offset)));
      for (let read = 1; piece.length > 0 && read > 0; ) {
        read = readSync(file, piece, 0, piece.length, offset);
        offset += read;
        const bytes = Buffer.concat([rest, piece.subarray(0, read)]);
        const end = bytes.lastIndexOf(10) + 1;
        rest = bytes.subarray(end);
        for (const line of bytes.toString('utf8', 0, end).split('\n')) {
          const found = line && parse(line);
          if (found) lines.push(lineOf(found));
        }
      }
      return other || lines.length > 0 ? { replaces: other, lines } : undefined;
    } finally {
      closeSync(file);
    }
  };
}
