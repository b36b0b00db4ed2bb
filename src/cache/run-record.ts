/**
 * @file The record of the latest command in the folder of a run, for those who watch it: what it runs, how far it is, how it ended. It changes
 * nothing that is computed, so a record that cannot be written stops nothing.
 */

import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { isMap } from '../util/canonical.ts';
import { attempt, CadenzaError } from '../util/errors.ts';
import { differing, type Leaves } from '../util/leaves.ts';
import { holderSchema, self } from '../util/lock.ts';
import { Pace, type Place, type Progress } from '../util/progress.ts';

export const RECORD_FILE = 'progress.json';

const FORMAT = 'cadenza-progress-1';

/** Milliseconds between two records of the progress of a stage, and between heartbeats. */
const [PICTURE, BEAT] = [500, 5_000];

const count = z.number().min(0);

/** Not checked key by key: thousands of records are read at once. */
const leaves = z.custom<Leaves>(isMap, 'expected settings by dotted path');

const recordSchema = z.object({
  format: z.literal(FORMAT),
  /** Name of the experiment, ablation or search. */
  name: z.string(),
  /** Kind of experiment, or `ablation` or `study`. */
  kind: z.string(),
  command: z.string(),
  began: z.string(),
  /** Settings that all variants share, by dotted path. */
  settings: leaves,
  /** The experiment and its further tables, the combinations of an ablation, or the trials of a search, with their own settings. */
  variants: z.array(z.object({ name: z.string(), settings: leaves })),
  /** Folders of the requested stages, each with the numbers of its variants. */
  stages: z.array(z.object({ folder: z.string(), variants: z.array(z.int().min(0)) })),
  /** `stopped`: by a signal. A process that was killed leaves `running`. */
  state: z.enum(['running', 'finished', 'stopped', 'failed']),
  /** Why it failed. */
  reason: z.string().optional(),
  /** The current stage, or the last one. */
  now: z.object({ stage: z.string(), done: count, total: count, seconds: count.optional() }).optional(),
  /** Its position among all stages, and the expected seconds of those after it; with `more`, some are unknown. */
  place: z.object({ at: count, of: count, seconds: count, more: z.boolean() }).optional(),
  process: holderSchema,
});

export type RunRecord = z.output<typeof recordSchema>;

/** What a command runs in a folder. */
export interface Recorded {
  readonly out: string;
  readonly name: string;
  readonly kind: string;
  readonly command: string;
  /** The settings of each variant by dotted path. */
  readonly variants: readonly { readonly name: string; readonly settings: Leaves }[];
}

/** Reads the record of a run from the text of its file. Undefined if it is not one. */
export const parseRecord = (text: string): RunRecord | undefined => attempt(() => recordSchema.safeParse(JSON.parse(text)).data);

/** The record in the folder of a run; undefined if there is none. */
export const readRunRecord = (folder: string): RunRecord | undefined =>
  attempt(() => parseRecord(readFileSync(join(folder, RECORD_FILE), 'utf8')));

/** Keeps the record of a command while `work` runs. `work` receives what it reports to. */
export async function recorded<T>(
  { out, variants, ...about }: Recorded,
  progress: Progress,
  work: (tools: { readonly progress: Progress; stage(folder: string, variant: number): void }) => Promise<T>,
): Promise<T> {
  const path = join(out, RECORD_FILE);
  const varied = differing(variants.map(({ settings }) => settings));
  const pick = (settings: Leaves, has: (key: string) => boolean) =>
    Object.fromEntries(Object.entries(settings).filter(([key]) => has(key)));
  const stages = new Map<string, Set<number>>();
  let record: RunRecord = {
    format: FORMAT,
    ...about,
    began: new Date().toISOString(),
    settings: pick(variants[0]?.settings ?? {}, key => !varied.includes(key)),
    variants: variants.map(({ name, settings }) => ({ name, settings: pick(settings, key => varied.includes(key)) })),
    stages: [],
    state: 'running',
    process: self(),
  };
  let written = 0;
  const write = (change: Partial<RunRecord>) => {
    written = performance.now();
    record = { ...record, ...change, stages: Array.from(stages, ([folder, numbers]) => ({ folder, variants: [...numbers] })) };
    // Not `writeFileAtomic`, which waits for the disk: nothing depends on this file.
    attempt(() => {
      writeFileSync(`${path}.${process.pid}.tmp`, JSON.stringify(record));
      renameSync(`${path}.${process.pid}.tmp`, path);
    });
  };
  write({});
  const beat = setInterval(() => performance.now() - written > BEAT && write({}), BEAT).unref();
  let pace = new Pace('', 0, 0, 0);
  const at = (done: number) => ({ stage: pace.stage, done, total: pace.total, seconds: pace.left(done, performance.now()) });
  const watched: Progress = {
    ...progress,
    place(place: Place) {
      record = { ...record, place };
      progress.place?.(place);
    },
    start(stage, total, done = 0) {
      pace = new Pace(stage, total, done, performance.now());
      write({ now: at(done) });
      progress.start(stage, total, done);
    },
    update(done, note) {
      if (performance.now() - written >= PICTURE) write({ now: at(done) });
      progress.update(done, note);
    },
    finish(note) {
      write({ now: at(pace.total) });
      progress.finish(note);
    },
  };
  try {
    const result = await work({
      progress: watched,
      stage(folder, variant) {
        stages.set(folder, (stages.get(folder) ?? new Set()).add(variant));
      },
    });
    write({ state: 'finished' });
    return result;
  } catch (error) {
    const stopped = error instanceof CadenzaError && error.code === 'E_INTERRUPTED';
    write(stopped ? { state: 'stopped' } : { state: 'failed', reason: error instanceof Error ? error.message : String(error) });
    throw error;
  } finally {
    clearInterval(beat);
  }
}
