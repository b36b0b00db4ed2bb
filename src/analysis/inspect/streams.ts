/**
 * @file Records the agent while it learns in context: streams on tasks of one side of the split, with Z at some moments, the latest raw
 * transitions, what a learner of the source believes, and attention weights.
 * Shape key: S streams, E moments, M latents, D width, R numbers of the latest transitions, N context tokens, F features.
 */

import { join } from 'node:path';
import { z } from 'zod';
import { openCompressor, openPolicy } from '../../agent/inference.ts';
import { loadTensors, saveTensors } from '../../cache/checkpoint.ts';
import { readStageFile, type StageContext, type StageOutput } from '../../cache/store.ts';
import { sizeOf } from '../../engine/index.ts';
import { recordRollout } from '../../play/index.ts';
import { attendingLayers } from '../../policy/index.ts';
import { moments, momentsWithin } from '../../records/index.ts';
import { encodePrefixes } from '../../retrieval/prefixes.ts';
import { Recording, segmentStarts, type Task } from '../../rl/index.ts';
import { AttentionMean, type EpisodeAttention } from '../../statistics/index.ts';
import { writeContext, writePast } from '../../tokenizers/index.ts';
import { writeJson } from '../../util/files.ts';
import { fields } from '../../util/formats.ts';
import { Random } from '../../util/random.ts';
import { believedAt } from './beliefs.ts';
import type { Side, Subject } from './subject.ts';

const TENSORS_FILE = 'streams.safetensors';

/** Maximum number of stored values of raw contexts for reconstruction: 64 MiB. */
const MOST_NUMBERS = 2 ** 24;

const count = z.int().min(0);
const numbers = z.array(z.number());
const STREAMS = {
  name: 'streams.json',
  schema: z.strictObject({
    /** [S] task of each stream, as an index into the side's tasks. */
    task: z.array(count),
    /** [E] number of finished in-context episodes, or of calls in the only one. */
    moments: z.array(count),
    /** [S][E] whether the stream lasted until then; its values are those at its end if not. */
    reached: z.array(z.array(z.boolean())),
    /** [S][E][beliefs] values of the beliefs of a learner that observed the stream. */
    beliefs: z.array(z.array(z.array(numbers))),
    /** [S][E] whether the stream had received a reward. */
    rewarded: z.array(numbers),
    /** Streams with a stored raw context. */
    kept: z.array(count),
    attention: z.array(
      fields<EpisodeAttention>({ episode: count, weights: z.array(z.array(z.array(z.number()))), entropy: z.array(numbers) }),
    ),
  }),
};

export interface WatchedStreams extends z.output<typeof STREAMS.schema> {
  /** [S · E · M · D] */
  readonly latents: Float32Array;
  /** [S · E · R] the latest raw transitions, as many as have at most the size of Z. */
  readonly recent: Float32Array;
  /** [kept · N · F] after `fullAfter` episodes. */
  readonly contexts: Float32Array;
}

/** Number of episodes after which a context is full, or the last one in shorter streams. */
export const fullAfter = ({ model, episodes }: Pick<Subject, 'model' | 'episodes'>): number =>
  Math.min(episodes, Math.ceil(model.contextTransitions / model.family.horizon));

/** Whether moments are calls within the only episode of a stream, not numbers of completed episodes. */
export const inCalls = ({ episodes }: Pick<Subject, 'episodes'>): boolean => episodes === 1;

/** When Z is recorded. */
const momentsOf = (subject: Pick<Subject, 'model' | 'episodes'>): number[] =>
  inCalls(subject) ? momentsWithin(subject.model.family.horizon, subject.model.segment) : moments(subject.episodes, fullAfter(subject));

/** Calls of a stream until each moment, or until its end if it ended before. */
const endsOf = (subject: Subject, { starts, length }: Recording, at: readonly number[]): number[] =>
  at.map(moment => (inCalls(subject) ? Math.min(moment, length) : starts[moment]));

/** Number of recent raw transitions with at most the size of Z, but at least one. */
export function recentTransitions({ model, agent }: Pick<Subject, 'model' | 'agent'>): number {
  const { tokensPerTransition, context } = model.tokenizer;
  const room = Math.floor(sizeOf(model.latentShape(agent.compressorId)!) / (tokensPerTransition * context.width));
  return Math.min(Math.max(1, room), model.contextTransitions);
}

export function watchStreams(subject: Subject, side: Side): Promise<StageOutput> {
  const { store, config, agent, options, episodes, shared } = subject;
  const { sampling, tasks: evaluated, maxTasks } = config.evaluate;
  const at = momentsOf(subject);
  return store.run({
    stage: `inspect-streams-${side}`,
    settings: { ...shared, tasks: options.tasks, streams: options.streams, episodes, moments: at, sampling, evaluated, maxTasks },
    inputs: { agent: agent.trained.key },
    async run(context) {
      const tasks = subject.tasks[side];
      const task = tasks.flatMap((_, t) => new Array<number>(options.streams).fill(t));
      const { streams, attention } = await play(subject, side, task, context);
      const ends = streams.map(stream => endsOf(subject, stream, at));
      const latents = await latentsAt(subject, streams, ends, context);
      const { recent, contexts, kept } = rawAt(subject, streams, ends);
      const tensors = Object.entries({ latents, recent, contexts }).map(([name, data]) => [name, { data, shape: [data.length] }] as const);
      saveTensors(join(context.folder, TENSORS_FILE), new Map(tensors), {});
      const rewarded = streams.map(({ reward }, i) => {
        const first = reward.findIndex(r => r > 0);
        return ends[i].map(end => Number(first >= 0 && first < end));
      });
      const reached = streams.map(({ length }) => at.map(moment => !inCalls(subject) || length >= moment));
      const beliefs = streams.map((stream, i) => believedAt(subject, stream, ends[i]));
      writeJson(join(context.folder, STREAMS.name), { task, moments: at, reached, rewarded, beliefs, kept, attention });
      context.progress.finish(`${streams.length} streams on ${tasks.length} tasks`);
      return { tasks: tasks.length, streams: streams.length };
    },
  });
}

/** Reads the output of `watchStreams`. */
export function loadStreams({ folder }: StageOutput): WatchedStreams {
  const { tensors } = loadTensors(join(folder, TENSORS_FILE));
  const [latents, recent, contexts] = ['latents', 'recent', 'contexts'].map(name => tensors.get(name)!.data as Float32Array);
  return { ...readStageFile(folder, STREAMS), latents, recent, contexts };
}

/** Lets the agent act from an empty context, one stream per entry of `task`. */
async function play(subject: Subject, side: Side, task: readonly number[], { progress, signal }: StageContext) {
  const { model, executor, agent, config, episodes, options } = subject;
  const { family } = model;
  const layers = attendingLayers(model.policyOptions).length;
  const attention = new AttentionMean({ layers, heads: model.policyOptions.heads }, moments(episodes, fullAfter(subject)));
  let weights: Float32Array = new Float32Array();
  const onAttention = (found: Float32Array) => {
    weights = found;
  };
  const tasks: Task[] = task.map(t => subject.tasks[side][t]);
  const policy = await openPolicy({ model, executor, size: tasks.length, ...(layers > 0 ? { onAttention } : {}) }, agent);
  const streams = tasks.map(each => new Recording(each, family, policy.actions));
  progress.start(`play ${side === 'train' ? 'training' : 'held-out'} tasks`, tasks.length * episodes);
  await recordRollout(streams, {
    family,
    policy,
    episodes,
    random: Random.seeded(options.seed).split('inspect', side),
    greedy: config.evaluate.sampling === 'greedy',
    signal,
    onProgress: ({ done }) => progress.update(done),
    onStep() {
      const width = weights.length / tasks.length;
      for (const [i, { episodes: before }] of streams.entries())
        if (width > 0 && before < episodes) attention.add(before + 1, weights.subarray(i * width, (i + 1) * width));
    },
  });
  return { streams, attention: attention.means() };
}

/** Z of every stream at each moment, [S · E · M · D], as the policy saw it. */
async function latentsAt(subject: Subject, streams: readonly Recording[], ends: readonly number[][], { progress, signal }: StageContext) {
  const { model, executor, agent } = subject;
  const compressor = await openCompressor(model, executor, agent);
  const prefixes = streams.map((stream, i) => {
    const starts = segmentStarts(stream, model.segment);
    return { past: stream, starts, counts: [...new Set(ends[i])].map(end => starts.indexOf(end)) };
  });
  progress.start(
    'compress',
    prefixes.reduce((sum, { counts }) => sum + counts.length, 0),
  );
  const { latents: encoded } = await encodePrefixes(compressor, prefixes, { signal, onProgress: done => progress.update(done) });
  await compressor.compress.program.dispose();
  // After its end, the latents of a stream stay.
  const row = sizeOf(compressor.compress.latentShape);
  const latents = new Float32Array(ends.flat().length * row);
  let [from, to] = [-row, 0];
  for (const own of ends)
    for (const [e, end] of own.entries()) {
      if (e === 0 || end !== own[e - 1]) from += row;
      latents.set(encoded.subarray(from, from + row), to);
      to += row;
    }
  return latents;
}

/** The latest raw transitions at each moment, and whole raw contexts of as many streams as the limit allows. */
function rawAt(subject: Subject, streams: readonly Recording[], ends: readonly number[][]) {
  const { model } = subject;
  const { tokenizer, contextTransitions, segment, contextLayout } = model;
  const shape = { contextTransitions, segment, contextLayout };
  const transition = tokenizer.tokensPerTransition * tokenizer.context.width;
  const size = recentTransitions(subject) * transition;
  const recent = new Float32Array(ends.flat().length * size);
  for (const [i, stream] of streams.entries())
    for (const [e, end] of ends[i].entries())
      writeContext(tokenizer, recent, (i * ends[i].length + e) * size, size / transition, stream, 0, end);
  const row = contextTransitions * transition;
  const room = Math.min(streams.length, Math.max(1, Math.floor(MOST_NUMBERS / row)));
  const kept = Array.from({ length: room }, (_, k) => Math.floor((k * streams.length) / room));
  const contexts = new Float32Array(room * row);
  for (const [k, i] of kept.entries()) {
    const starts = segmentStarts(streams[i], segment);
    writePast(tokenizer, contexts, k * row, shape, streams[i], starts, starts.indexOf(streams[i].starts[fullAfter(subject)]));
  }
  return { recent, contexts, kept };
}
