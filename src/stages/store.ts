/**
 * @file The folder of a run. Each stage's output lies in `stages/<stage>-<key>`, where the key is the hash of its settings and of what it
 * read; a stage whose key is already there is not run again.
 */

import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { StageBudget } from '../evaluation/index.ts';
import { CadenzaError } from '../util/errors.ts';
import { hashJson, readJson, sha256, writeFileAtomic, writeJson } from '../util/files.ts';
import { claim } from '../util/lock.ts';
import type { Progress } from '../util/progress.ts';
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

interface StageManifest {
  readonly stage: string;
  readonly key: string;
  readonly settings: unknown;
  readonly inputs: Readonly<Record<string, string>>;
  readonly report: Readonly<Record<string, unknown>>;
  /** SHA-256 of every file of the folder. */
  readonly files: Readonly<Record<string, string>>;
  readonly seconds: number;
  readonly creator: unknown;
}

export interface StoreOptions {
  /** Make every stage again, finished or not, that was there before `since`. */
  readonly fresh?: boolean;
  /** When the command began, by `diskTime`; the present when left out. Every process and store of one command gets the same. */
  readonly since?: number;
  readonly progress: Progress;
  readonly signal: AbortSignal;
}

/**
 * The present in milliseconds by the clock of the disk that a folder is on: what was written before is older, what is written from then on
 * is not. Disks count in steps of some milliseconds, so the next one is waited for. Makes the folder. Throws `E_DISK` where it cannot be
 * written to.
 */
export function diskTime(folder: string): number {
  const path = join(folder, '.began');
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
export class StageStore {
  readonly #folder: string;
  readonly #options: StoreOptions & { readonly since: number };
  /** Seconds of every stage that was asked for, whether it ran now or earlier. */
  readonly seconds: Record<string, number> = {};

  constructor(out: string, options: StoreOptions) {
    this.#folder = join(out, 'stages');
    this.#options = { ...options, since: options.since ?? diskTime(out) };
  }

  /** Gives the stage's output, running it unless it is there. Throws `E_CHECKPOINT` when a finished output was altered. */
  async run({ stage, settings, inputs, run }: StageRequest): Promise<StageOutput> {
    const { progress, signal } = this.#options;
    signal.throwIfAborted();
    const key = hashJson({ stage, settings, inputs, version: provenance().version });
    const folder = join(this.#folder, `${stage}-${key.slice(0, 12)}`);
    const path = join(folder, MANIFEST);
    const finished = (): StageOutput | undefined => {
      if (!existsSync(path) || this.#isStale(folder)) return undefined;
      const { report, seconds } = readStage(folder);
      this.seconds[stage] = seconds;
      return { folder, key, report, seconds };
    };
    const earlier = finished();
    if (earlier) return earlier;
    mkdirSync(this.#folder, { recursive: true });
    // Another process may be at this very stage: then its output is waited for.
    const release = await claim(`${folder}.lock`, { signal, onWait: news => progress.say(`${stage}: ${news}`) });
    try {
      this.#discardStale(folder);
      return finished() ?? (await this.#make({ stage, settings, inputs, run }, { key, folder, path }));
    } finally {
      release();
    }
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
    const { progress, signal } = this.#options;
    const { key, folder, path } = at;
    mkdirSync(folder, { recursive: true });
    // A killed process may have left a file half-written, which must not pass for output.
    for (const name of readdirSync(folder)) if (name.endsWith('.tmp')) rmSync(join(folder, name));
    const began = performance.now();
    const report = await run({ folder, key, progress, signal });
    const seconds = Math.round((performance.now() - began) / 10) / 100;
    const manifest: StageManifest = { stage, key, settings, inputs, report, files: hashFiles(folder), seconds, creator: provenance() };
    writeJson(path, manifest);
    this.seconds[stage] = seconds;
    return { folder, key, report, seconds };
  }
}

/** A finished stage with what it was made from. */
export interface StoredStage extends StageOutput {
  readonly stage: string;
  readonly settings: unknown;
  readonly inputs: Readonly<Record<string, string>>;
}

/** Reads a finished stage. Throws `E_CHECKPOINT` when it is none, or was altered. */
export function readStage(folder: string): StoredStage {
  const { stage, key, report, seconds, settings, inputs, files } = readJson(join(folder, MANIFEST), 'E_CHECKPOINT') as StageManifest;
  checkFiles(folder, files);
  return { folder, stage, key, report, seconds, settings, inputs };
}

/** Files that change from run to run (times) and so are not held against their hash. */
const VOLATILE = new Set([MANIFEST, 'metrics.jsonl']);

function hashFiles(folder: string): Record<string, string> {
  const names = readdirSync(folder).filter(name => !VOLATILE.has(name));
  return Object.fromEntries(names.sort().map(name => [name, sha256(readFileSync(join(folder, name)))]));
}

function checkFiles(folder: string, files: Readonly<Record<string, string>>): void {
  for (const [name, expected] of Object.entries(files)) {
    const path = join(folder, name);
    const actual = existsSync(path) ? sha256(readFileSync(path)) : 'no file';
    if (actual === expected) continue;
    // Histories have a manifest of their own and a code of their own for damage.
    throw new CadenzaError(
      name.endsWith('.arrow') ? 'E_DATA' : 'E_CHECKPOINT',
      `${path} was altered or cut short since it was written: expected SHA-256 ${expected.slice(0, 16)}…, found ${actual.slice(0, 16)}…. Delete the folder ${folder} and run again to make it anew.`,
    );
  }
}
