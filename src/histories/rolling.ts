/**
 * @file Lets a source learn on every training task. Each history has its own random stream, so that the histories, and their bytes on the disk,
 * are the same however many threads generate them.
 */

import { availableParallelism } from 'node:os';
import { errorOf, type Failure } from '../distributed/pool.ts';
import { startThread } from '../distributed/threads.ts';
import type { Executor } from '../engine/index.ts';
import { environments } from '../envs/index.ts';
import type { EnvFamily, History, Task } from '../rl/index.ts';
import { eachHistory, source, sources } from '../sources/index.ts';
import { CadenzaError } from '../util/errors.ts';
import { importedModules } from '../util/modules.ts';
import { type Part, partsOf, type RollConfig, wantedHistories } from './wanted.ts';

/** What a thread receives when it starts. */
export interface RollerData extends RollConfig {
  /** Modules that register kinds. */
  readonly imports: readonly string[];
}

/** What a thread answers to each part. After a failure it answers nothing more. */
export type RollerAnswer = { readonly histories: History[] } | { readonly failed: Failure };

/** Transitions below which threads take longer to start than they save. */
const WORTH_THREADS = 2e6;

/** Parts that each thread has before it: one that it works on, and one that waits. */
export const AHEAD = 2;

interface RollRequest {
  readonly family: EnvFamily;
  readonly tasks: readonly Task[];
  readonly executor: Executor;
  readonly signal: AbortSignal;
  /** Called with the number of finished histories, which may be fractional. */
  readonly onProgress?: (done: number) => void;
  /** Number of threads; by default one for each core if that is worthwhile. One generates in this thread. */
  readonly threads?: number;
}

/** The histories of the source learning on every task, in order, as they are ready. */
export function rollHistories(config: RollConfig, request: RollRequest): AsyncGenerator<History> {
  const { family, tasks, executor, signal, onProgress } = request;
  const parts = partsOf(config, family, tasks);
  const threads = request.threads ?? threadsFor(config, family, tasks.length);
  if (threads > 1) return inThreads(config, parts, { ...request, threads });
  return eachHistory({ ...wantedHistories(config, family, parts), executor, signal, onProgress });
}

/**
 * Number of threads. One for little data; for sources that train networks, which have threads of their own; for environments of other
 * software, which a thread would start again; and for kinds that this program registered itself, which a thread would not know.
 */
function threadsFor({ env, source: settings }: RollConfig, family: EnvFamily, tasks: number): number {
  const most = tasks * settings.histories * settings.episodes * family.horizon;
  const here = 'learner' in source(settings.id) && family.software === undefined;
  const known = environments.isElsewhere(env.id) && sources.isElsewhere(settings.id);
  return most < WORTH_THREADS || !here || !known ? 1 : availableParallelism();
}

/** Histories of all parts, in their order, from several threads. */
async function* inThreads(
  { env, source, seed }: RollConfig,
  parts: Iterable<Part>,
  { signal, onProgress, threads: count }: RollRequest & { readonly threads: number },
): AsyncGenerator<History> {
  const data: RollerData = { env, source, seed, imports: importedModules().map(({ file }) => file) };
  const threads = Array.from({ length: count }, () => roller(data));
  const pending: Promise<History[]>[] = [];
  let [asked, done] = [0, 0];
  async function* next() {
    signal.throwIfAborted();
    const histories = await pending.shift()!;
    yield* histories;
    done += histories.length;
    onProgress?.(done);
  }
  try {
    for (const part of parts) {
      pending.push(threads[asked++ % count].roll(part));
      // Awaited later; until then, its failure is not unhandled.
      pending.at(-1)!.catch(() => {});
      if (pending.length === AHEAD * count) yield* next();
    }
    while (pending.length > 0) yield* next();
  } finally {
    await Promise.all(threads.map(({ stop }) => stop()));
  }
}

/** A thread that generates parts, one after another. */
function roller(data: RollerData) {
  const thread = startThread(new URL('./roller', import.meta.url), data);
  const waiting: { resolve(histories: History[]): void; reject(error: Error): void }[] = [];
  let ended: Error | undefined;
  const end = (error: Error) => {
    ended ??= error;
    for (const each of waiting.splice(0)) each.reject(ended);
  };
  thread.on('message', (answer: RollerAnswer) =>
    'failed' in answer ? end(errorOf(answer.failed)) : waiting.shift()!.resolve(answer.histories),
  );
  thread.on('error', ({ message }) => end(endedEarly(message)));
  thread.on('exit', code => end(endedEarly(`exit status ${code}`)));
  return {
    roll: (part: Part) =>
      new Promise<History[]>((resolve, reject) => {
        if (ended) return reject(ended);
        waiting.push({ resolve, reject });
        thread.postMessage(part);
      }),
    stop: () => thread.terminate(),
  };
}

const endedEarly = (how: string) =>
  new CadenzaError(
    'E_EXECUTOR',
    `a thread that generates histories ended unexpectedly (${how}), possibly because memory ran out. Run the same command again`,
  );
