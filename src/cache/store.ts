/**
 * @file The stage cache in the folder of a run. The output of a stage is in `stages/<stage>-<key>`, where the key is the hash of its settings
 * and inputs. A stage whose key exists is not run again.
 */

import { existsSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { z } from 'zod';
import type { StageBudget } from '../records/index.ts';
import { attempt, CadenzaError } from '../util/errors.ts';
import { hashJson, isTemporary, makeFolder, sha256File, writeFileAtomic, writeJson } from '../util/files.ts';
import { OTHER_VERSION } from '../util/formats.ts';
import { groupBy } from '../util/groups.ts';
import { claim } from '../util/lock.ts';
import type { Progress } from '../util/progress.ts';
import { checkRecord, type RecordFormat, readRecord } from '../util/records.ts';
import { hasImported, originsOf } from '../util/registry.ts';
import { checkpointStep } from './checkpoint.ts';
import { isEventFile } from './event-file.ts';
import { METRICS_FILE } from './metrics.ts';
import { provenance } from './provenance.ts';

/** The record of a finished stage. */
export const MANIFEST = 'stage.json';

/** What a running stage receives. */
export interface StageContext {
  /** Its folder, which exists. */
  readonly folder: string;
  /** Hash of its settings and inputs, which checkpoints contain. */
  readonly key: string;
  readonly progress: Progress;
  readonly signal: AbortSignal;
  /** Whether training also writes its metrics as event files of TensorBoard. */
  readonly tensorboard?: boolean;
}

/** A stage to run. Equal `settings` and `inputs` must produce equal output. */
export interface StageRequest {
  readonly stage: string;
  readonly settings: unknown;
  /** Keys of the earlier stages that it reads, by role. */
  readonly inputs: Readonly<Record<string, string>>;
  readonly run: (context: StageContext) => Promise<Record<string, unknown>>;
}

/** A JSON file that a stage writes to its folder. */
export interface StageFile<T> {
  readonly name: string;
  /** Schema of its content, checked on reading. */
  readonly schema: z.ZodType<T>;
}

/** A stage whose output is one value in a file. */
export interface ComputeRequest<T> extends Omit<StageRequest, 'run'> {
  readonly file: StageFile<T>;
  readonly run: (context: StageContext) => Promise<T>;
  /** The report of the stage about the value. Default: none. */
  readonly report?: (value: T) => Record<string, unknown>;
}

/** A finished stage. */
export interface StageOutput {
  readonly folder: string;
  readonly key: string;
  /** The report that the stage returned. */
  readonly report: Readonly<Record<string, unknown>>;
  readonly seconds: number;
  /** All training that contributed to it, its own last. Absent if nothing was trained. */
  readonly budget?: readonly StageBudget[];
}

const hash = z.string().regex(/^[0-9a-f]{64}$/, 'expected a SHA-256');

/** stage.json without its own hash. */
const manifestSchema = z.strictObject({
  stage: z.string().min(1),
  key: hash,
  settings: z.unknown(),
  inputs: z.record(z.string(), z.string()),
  report: z.record(z.string(), z.unknown()),
  /** SHA-256 of every file in the folder. */
  files: z.record(z.string().regex(/^(?!\.{1,2}$)[^/\\\0]+$/, 'expected a file name without a path'), hash),
  seconds: z.number().min(0),
  creator: z.strictObject({ version: z.string(), commit: z.string().nullable(), node: z.string() }),
});

/** Earlier versions did not write a hash. */
const sealedSchema = manifestSchema.extend({ sha256: z.string().optional() });

/** Format of a file in a stage's folder. */
function checkpointFormat<T>(folder: string, what: string, schema: z.ZodType<T>): RecordFormat<T> {
  return { what, schema, code: 'E_CHECKPOINT', advice: againAdvice(folder) };
}

const againAdvice = (folder: string) => `Delete the folder ${folder}; then ${recreateAdvice(dirname(dirname(folder)))}.`;

/** How to restore a missing stage: a clause for error messages. */
export const recreateAdvice = (run: string): string =>
  `"cadenza run <experiment> --out ${run}" with the settings of the run creates it again and keeps finished stages`;

/** Part of every key, because different versions produce different bytes. */
const keyOf = ({ stage, settings, inputs }: Omit<StageRequest, 'run'>, version: string) => hashJson({ stage, settings, inputs, version });

/**
 * The imported modules that define something a stage names, with their hashes. Editing a module reruns only the stages that depend on it.
 * If an unrelated setting has the same name, a stage may rerun unnecessarily.
 */
function modulesNamed(named: unknown): Record<string, string> {
  if (!hasImported()) return {};
  const found: Record<string, string> = {};
  const visit = (value: unknown): void => {
    // Names of training stages end with the seed.
    if (typeof value === 'string')
      for (const { file, sha256 } of originsOf(value.replace(/-seed\d+$/, '')))
        found[`module ${basename(file)} ${sha256.slice(0, 8)}`] = sha256;
    else if (typeof value === 'object' && value !== null)
      for (const [key, inner] of Object.entries(value)) {
        visit(key);
        visit(inner);
      }
  };
  visit(named);
  return found;
}

/** Name of the folder of a stage. */
export const stageFolder = ({ stage, key }: Pick<StageOutput, 'key'> & { readonly stage: string }): string =>
  `${stage}-${key.slice(0, 12)}`;

/** Such a name: the stage, for most the seed, and part of the key. */
export const STAGE_FOLDER = /^([^/\\\0]+?)(?:-seed(\d+))?-([0-9a-f]{12})$/;

/** Whether a stage is finished in the folder of a run, or was at the last look at what is shared. Does not check its files. */
export const isFinished = (out: string, stage: Parameters<typeof stageFolder>[0], shared?: SharedStages): boolean =>
  existsSync(join(out, 'stages', stageFolder(stage), MANIFEST)) || shared?.isFinished(stageFolder(stage)) === true;

/** The folder of a stage's output, and its key. */
export function placeOf(stages: string, { stage, settings, ...request }: Omit<StageRequest, 'run'>) {
  const inputs = { ...request.inputs, ...modulesNamed({ stage, settings }) };
  const key = keyOf({ stage, settings, inputs }, provenance().version);
  const folder = join(stages, stageFolder({ stage, key }));
  return { inputs, key, folder, path: join(folder, MANIFEST) };
}

/** Tracks the position of a command in its planned stages. */
export interface StagePlan {
  /** Called when the next stage is requested, with the name of its folder, to show its position in the progress. */
  begin(progress: Progress, folder: string): void;
  /** Called when the current stage finished, with its total time in seconds. */
  made(seconds: number): void;
}

/** The stages of runs where all machines can reach them. Its methods take the folder of a stage, or its name. */
export interface SharedStages {
  /** Where it is, such as `s3://bucket/prefix`. */
  readonly address: string;
  /** Whether a stage was finished at the last look, or was found or stored since. */
  isFinished(name: string): boolean;
  /** Finds all finished stages. */
  look(): Promise<void>;
  /**
   * Copies a finished stage to its folder, in place of what is there. Returns whether there is one.
   *
   * @throws {CadenzaError} `E_CHECKPOINT` if a file of it is missing or modified.
   */
  pull(folder: string): Promise<boolean>;
  /** Stores a finished stage, unless it is there. */
  push(folder: string): Promise<void>;
  /** Copies the state of an unfinished stage to its folder, if it is whole and ahead of what is there. Says so, and where it is not whole. */
  pullState(folder: string, say: (text: string) => void): Promise<void>;
  /** Stores each new state of a running stage. Returns a function that stores the last one and ends this. */
  follow(folder: string, say: (text: string) => void): () => Promise<void>;
  /** Acquires the lock of a stage. Its signal is aborted if another machine takes the lock over. */
  claim(
    name: string,
    options: { readonly signal: AbortSignal; readonly onWait?: (news: string) => void },
  ): Promise<{ readonly signal: AbortSignal; release(): Promise<void> }>;
}

/** A stage that is not finished here. */
interface SharedRequest {
  readonly stage: string;
  readonly folder: string;
  /** Its output, if it is finished here by now. */
  readonly finished: () => StageOutput | undefined;
  readonly make: (signal: AbortSignal) => Promise<StageOutput>;
  readonly onWait: (news: string) => void;
}

export interface StoreOptions {
  /** Where stages are also kept, for other machines. */
  readonly shared?: SharedStages;
  /** Rerun every stage that existed before `since`, finished or not. */
  readonly fresh?: boolean;
  /** Start of the command by `diskTime`, the same for all its processes and caches. Default: now. */
  readonly since?: number;
  /** Receives every requested stage. */
  readonly plan?: StagePlan;
  readonly progress: Progress;
  readonly signal: AbortSignal;
  /** Whether training stages also write event files of TensorBoard. Not a setting: the outputs are the same. */
  readonly tensorboard?: boolean;
}

/**
 * The current time in milliseconds by the clock of a folder's disk. Files written earlier are older, and files written later are not. The
 * clock of a disk advances in steps of several milliseconds, so this waits for the next step. Creates the folder. Throws `E_DISK` if it
 * is not writable.
 */
export function diskTime(folder: string): number {
  const path = join(folder, `.began.${process.pid}.tmp`);
  writeFileAtomic(path, '');
  const { mtimeMs: first } = statSync(path);
  let now = first;
  while (now === first) {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
    writeFileSync(path, '.');
    now = statSync(path).mtimeMs;
  }
  rmSync(path);
  return now;
}

/** Runs stages in a folder and caches their outputs. An interrupted stage resumes from its checkpoint. */
export class StageCache {
  readonly #folder: string;
  readonly #options: StoreOptions & { readonly since: number };
  readonly #said = new Set<string>();
  /** Seconds of every requested stage, whether it ran now or earlier. */
  readonly seconds: Record<string, number> = {};
  /** Every requested stage by its folder, and whether it existed before the command. */
  readonly asked = new Map<string, { readonly stage: string; readonly reused: boolean }>();

  constructor(out: string, options: StoreOptions) {
    this.#folder = join(out, 'stages');
    this.#options = { ...options, since: options.since ?? diskTime(out) };
  }

  /** Aborted when stages should stop. */
  get signal(): AbortSignal {
    return this.#options.signal;
  }

  /** Returns the output of a stage, and runs it if it is not cached. Throws `E_CHECKPOINT` if a finished output was modified. */
  async run({ stage, settings, run, ...request }: StageRequest): Promise<StageOutput> {
    const { progress, signal, plan, shared } = this.#options;
    signal.throwIfAborted();
    const { inputs, key, folder, path } = placeOf(this.#folder, { stage, settings, ...request });
    plan?.begin(progress, basename(folder));
    const finished = (): StageOutput | undefined => {
      if (!existsSync(path) || this.isStale(folder)) return undefined;
      const { report, seconds } = readStage(folder, key);
      this.seconds[stage] = seconds;
      const reused = this.asked.get(folder)?.reused ?? statSync(folder).mtimeMs < this.#options.since;
      this.asked.set(folder, { stage, reused });
      return { folder, key, report, seconds };
    };
    const earlier = finished();
    if (earlier) {
      await shared?.push(folder);
      return earlier;
    }
    makeFolder(this.#folder);
    // Another process may be running this stage; then wait for its output.
    const onWait = (news: string) => {
      // The stages of one process are waited for with the same words.
      if (!this.#said.has(news)) progress.say(`${stage}: ${news}`);
      this.#said.add(news);
    };
    const release = await claim(`${folder}.lock`, { signal, onWait });
    const make = (stop: AbortSignal) => this.#make({ stage, settings, inputs, run }, { key, folder, path }, stop);
    try {
      this.#discardStale(folder);
      return finished() ?? (await (shared ? this.#share(shared, { stage, folder, finished, make, onWait }) : make(signal)));
    } finally {
      release();
    }
  }

  /** Copies the output of another machine. Without one, makes it from the state that another machine left, and stores states and output. */
  async #share(shared: SharedStages, { stage, folder, finished, make, onWait }: SharedRequest): Promise<StageOutput> {
    const { progress, signal } = this.#options;
    const say = (text: string) => progress.say(`${stage}: ${text}`);
    const copied = async () => {
      if (!(await shared.pull(folder))) return undefined;
      this.asked.set(folder, { stage, reused: true });
      return finished();
    };
    const found = await copied();
    if (found) return found;
    const lock = await shared.claim(basename(folder), { signal, onWait });
    try {
      // It may have been finished while this waited.
      const since = await copied();
      if (since) return since;
      await shared.pullState(folder, say);
      const end = shared.follow(folder, say);
      const output = await make(AbortSignal.any([signal, lock.signal])).finally(end);
      await shared.push(folder);
      return output;
    } finally {
      await lock.release();
    }
  }

  /** Returns the value of a stage, and computes it if it is not cached. Throws the same errors as `run` and `readStageFile`. */
  async compute<T>({ file, ...request }: ComputeRequest<T>): Promise<StageOutput & { readonly value: T }> {
    const output = await this.run(writing({ file, ...request }));
    // Read the file even after computing it, so that cached and new values are identical.
    return { ...output, value: readStageFile(output.folder, file) };
  }

  /** Called before the output of a requested stage is read. Only a preview, which has no outputs, throws. */
  expectFinished(): void {}

  /** Does all the work, one after the other. None of it may need anything of the rest, because a preview goes on after work that reads outputs. */
  async each<T extends readonly unknown[]>(work: { readonly [K in keyof T]: () => Promise<T[K]> }): Promise<T> {
    const done: unknown[] = [];
    for (const one of work) done.push(await one());
    return done as unknown as T;
  }

  /** Whether the stage must rerun, and no other process or seed of this command has rerun it already. */
  protected isStale(folder: string): boolean {
    const { fresh, since } = this.#options;
    return fresh === true && existsSync(folder) && statSync(folder).mtimeMs < since;
  }

  #discardStale(folder: string): void {
    if (!this.isStale(folder)) return;
    const step = checkpointStep(folder);
    const state = existsSync(join(folder, MANIFEST)) ? 'finished' : step === undefined ? 'unfinished' : `unfinished, at step ${step}`;
    rmSync(folder, { recursive: true });
    this.#options.progress.say(`discarded ${basename(folder)} (${state})`);
  }

  async #make(
    { stage, settings, inputs, run }: StageRequest,
    at: { key: string; folder: string; path: string },
    signal: AbortSignal,
  ): Promise<StageOutput> {
    const { progress, plan, tensorboard } = this.#options;
    const { key, folder, path } = at;
    const whole = !existsSync(folder);
    makeFolder(folder);
    // Remove incomplete files of a killed process, so that they cannot become part of the output.
    for (const name of readdirSync(folder)) if (isTemporary(name)) rmSync(join(folder, name));
    const began = performance.now();
    const report = await run({ folder, key, progress, signal, tensorboard });
    const seconds = Math.round((performance.now() - began) / 10) / 100;
    const [files, creator] = [hashFiles(folder), provenance()];
    const record = { stage, key, settings, inputs, report, files, seconds, creator } satisfies z.output<typeof manifestSchema>;
    writeJson(path, { ...record, sha256: hashJson(record) });
    this.seconds[stage] = seconds;
    if (whole) plan?.made(seconds);
    this.asked.set(folder, { stage, reused: false });
    return { folder, key, report, seconds };
  }
}

/** The request of a stage that writes its value to a file. */
export const writing = <T>({ file, run, report = () => ({}), ...request }: ComputeRequest<T>): StageRequest => ({
  ...request,
  async run(context) {
    const value = await run(context);
    writeJson(join(context.folder, file.name), value);
    return report(value);
  },
});

/** Maximum number of stages that one line lists. */
const NAMED = 16;

/** Prints which stages of a command were reused; nothing if there were none. */
export function reportReused(stores: readonly StageCache[], progress: Progress): void {
  const asked = [...new Map(stores.flatMap(store => [...store.asked])).values()];
  const [reused, made] = [true, false].map(wanted => asked.filter(each => each.reused === wanted).map(({ stage }) => stage));
  if (reused.length > 0) progress.say(`reused: ${stageList(reused)}; new: ${stageList(made)}`);
}

/** Such as `generate, teacher, distill (seed 0)`. */
function stageList(stages: readonly string[]): string {
  if (stages.length === 0) return 'nothing';
  if (stages.length > NAMED) return `${stages.length} stages`;
  const parts = stages.map(stage => /^(.*?)(?:-seed(\d+))?$/.exec(stage)!);
  const bySeed = groupBy(parts, ([, , seed]) => (seed === undefined ? '' : ` (seed ${seed})`));
  const names = (own: readonly RegExpExecArray[]) =>
    Array.from(
      groupBy(own, ([, name]) => name),
      ([name, { length }]) => (length > 1 ? `${length} × ${name}` : name),
    ).join(', ');
  return Array.from(bySeed, ([seed, own]) => names(own) + seed).join(', ');
}

/** A finished stage with its settings and inputs. */
export interface StoredStage extends StageOutput {
  readonly stage: string;
  readonly settings: unknown;
  readonly inputs: Readonly<Record<string, string>>;
}

/**
 * Reads a finished stage and checks its record and files.
 *
 * @param wanted expected key. Default: the hash of its settings and inputs.
 * @throws `E_CHECKPOINT` if it is not a finished stage, was modified, or is another stage; `E_DATA` if histories were modified.
 */
export function readStage(folder: string, wanted?: string): StoredStage {
  const { files, ...stage } = readManifest(folder, wanted);
  checkFiles(folder, files);
  return stage;
}

/** The same without checking its other files. */
export function readManifest(folder: string, wanted?: string): StoredStage & { readonly files: Readonly<Record<string, string>> } {
  const path = join(folder, MANIFEST);
  const { sha256: expected, ...record } = readRecord(path, checkpointFormat(folder, 'the record of a finished stage', sealedSchema));
  const { stage, key, report, seconds, settings, inputs, files, creator } = record;
  // All stages of such a run lack it, so advising to delete one folder would not help.
  if (expected === undefined) throw new CadenzaError('E_CHECKPOINT', `${path} has no sha256 of its content. ${OTHER_VERSION}`);
  expectSame(path, expected, hashJson(record), folder);
  const own = keyOf({ stage, settings, inputs }, creator.version);
  if (key !== own || key !== (wanted ?? own))
    throw new CadenzaError(
      'E_CHECKPOINT',
      `${path} is the record of another stage: expected the key ${wanted ?? own}, found ${key}. ${againAdvice(folder)}`,
    );
  return { folder, stage, key, report, seconds, settings, inputs, files };
}

/** The hashes of a stage's files by name, from the text of its record. Throws `E_CHECKPOINT` if it is not one. */
export function filesOfManifest(text: string, where: string): Readonly<Record<string, string>> {
  const what = { what: 'the record of a finished stage', code: 'E_CHECKPOINT', advice: 'Delete it.', schema: sealedSchema } as const;
  return checkRecord(
    attempt(() => JSON.parse(text)),
    where,
    what,
  ).files;
}

/** Reads a file of a finished stage. Throws `E_CHECKPOINT` with its path if it is missing or does not match the schema. */
export const readStageFile = <T>(folder: string, { name, schema }: StageFile<T>): T =>
  readRecord(join(folder, name), checkpointFormat(folder, 'this file of a finished stage', schema));

/** The report of a stage. Throws `E_CHECKPOINT` with the path of its record if it does not match the schema. */
export const reportOf = <T>({ folder, report }: Pick<StageOutput, 'folder' | 'report'>, schema: z.ZodType<T>): T =>
  checkRecord(report, join(folder, MANIFEST), checkpointFormat(folder, 'the record of this stage', schema));

/** Whether a file has no hash, because it contains times, which differ between runs. */
const isVolatile = (name: string) => [MANIFEST, METRICS_FILE].includes(name) || isEventFile(name);

/** The files in the folder of a stage, except volatile ones and leftovers of file managers or killed processes. */
const filesIn = (folder: string) =>
  readdirSync(folder, { withFileTypes: true }).filter(({ name }) => !isVolatile(name) && !name.startsWith('.') && !isTemporary(name));

function hashFiles(folder: string): Record<string, string> {
  const names = filesIn(folder).flatMap(entry => (entry.isFile() ? [entry.name] : []));
  return Object.fromEntries(names.sort().map(name => [name, sha256File(join(folder, name))]));
}

function checkFiles(folder: string, files: Readonly<Record<string, string>>): void {
  for (const [name, expected] of Object.entries(files)) {
    const path = join(folder, name);
    const found = statSync(path, { throwIfNoEntry: false })?.isFile() ? sha256File(path) : 'no file';
    expectSame(path, expected, found, folder);
  }
  const extra = filesIn(folder).find(({ name }) => !Object.hasOwn(files, name));
  if (extra)
    throw new CadenzaError(
      'E_CHECKPOINT',
      `${join(folder, extra.name)} does not belong to this stage. Move it out of the folder ${folder}.`,
    );
}

function expectSame(path: string, expected: string, actual: string, folder: string): void {
  if (actual === expected) return;
  // Histories have their own manifest and error code.
  throw new CadenzaError(
    path.endsWith('.arrow') ? 'E_DATA' : 'E_CHECKPOINT',
    `${path} was modified or truncated after it was written: expected SHA-256 ${expected.slice(0, 16)}…, found ${actual.slice(0, 16)}…. ${againAdvice(folder)}`,
  );
}
