/**
 * @file Contexts of a finished run, compressed by its exported model: those of the training histories, and those that the policy itself
 * generates in tasks of any split (method 7.1). They are added to a context database, or looked up in one.
 */

import { setTimeout } from 'node:timers/promises';
import { type Context, type ContextAbout, type ContextDatabase, DatabaseLocked } from '../data/contexts.ts';
import { tasksByKey } from '../data/index.ts';
import type { Executor, Program } from '../engine/index.ts';
import { openTasks } from '../histories/tasks.ts';
import { recordRollout } from '../play/index.ts';
import { contextShape, loadPolicy, type ModelDescription } from '../policy/index.ts';
import { type EnvFamily, episodeReturns, episodeStarts, type History, Recording, segmentStarts, type Task } from '../rl/index.ts';
import type { BaseConfig } from '../settings/base.ts';
import { pastFrom, tokenizer } from '../tokenizers/index.ts';
import { CadenzaError, invariant } from '../util/errors.ts';
import { hashJson } from '../util/files.ts';
import type { Progress } from '../util/progress.ts';
import { Random } from '../util/random.ts';
import { type Compressor, encodePrefixes } from './prefixes.ts';

/** An exported agent, and the experiment that it comes from. */
export interface ExportedAgent {
  readonly config: BaseConfig;
  readonly family: EnvFamily;
  readonly description: ModelDescription;
  readonly compress: Uint8Array;
  readonly act: Uint8Array;
}

/** Runs the policy in tasks and returns the streams as histories, learned in context with fixed weights. */
export async function policyHistories(
  { family, description, compress, act, config }: ExportedAgent,
  { tasks, streams, episodes, seed, executor, progress, signal }: RolloutRequest,
): Promise<History[]> {
  const policy = await loadPolicy({ description, compress, act, executor });
  const histories: History[] = [];
  progress.start('roll out', tasks.length * streams);
  for (const task of tasks) {
    const taskKey = family.taskKey(task);
    for (let i = 0; i < streams; i++) {
      const random = Random.seeded(seed).split('contexts', taskKey, i);
      const recording = new Recording(task, family, policy.actions);
      const greedy = config.evaluate.sampling === 'greedy';
      await recordRollout([recording], { family, policy, episodes, random, greedy, signal });
      histories.push(recording.history({ taskKey, stream: `rollout ${seed}: ${taskKey}#${i}` }));
      progress.update(histories.length);
    }
  }
  progress.finish();
  await policy.dispose();
  return histories;
}

export interface RolloutRequest {
  readonly tasks: readonly Task[];
  readonly streams: number;
  readonly episodes: number;
  readonly seed: number;
  readonly executor: Executor;
  readonly progress: Progress;
  readonly signal: AbortSignal;
}

/** The tasks of every split. */
function sidesOf({ config }: ExportedAgent): [ContextAbout['side'], readonly Task[]][] {
  const { train, validation, test } = openTasks(config);
  return Object.entries({ train, validation, test }) as [ContextAbout['side'], readonly Task[]][];
}

/** The tasks that names refer to: a split, or a task's key. Throws `E_SPLIT` for any other name. */
export function namedTasks(run: ExportedAgent, names: readonly string[]): Task[] {
  const sides = sidesOf(run);
  // If tasks are drawn, only these have names.
  const known = { ...run.family, tasks: () => sides.flatMap(([, tasks]) => tasks) };
  return names.flatMap(name => sides.find(([side]) => side === name)?.[1] ?? tasksByKey(known, [name]));
}

/** Compresses contexts of histories with the exported graph of a run's model. */
export class ContextCompressor {
  readonly #run: ExportedAgent;
  readonly #compressor: Compressor;
  readonly #sides: ReadonlyMap<string, ContextAbout['side']>;

  private constructor(run: ExportedAgent, program: Program) {
    const { description, family } = run;
    const { latentShape, recurrent, codes } = description;
    invariant(!codes || codes.size <= 2 ** 16, `a context database supports codes below 65536, but this model has ${codes?.size} codes.`);
    this.#run = run;
    this.#compressor = {
      tokenizer: tokenizer(description.tokenizer, family, description.query),
      context: contextShape(description),
      compress: { program, batch: 1, latentShape: latentShape!, recurrent },
      codes,
    };
    this.#sides = new Map(sidesOf(run).flatMap(([side, tasks]) => tasks.map(task => [family.taskKey(task), side])));
  }

  static async open(run: ExportedAgent, executor: Executor): Promise<ContextCompressor> {
    return new ContextCompressor(run, await executor.compile(run.compress));
  }

  /** Metadata of the context after `episode` episodes of a history, without compressing it. */
  about(history: History, episode: number): ContextAbout {
    const { starts, count } = this.#past(history, episode);
    const first = this.#run.description.recurrent ? 0 : pastFrom(this.#compressor.context, history, starts, count);
    const end = starts[count];
    const { task, taskKey, stream } = history;
    const length = history.reward.length;
    const rows = (column: Float32Array | Int32Array | Uint8Array) => {
      const width = column.length / length;
      return Array.from(column.subarray(first * width, end * width));
    };
    const columns = [history.action, history.reward, history.terminated, history.truncated].map(rows);
    const seen = [history.observation, history.nextObservation].map(rows);
    const earned = episodeReturns(history).subarray(0, episode);
    return {
      hash: hashJson({ task, columns, seen }),
      task: taskKey,
      side: this.#sides.get(taskKey)!,
      stream,
      episode,
      return: earned.reduce((sum, value) => sum + value, 0),
    };
  }

  /** The latents of the contexts after these numbers of episodes of a history, ascending, and their codes if the model has them. */
  async compress(history: History, episodes: readonly number[]): Promise<Pick<Context, 'latents' | 'codes'>[]> {
    const counts = episodes.map(episode => this.#past(history, episode).count);
    const starts = segmentStarts(history, this.#compressor.context.segment);
    const { latents, codes } = await encodePrefixes(this.#compressor, [{ past: history, starts, counts }]);
    const row = <T extends Float32Array | Uint16Array>(values: T, i: number) => {
      const width = values.length / counts.length;
      return values.slice(i * width, (i + 1) * width) as T;
    };
    return counts.map((_, i) => (codes ? { latents: row(latents, i), codes: row(codes, i) } : { latents: row(latents, i) }));
  }

  dispose(): Promise<void> {
    return this.#compressor.compress.program.dispose();
  }

  /** The segments of the first `episode` episodes. Throws `E_DATA` if there are fewer. */
  #past(history: History, episode: number): { starts: Int32Array; count: number } {
    const ends = episodeStarts(history);
    if (!(Number.isInteger(episode) && episode >= 1 && episode < ends.length))
      throw new CadenzaError(
        'E_DATA',
        `${history.stream} has ${ends.length - 1} episodes; expected an episode from 1 to that, got ${episode}.`,
      );
    const starts = segmentStarts(history, this.#compressor.context.segment);
    return { starts, count: starts.indexOf(ends[episode]) };
  }
}

/** Milliseconds between two attempts to open a locked database. */
const RETRY_MS = 500;

/**
 * Runs the attempt, repeatedly while another process has the database locked, which is reported once. Throws the signal's reason when it is
 * aborted.
 */
export async function onceFree<T>(attempt: () => T, { progress, signal }: { progress: Progress; signal: AbortSignal }): Promise<T> {
  for (let said = false; ; said = true) {
    try {
      return attempt();
    } catch (error) {
      if (!(error instanceof DatabaseLocked)) throw error;
      if (signal.aborted) throw error;
      if (!said) progress.say(`${error.message.split(':')[0]}; waiting for the process that is writing to it (Ctrl-C stops)`);
    }
    await setTimeout(RETRY_MS, undefined, { signal }).catch(() => undefined);
    signal.throwIfAborted();
  }
}

/** Number of contexts inserted together. */
const INSERT = 256;

/**
 * Adds the contexts of histories, after every `every`-th episode, to a context database. Existing contexts are not compressed again, so
 * that an interrupted build resumes.
 */
export async function storeContexts(
  store: ContextDatabase,
  compressor: ContextCompressor,
  histories: readonly History[],
  { every, progress, signal }: { every: number; progress: Progress; signal: AbortSignal },
): Promise<{ added: number; known: number }> {
  let [added, seen] = [0, 0];
  let waiting: Context[] = [];
  const flush = async () => {
    // Compressed contexts are held until they are written.
    added += await onceFree(() => store.insert(waiting), { progress, signal });
    waiting = [];
  };
  progress.start('compress', histories.length);
  for (const [done, history] of histories.entries()) {
    if (signal.aborted) await flush();
    signal.throwIfAborted();
    const episodes = episodeStarts(history).length - 1;
    const missing: ContextAbout[] = [];
    for (let episode = every; episode <= episodes; episode += every) {
      const about = compressor.about(history, episode);
      seen++;
      if (!(await onceFree(() => store.has(about.hash), { progress, signal }))) missing.push(about);
    }
    const wanted = missing.map(({ episode }) => episode);
    const made = await compressor.compress(history, wanted);
    waiting.push(...missing.map((about, i) => ({ ...about, ...made[i] })));
    if (waiting.length >= INSERT) await flush();
    progress.update(done + 1);
  }
  await flush();
  progress.finish(`${added} contexts added, ${seen - added} already present`);
  return { added, known: seen - added };
}
