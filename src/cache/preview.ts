/** @file The stages that a command would request: collected without running or writing any. */

import { existsSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { silentProgress } from '../util/progress.ts';
import {
  type ComputeRequest,
  placeOf,
  readManifest,
  type SharedStages,
  StageCache,
  type StageOutput,
  type StageRequest,
  type StoreOptions,
  writing,
} from './store.ts';

/** A stage that a command would request, and whether it is finished. */
export interface PreviewedStage {
  readonly stage: string;
  readonly key: string;
  /** Keys of the stages that it reads, by role. */
  readonly inputs: Readonly<Record<string, string>>;
  readonly finished: boolean;
  readonly request: StageRequest;
}

/** Thrown where the output of a previewed stage is read. One for all, because the stack of an error takes time. */
const NO_OUTPUT = new Error('this stage was not run');

/**
 * Collects the stages that work requests, without running or writing any. A missing stage has only its key. Throws `E_CHECKPOINT` for a
 * record that a run would reject. Reads no files except the records.
 */
export class StagePreview extends StageCache {
  readonly #previewed: PreviewedStage[] = [];
  readonly #stages: string;
  /** What is there: one look for all stages. */
  readonly #folders: ReadonlySet<string>;
  readonly #shared?: SharedStages;

  /** Without `since`, `fresh` counts every stage as missing. What is finished elsewhere is what `shared` found at its last look. */
  constructor(out: string, { fresh, since = Number.POSITIVE_INFINITY, shared }: Pick<StoreOptions, 'fresh' | 'since' | 'shared'> = {}) {
    super(out, { fresh, since, progress: silentProgress, signal: new AbortController().signal });
    this.#stages = join(out, 'stages');
    this.#folders = new Set(existsSync(this.#stages) ? readdirSync(this.#stages) : []);
    this.#shared = shared;
  }

  /** The stages that `work` requests, up to the first output that it reads. */
  async collect(work: (store: StageCache) => Promise<unknown>): Promise<readonly PreviewedStage[]> {
    await this.each([() => work(this)]).catch(expectNoOutput);
    return this.#previewed;
  }

  override async run(request: StageRequest): Promise<StageOutput> {
    const { inputs, key, folder, path } = placeOf(this.#stages, request);
    const here = this.#folders.has(basename(folder)) && existsSync(path) && !this.isStale(folder);
    // Fails for the same records as a run.
    const { report, seconds } = here ? readManifest(folder, key) : { report: {}, seconds: 0 };
    const finished = here || this.#shared?.isFinished(basename(folder)) === true;
    this.#previewed.push({ stage: request.stage, key, inputs, finished, request });
    return { folder, key, report, seconds };
  }

  override async compute<T>(request: ComputeRequest<T>): Promise<StageOutput & { readonly value: T }> {
    const output = await this.run(writing(request));
    return {
      ...output,
      get value(): never {
        throw NO_OUTPUT;
      },
    };
  }

  override expectFinished(): never {
    throw NO_OUTPUT;
  }

  override async each<T extends readonly unknown[]>(work: { readonly [K in keyof T]: () => Promise<T[K]> }): Promise<T> {
    let ended = false;
    const done: unknown[] = [];
    for (const one of work)
      done.push(
        await one().catch(error => {
          expectNoOutput(error);
          ended = true;
        }),
      );
    if (ended) throw NO_OUTPUT;
    return done as unknown as T;
  }
}

function expectNoOutput(error: unknown): void {
  if (error !== NO_OUTPUT) throw error;
}
