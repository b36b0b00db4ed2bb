/**
 * @file The folder of a run. Each stage's output lies in `stages/<stage>-<key>`, where the key is the hash of its settings and of what it
 * read; a stage whose key is already there is not run again.
 */

import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { z } from 'zod';
import type { StageBudget } from '../records/index.ts';
import { CadenzaError } from '../util/errors.ts';
import { hashJson, isTemporary, makeFolder, sha256, writeFileAtomic, writeJson } from '../util/files.ts';
import { OTHER_VERSION } from '../util/formats.ts';
import { groupBy } from '../util/groups.ts';
import { claim } from '../util/lock.ts';
import { type Progress, silentProgress } from '../util/progress.ts';
import { checkRecord, type RecordFormat, readRecord } from '../util/records.ts';
import { hasImported, originsOf } from '../util/registry.ts';
import { checkpointStep } from './checkpoint.ts';
import { provenance } from './provenance.ts';

const MANIFEST = 'stage.json';

/** What a stage may use besides its settings. */
export interface StageContext {
  /** Its own folder, which exists. */
  readonly folder: string;
  /** Names the stage and its inputs; checkpoints carry it. */
  readonly key: string;
  readonly progress: Progress;
  readonly signal: AbortSignal;
}

/** A stage to run: equal `settings` and `inputs` mean equal output. */
export interface StageRequest {
  readonly stage: string;
  readonly settings: unknown;
  /** Key of every earlier stage that it reads, by role. */
  readonly inputs: Readonly<Record<string, string>>;
  readonly run: (context: StageContext) => Promise<Record<string, unknown>>;
}

/** A JSON file that a stage leaves in its folder. */
export interface StageFile<T> {
  readonly name: string;
  /** What it holds: whoever reads it back gets this type, checked. */
  readonly schema: z.ZodType<T>;
}

/** A stage whose output is one value, which is kept in a file. */
export interface ComputeRequest<T> extends Omit<StageRequest, 'run'> {
  readonly file: StageFile<T>;
  readonly run: (context: StageContext) => Promise<T>;
  /** What the stage reports of the value; nothing when left out. */
  readonly report?: (value: T) => Record<string, unknown>;
}

/** A finished stage. */
export interface StageOutput {
  readonly folder: string;
  readonly key: string;
  /** What the stage reported of itself. */
  readonly report: Readonly<Record<string, unknown>>;
  readonly seconds: number;
  /** All training that went into it, its own last; absent where nothing is trained. */
  readonly budget?: readonly StageBudget[];
}

const hash = z.string().regex(/^[0-9a-f]{64}$/, 'expected a SHA-256');

/** stage.json without the hash of itself. */
const manifestSchema = z.strictObject({
  stage: z.string().min(1),
  key: hash,
  settings: z.unknown(),
  inputs: z.record(z.string(), z.string()),
  report: z.record(z.string(), z.unknown()),
  /** SHA-256 of every file of the folder. */
  files: z.record(z.string().regex(/^(?!\.{1,2}$)[^/\\\0]+$/, 'expected the name of a file in this folder'), hash),
  seconds: z.number().min(0),
  creator: z.strictObject({ version: z.string(), commit: z.string().nullable(), node: z.string() }),
});

/** Earlier versions wrote no hash. */
const sealedSchema = manifestSchema.extend({ sha256: z.string().optional() });

/** What a file in the folder of a stage may hold. */
function checkpointFormat<T>(folder: string, what: string, schema: z.ZodType<T>): RecordFormat<T> {
  return { what, schema, code: 'E_CHECKPOINT', advice: againAdvice(folder) };
}

const againAdvice = (folder: string) => `Delete the folder ${folder}; then ${makesAgain(dirname(dirname(folder)))}.`;

/** How a run gets a stage that is missing: a clause that any command can end with. */
export const makesAgain = (run: string): string =>
  `"cadenza run <experiment> --out ${run}", with the settings of the run, makes it again and keeps the finished stages`;

/** Equal stages have equal keys; other versions make other bytes. */
const keyOf = ({ stage, settings, inputs }: Omit<StageRequest, 'run'>, version: string) => hashJson({ stage, settings, inputs, version });

/**
 * The imported modules of the kinds that a stage names, in its settings or as itself, with their hashes: an edited module makes again what
 * depends on it, and nothing else. A coincidence of names makes a stage again that need not be.
 */
function modulesNamed(named: unknown): Record<string, string> {
  if (!hasImported()) return {};
  const found: Record<string, string> = {};
  const visit = (value: unknown): void => {
    // Stages of training have the seed behind their name.
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

/** Where the output of a stage lies in the folder of stages, and the key that says so. */
function placeOf(stages: string, { stage, settings, ...request }: Omit<StageRequest, 'run'>) {
  const inputs = { ...request.inputs, ...modulesNamed({ stage, settings }) };
  const key = keyOf({ stage, settings, inputs }, provenance().version);
  const folder = join(stages, `${stage}-${key.slice(0, 12)}`);
  return { inputs, key, folder, path: join(folder, MANIFEST) };
}

/** Where a command is among the stages that it will ask for. */
export interface StagePlan {
  /** The next stage is asked for: `progress` shows where it is. */
  begin(progress: Progress): void;
  /** The stage that began was made, from its beginning, in so many seconds. */
  made(seconds: number): void;
}

export interface StoreOptions {
  /** Make every stage again, finished or not, that was there before `since`. */
  readonly fresh?: boolean;
  /** When the command began, by `diskTime`; the present when left out. Every process and store of one command gets the same. */
  readonly since?: number;
  /** Told of every stage that is asked for. */
  readonly plan?: StagePlan;
  readonly progress: Progress;
  readonly signal: AbortSignal;
}

/**
 * The present in milliseconds by the clock of the disk that a folder is on: what was written before is older, what is written from then on
 * is not. Disks count in steps of some milliseconds, so the next one is waited for. Makes the folder. Throws `E_DISK` where it cannot be
 * written to.
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

/** Runs stages in a folder and remembers what is done. A stage that was interrupted goes on from its checkpoint. */
export class StageCache {
  readonly #folder: string;
  readonly #options: StoreOptions & { readonly since: number };
  /** Seconds of every stage that was asked for, whether it ran now or earlier. */
  readonly seconds: Record<string, number> = {};
  /** Every stage that was asked for, by its folder, and whether it was there before the command. */
  readonly asked = new Map<string, { readonly stage: string; readonly reused: boolean }>();

  constructor(out: string, options: StoreOptions) {
    this.#folder = join(out, 'stages');
    this.#options = { ...options, since: options.since ?? diskTime(out) };
  }

  /** Aborted when the work is to stop. */
  get signal(): AbortSignal {
    return this.#options.signal;
  }

  /** Gives the stage's output, running it unless it is there. Throws `E_CHECKPOINT` when a finished output was altered. */
  async run({ stage, settings, run, ...request }: StageRequest): Promise<StageOutput> {
    const { progress, signal, plan } = this.#options;
    signal.throwIfAborted();
    plan?.begin(progress);
    const { inputs, key, folder, path } = placeOf(this.#folder, { stage, settings, ...request });
    const finished = (): StageOutput | undefined => {
      if (!existsSync(path) || this.#isStale(folder)) return undefined;
      const { report, seconds } = readStage(folder, key);
      this.seconds[stage] = seconds;
      this.asked.set(folder, { stage, reused: statSync(folder).mtimeMs < this.#options.since });
      return { folder, key, report, seconds };
    };
    const earlier = finished();
    if (earlier) return earlier;
    makeFolder(this.#folder);
    // Another process may be at this very stage: then its output is waited for.
    const release = await claim(`${folder}.lock`, { signal, onWait: news => progress.say(`${stage}: ${news}`) });
    try {
      this.#discardStale(folder);
      return finished() ?? (await this.#make({ stage, settings, inputs, run }, { key, folder, path }));
    } finally {
      release();
    }
  }

  /** Gives the value of a stage, computing it unless it is there. Throws as `run` and `readStageFile` do. */
  async compute<T>({ file, run, report = () => ({}), ...request }: ComputeRequest<T>): Promise<StageOutput & { readonly value: T }> {
    const output = await this.run({
      ...request,
      async run(context) {
        const value = await run(context);
        writeJson(join(context.folder, file.name), value);
        return report(value);
      },
    });
    // Read back where it was just computed, too: a finished stage gives the same value whoever asks.
    return { ...output, value: readStageFile(output.folder, file) };
  }

  /** Whether the stage is to be made again, and was not yet by another process or for another seed of this command. */
  #isStale(folder: string): boolean {
    const { fresh, since } = this.#options;
    return fresh === true && existsSync(folder) && statSync(folder).mtimeMs < since;
  }

  #discardStale(folder: string): void {
    if (!this.#isStale(folder)) return;
    const step = checkpointStep(folder);
    const state = existsSync(join(folder, MANIFEST)) ? 'finished' : step === undefined ? 'unfinished' : `unfinished, at step ${step}`;
    rmSync(folder, { recursive: true });
    this.#options.progress.say(`discarded ${basename(folder)} (${state})`);
  }

  async #make({ stage, settings, inputs, run }: StageRequest, at: { key: string; folder: string; path: string }): Promise<StageOutput> {
    const { progress, signal, plan } = this.#options;
    const { key, folder, path } = at;
    const whole = !existsSync(folder);
    makeFolder(folder);
    // A killed process may have left a file half-written, which must not pass for output.
    for (const name of readdirSync(folder)) if (isTemporary(name)) rmSync(join(folder, name));
    const began = performance.now();
    const report = await run({ folder, key, progress, signal });
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

/** A stage that a command would ask for, and whether it is there. */
export interface PreviewedStage {
  readonly stage: string;
  readonly key: string;
  readonly finished: boolean;
}

/**
 * Looks which stages are there and makes none: what is asked for has its key, and nothing else if it is not there. Writes nothing. Throws
 * `E_CHECKPOINT` for one whose record a run would refuse; files besides the record are not read.
 */
export class StagePreview extends StageCache {
  readonly previewed: PreviewedStage[] = [];
  readonly #stages: string;
  readonly #fresh: boolean;

  constructor(out: string, { fresh = false }: Pick<StoreOptions, 'fresh'> = {}) {
    super(out, { since: 0, progress: silentProgress, signal: new AbortController().signal });
    this.#stages = join(out, 'stages');
    this.#fresh = fresh;
  }

  override async run(request: StageRequest): Promise<StageOutput> {
    const { key, folder, path } = placeOf(this.#stages, request);
    const finished = !this.#fresh && existsSync(path);
    // What would be refused is refused here already.
    if (finished) readManifest(folder, key);
    this.previewed.push({ stage: request.stage, key, finished });
    return { folder, key, report: {}, seconds: 0 };
  }
}

/** Stages that one line names. */
const NAMED = 16;

/** Says in one line what of a command's work was there before it; nothing where none was. */
export function sayReused(stores: readonly StageCache[], progress: Progress): void {
  const asked = [...new Map(stores.flatMap(store => [...store.asked])).values()];
  const [reused, made] = [true, false].map(wanted => asked.filter(each => each.reused === wanted).map(({ stage }) => stage));
  if (reused.length > 0) progress.say(`reused: ${stageList(reused)}; made now: ${stageList(made)}`);
}

/** Such as `generate, teacher, distill (seed 0)`. */
function stageList(stages: readonly string[]): string {
  if (stages.length === 0) return 'nothing';
  if (stages.length > NAMED) return `${stages.length} stages`;
  const parts = stages.map(stage => /^(.*?)(?:-seed(\d+))?$/.exec(stage)!);
  const bySeed = groupBy(parts, ([, , seed]) => (seed === undefined ? '' : ` (seed ${seed})`));
  return Array.from(bySeed, ([seed, own]) => own.map(([, name]) => name).join(', ') + seed).join(', ');
}

/** A finished stage with what it was made from. */
export interface StoredStage extends StageOutput {
  readonly stage: string;
  readonly settings: unknown;
  readonly inputs: Readonly<Record<string, string>>;
}

/**
 * Reads a finished stage, with everything checked that its record says.
 *
 * @param wanted key that it must have; where it is left out, the one that its own settings and inputs give.
 * @throws `E_CHECKPOINT` when it is none, was altered, or is another stage; `E_DATA` when histories were altered.
 */
export function readStage(folder: string, wanted?: string): StoredStage {
  const { files, ...stage } = readManifest(folder, wanted);
  checkFiles(folder, files);
  return stage;
}

/** The same without a look at its other files. */
function readManifest(folder: string, wanted?: string): StoredStage & { readonly files: Readonly<Record<string, string>> } {
  const path = join(folder, MANIFEST);
  const { sha256: expected, ...record } = readRecord(path, checkpointFormat(folder, 'the record of a finished stage', sealedSchema));
  const { stage, key, report, seconds, settings, inputs, files, creator } = record;
  // All stages of such a run are alike: deleting one folder after the other would be no help.
  if (expected === undefined) throw new CadenzaError('E_CHECKPOINT', `${path} has no sha256 of itself. ${OTHER_VERSION}`);
  expectSame(path, expected, hashJson(record), folder);
  const own = keyOf({ stage, settings, inputs }, creator.version);
  if (key !== own || key !== (wanted ?? own))
    throw new CadenzaError(
      'E_CHECKPOINT',
      `${path} is the record of another stage: expected the key ${wanted ?? own}, found ${key}. ${againAdvice(folder)}`,
    );
  return { folder, stage, key, report, seconds, settings, inputs, files };
}

/** Reads a file of a finished stage. Throws `E_CHECKPOINT`, naming the file, when it is not there or holds something else. */
export const readStageFile = <T>(folder: string, { name, schema }: StageFile<T>): T =>
  readRecord(join(folder, name), checkpointFormat(folder, 'the file of that name of a finished stage', schema));

/** What a stage reported. Throws `E_CHECKPOINT`, naming its record, when that is something else. */
export const reportOf = <T>({ folder, report }: Pick<StageOutput, 'folder' | 'report'>, schema: z.ZodType<T>): T =>
  checkRecord(report, join(folder, MANIFEST), checkpointFormat(folder, 'the record of such a stage', schema));

/** Files that change from run to run (times) and so have no hash. */
const VOLATILE = new Set([MANIFEST, 'metrics.jsonl']);

/** The names in the folder of a stage, but for the volatile ones and what a file manager or a killed process left. */
const filesIn = (folder: string) =>
  readdirSync(folder, { withFileTypes: true }).filter(({ name }) => !VOLATILE.has(name) && !name.startsWith('.') && !isTemporary(name));

function hashFiles(folder: string): Record<string, string> {
  const names = filesIn(folder).flatMap(entry => (entry.isFile() ? [entry.name] : []));
  return Object.fromEntries(names.sort().map(name => [name, sha256(readFileSync(join(folder, name)))]));
}

function checkFiles(folder: string, files: Readonly<Record<string, string>>): void {
  for (const [name, expected] of Object.entries(files)) {
    const path = join(folder, name);
    const found = statSync(path, { throwIfNoEntry: false })?.isFile() ? sha256(readFileSync(path)) : 'no file';
    expectSame(path, expected, found, folder);
  }
  const extra = filesIn(folder).find(({ name }) => !Object.hasOwn(files, name));
  if (extra)
    throw new CadenzaError('E_CHECKPOINT', `${join(folder, extra.name)} is no file of this stage. Move it out of the folder ${folder}.`);
}

function expectSame(path: string, expected: string, actual: string, folder: string): void {
  if (actual === expected) return;
  // Histories have a manifest of their own and a code of their own for damage.
  throw new CadenzaError(
    path.endsWith('.arrow') ? 'E_DATA' : 'E_CHECKPOINT',
    `${path} was altered or cut short since it was written: expected SHA-256 ${expected.slice(0, 16)}…, found ${actual.slice(0, 16)}…. ${againAdvice(folder)}`,
  );
}
