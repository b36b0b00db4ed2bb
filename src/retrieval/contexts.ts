/**
 * @file Contexts of a finished run, compressed by its exported model: those of the training histories, and those that the policy itself
 * comes by in tasks of any side (method 7.1). They go into a store, or are looked up in one.
 */

import { type Context, type ContextAbout, type ContextStore, StoreLocked } from '../data/contexts.ts';
import { tasksByKey } from '../data/index.ts';
import { type Executor, type HostTensor, outputNames, type Program, zeros } from '../engine/index.ts';
import { openTasks } from '../histories/tasks.ts';
import { rollout } from '../play/index.ts';
import { contextShape, loadPolicy, type ModelDescription } from '../policy/index.ts';
import {
  actionsOf,
  type EnvFamily,
  episodeReturns,
  episodeStarts,
  type History,
  type Policy,
  segmentStarts,
  spaceSize,
  type Task,
} from '../rl/index.ts';
import type { BaseConfig } from '../settings/base.ts';
import { type ContextShape, pastFrom, type Tokenizer, tokenizer, writePast } from '../tokenizers/index.ts';
import { CadenzaError } from '../util/errors.ts';
import { hashJson } from '../util/files.ts';
import type { Progress } from '../util/progress.ts';
import { Random } from '../util/random.ts';

/** An agent as it is deployed, and the experiment that it is from. */
export interface ExportedAgent {
  readonly config: BaseConfig;
  readonly family: EnvFamily;
  readonly description: ModelDescription;
  readonly compress: Uint8Array;
  readonly act: Uint8Array;
}

/** Rolls the run's policy in tasks and gives what happened as histories, one a stream, learnt in context with fixed weights. */
export async function policyHistories(
  { family, description, compress, act, config }: ExportedAgent,
  { tasks, streams, episodes, seed, executor, progress, signal }: Rolling,
): Promise<History[]> {
  const policy = await loadPolicy({ description, compress, act, executor });
  const histories: History[] = [];
  progress.start('roll out', tasks.length * streams);
  for (const task of tasks) {
    const taskKey = family.taskKey(task);
    for (let i = 0; i < streams; i++) {
      const random = Random.seeded(seed).split('contexts', taskKey, i);
      const recorder = recording(policy, family);
      const greedy = config.evaluate.sampling === 'greedy';
      await rollout({ family, tasks: [task], policy: recorder.policy, episodes, random, greedy, signal });
      histories.push({ ...recorder.columns(), task, taskKey, stream: `rollout ${seed}: ${taskKey}#${i}` });
      progress.update(histories.length);
    }
  }
  progress.finish();
  await policy.dispose();
  return histories;
}

export interface Rolling {
  readonly tasks: readonly Task[];
  /** Streams in each task. */
  readonly streams: number;
  readonly episodes: number;
  readonly seed: number;
  readonly executor: Executor;
  readonly progress: Progress;
  readonly signal: AbortSignal;
}

/** A policy of one environment that notes what it is told. */
function recording(policy: Policy, { observationSpace, actionSpace }: Pick<EnvFamily, 'observationSpace' | 'actionSpace'>) {
  const columns = {
    observation: [] as number[],
    action: [] as number[],
    probabilities: [] as number[],
    reward: [] as number[],
    nextObservation: [] as number[],
    terminated: [] as number[],
    truncated: [] as number[],
  };
  const width = spaceSize(observationSpace);
  const recorder: Policy = {
    actions: policy.actions,
    reset: size => policy.reset(size),
    async act(observation) {
      const probabilities = await policy.act(observation);
      columns.probabilities.push(...probabilities);
      return probabilities;
    },
    async observe(feedback) {
      columns.observation.push(...feedback.observation.subarray(0, width));
      columns.nextObservation.push(...feedback.nextObservation.subarray(0, width));
      columns.action.push(...feedback.action.subarray(0, policy.actions.width));
      for (const name of ['reward', 'terminated', 'truncated'] as const) columns[name].push(feedback[name][0]);
      await policy.observe(feedback);
    },
  };
  return {
    policy: recorder,
    columns: () => ({
      observation: Float32Array.from(columns.observation),
      action: actionsOf(actionSpace, columns.action),
      probabilities: Float32Array.from(columns.probabilities),
      reward: Float32Array.from(columns.reward),
      nextObservation: Float32Array.from(columns.nextObservation),
      terminated: Uint8Array.from(columns.terminated),
      truncated: Uint8Array.from(columns.truncated),
    }),
  };
}

/** The side of the split that every task of the run is on, by its key. */
export function sidesOf({ config, family }: ExportedAgent): ReadonlyMap<string, ContextAbout['side']> {
  const { train, validation, test } = openTasks(config);
  const sides = { train, validation, test };
  return new Map(
    (Object.keys(sides) as (keyof typeof sides)[]).flatMap(side => sides[side].map(task => [family.taskKey(task), side] as const)),
  );
}

/** The tasks that words name: a side of the split, or a task's own key. Throws `E_SPLIT` for anything else. */
export function namedTasks(run: ExportedAgent, names: readonly string[]): Task[] {
  const { train, validation, test } = openTasks(run.config);
  const sides: Record<string, readonly Task[]> = { train, validation, test };
  // Where tasks are drawn, these are all that have a name.
  const known = { ...run.family, tasks: () => [...train, ...validation, ...test] };
  return names.flatMap(name => (Object.hasOwn(sides, name) ? sides[name] : tasksByKey(known, [name])));
}

/** What the graph makes of a context. */
interface Made {
  readonly latents: HostTensor;
  readonly codes?: HostTensor;
  /** What a model that carries goes on from. */
  readonly next?: HostTensor;
}

/** Segment i of a history is [starts[i], starts[i + 1]); the first `count` are past. */
interface Past {
  readonly starts: Int32Array;
  readonly count: number;
}

/**
 * Compresses contexts of histories with a run's model, one at a time, as its exported graph takes them. A model that goes on from its latents
 * is led through the history from its start, or from where it last stood in it.
 */
export class ContextCompressor {
  readonly #run: ExportedAgent;
  readonly #program: Program;
  readonly #outputs: readonly string[];
  readonly #layout: Tokenizer;
  readonly #shape: ContextShape;
  readonly #context: HostTensor;
  /** What a model that goes on from its latents has carried so far: through so many segments of a history. */
  #carried: { readonly history?: History; readonly count: number; readonly made: Made };
  readonly #sides: ReadonlyMap<string, ContextAbout['side']>;

  private constructor(run: ExportedAgent, program: Program) {
    const { description, family } = run;
    this.#layout = tokenizer(description.tokenizer, family, description.query);
    this.#shape = contextShape(description);
    this.#run = run;
    this.#program = program;
    this.#outputs = outputNames(run.compress).filter(name => ['latents', 'codes', 'next'].includes(name));
    const { tokensPerTransition, context } = this.#layout;
    this.#context = zeros([1, this.#shape.contextTransitions * tokensPerTransition, context.width]);
    this.#carried = this.#nothing();
    this.#sides = sidesOf(run);
  }

  static async open(run: ExportedAgent, executor: Executor): Promise<ContextCompressor> {
    return new ContextCompressor(run, await executor.compile(run.compress));
  }

  /** What is known of the context after `episode` episodes of a history, without compressing it. */
  about(history: History, episode: number): ContextAbout {
    const { starts, count } = this.#past(history, episode);
    const first = this.#run.description.carries ? 0 : pastFrom(this.#shape, history, starts, count);
    const end = starts[count];
    const { task, taskKey, stream } = history;
    const length = history.reward.length;
    const rows = (column: Float32Array | Int32Array | Uint8Array) => {
      const width = column.length / length;
      return Array.from(column.subarray(first * width, end * width));
    };
    const columns = [history.action, history.reward, history.terminated, history.truncated].map(rows);
    const seen = [history.observation, history.nextObservation].map(rows);
    return {
      hash: hashJson({ task, columns, seen }),
      task: taskKey,
      side: this.#sides.get(taskKey)!,
      stream,
      episode,
      return: episodeReturns(history)
        .subarray(0, episode)
        .reduce((sum, value) => sum + value, 0),
    };
  }

  /** The latents of the context after `episode` episodes, and its codes where the model makes some. */
  async compress(history: History, episode: number): Promise<Pick<Context, 'latents' | 'codes'>> {
    const past = this.#past(history, episode);
    const { latents, codes } = this.#run.description.carries ? await this.#carry(history, past) : await this.#read(history, past);
    const values = Float32Array.from(latents.data);
    return codes ? { latents: values, codes: codesOf(codes) } : { latents: values };
  }

  /** One run of the graph over what a context holds of the past. */
  async #read(history: History, { starts, count }: Past, state?: HostTensor): Promise<Made> {
    this.#context.data.fill(0);
    writePast(this.#layout, this.#context.data as Float32Array, 0, this.#shape, history, starts, count);
    const feeds: Record<string, HostTensor> = state ? { context: this.#context, state } : { context: this.#context };
    const { latents, codes, next } = await this.#program.run(feeds, this.#outputs);
    return { latents, codes, next };
  }

  async #carry(history: History, { starts, count }: Past): Promise<Made> {
    if (this.#carried.history !== history || this.#carried.count > count) this.#carried = this.#nothing();
    while (this.#carried.count < count) {
      const next = this.#carried.count + 1;
      const made = await this.#read(history, { starts, count: next }, this.#carried.made.next);
      this.#carried = { history, count: next, made };
    }
    return this.#carried.made;
  }

  #nothing() {
    const none = zeros([1, ...this.#run.description.latentShape!]);
    return { count: 0, made: { latents: none, next: none } };
  }

  dispose(): Promise<void> {
    return this.#program.dispose();
  }

  /** The segments of the first `episode` episodes. Throws `E_DATA` when there are not as many. */
  #past(history: History, episode: number): Past {
    const ends = episodeStarts(history);
    if (!(Number.isInteger(episode) && episode >= 1 && episode < ends.length))
      throw new CadenzaError(
        'E_DATA',
        `${history.stream} has ${ends.length - 1} episodes; expected a number of them from 1, got ${episode}.`,
      );
    const starts = segmentStarts(history, this.#shape.segment);
    return { starts, count: starts.indexOf(ends[episode]) };
  }
}

function codesOf({ data }: HostTensor): Uint16Array {
  if (data.some(code => !(Number.isInteger(code) && code >= 0 && code < 65536)))
    throw new CadenzaError(
      'E_SHAPE',
      'the output "codes" of compress.onnx must hold whole numbers below 65536, which is what a store keeps.',
    );
  return Uint16Array.from(data);
}

/** Milliseconds between two tries of a locked store. */
const RETRY_MS = 500;

/** What the attempt gives, made again for as long as another process has the store locked, which is said once. Throws what the signal says when it aborts. */
export async function onceFree<T>(attempt: () => T, { progress, signal }: { progress: Progress; signal: AbortSignal }): Promise<T> {
  for (let said = false; ; said = true) {
    try {
      return attempt();
    } catch (error) {
      if (!(error instanceof StoreLocked)) throw error;
      if (signal.aborted) throw error;
      if (!said) progress.say(`${error.message.split(':')[0]}; waiting for the process that writes there (Ctrl-C gives up)`);
    }
    await new Promise<void>(resolve => {
      const done = () => {
        clearTimeout(timer);
        signal.removeEventListener('abort', done);
        resolve();
      };
      const timer = setTimeout(done, RETRY_MS);
      signal.addEventListener('abort', done);
    });
    signal.throwIfAborted();
  }
}

/** Contexts that are inserted together. */
const INSERT = 256;

/**
 * Compresses the contexts of histories, after every `every`-th episode, into a store. What is there already is not compressed again, so
 * that an interrupted build goes on where it stopped.
 */
export async function storeContexts(
  store: ContextStore,
  compressor: ContextCompressor,
  histories: readonly History[],
  { every, progress, signal }: { every: number; progress: Progress; signal: AbortSignal },
): Promise<{ added: number; known: number }> {
  let [added, seen] = [0, 0];
  let waiting: Context[] = [];
  const flush = async () => {
    // What was computed is kept until it is written.
    added += await onceFree(() => store.insert(waiting), { progress, signal });
    waiting = [];
  };
  progress.start('compress', histories.length);
  for (const [done, history] of histories.entries()) {
    if (signal.aborted) await flush();
    signal.throwIfAborted();
    const episodes = episodeStarts(history).length - 1;
    for (let episode = every; episode <= episodes; episode += every) {
      const about = compressor.about(history, episode);
      seen++;
      const known = await onceFree(() => store.has(about.hash), { progress, signal });
      if (!known) waiting.push({ ...about, ...(await compressor.compress(history, episode)) });
      if (waiting.length >= INSERT) await flush();
    }
    progress.update(done + 1);
  }
  await flush();
  progress.finish(`${added} contexts added, ${seen - added} already there`);
  return { added, known: seen - added };
}
