/** @file Batches of learning histories for training, optionally with target distributions from an oracle table. */

import type { Model } from '../agent/model.ts';
import { compressor } from '../compressor/index.ts';
import { type HostTensor, type Tensor, zeros } from '../engine/index.ts';
import { actionDistribution, episodeStarts, type History, phaseCounter, pickEpisodes, stateOf } from '../rl/index.ts';
import type { BaseConfig } from '../settings/base.ts';
import { monteCarloTables } from '../sources/index.ts';
import {
  type Batch,
  BatchSampler,
  batchRows,
  chosenContexts,
  drawnInOrder,
  fieldStatistics,
  newBatch,
  StreamSampler,
  writePrompts,
} from '../tokenizers/index.ts';
import { Random } from '../util/random.ts';
import type { BatchRequest, HistoryStageSpec, StageBatches, TrainingRun } from './define.ts';

/** Buffers as feeds of the graph inputs that have their names. */
export const feedsOf = <I extends Readonly<Record<string, Tensor | undefined>>>(
  inputs: I,
  buffers: { readonly [K in keyof I]: HostTensor['data'] | undefined },
) =>
  Object.fromEntries(
    Object.entries(inputs).flatMap(([name, tensor]) =>
      tensor ? [[name, { data: buffers[name], shape: tensor.shape, dtype: tensor.dtype }]] : [],
    ),
  ) as { [K in keyof I]: HostTensor };

/** What batches of learning histories are drawn from. */
export interface HistorySource extends Pick<TrainingRun, 'model' | 'seed' | 'histories'> {
  readonly config: Pick<BaseConfig, 'policy' | 'queries'>;
  /** Histories that begin with a demonstration. Default: none. */
  readonly shown?: () => readonly History[];
}

type HistoryBatchSpec = Pick<HistoryStageSpec, 'compressor' | 'table' | 'labels'>;

/** Batches of learning histories. With `spec.table`, each batch also has target distributions from the oracle table. */
export function historyBatches(run: HistorySource, spec: HistoryBatchSpec, { optimizer, random, reads }: BatchRequest): StageBatches {
  const { model, config } = run;
  const { tokenizer } = model;
  const shape = model.trainingShape(optimizer.batch);
  const chosen = model.rebuilt ? chosenContexts(tokenizer, shape, model.rebuilt) : undefined;
  const batch = newBatch(tokenizer, shape, reads.has('context') || chosen !== undefined);
  const feeds = feedsOf(model.trainingInputs(optimizer.batch), { ...batch, rebuilt: chosen?.contexts, rebuiltAt: chosen?.at });
  const histories = run.histories();
  const teacher = spec.table ? zeros(feeds.target.shape) : undefined;
  const { prompt } = config.policy;
  const { earlyEpisodeFraction: early, curriculum } = config.queries;
  const parts = batchParts(batch, histories, (prompt && run.shown?.()) ?? [], { prompt, perHistory: model.perHistory }).map(part => {
    const { batch: rows, from } = part;
    const histories = spec.labels ? part.histories.map(spec.labels) : part.histories;
    const count = rows.place.length.length;
    const size = batch.target.length / optimizer.batch;
    const table = teacher?.data.subarray(from * size, (from + count) * size) as Float32Array;
    const lookUp = teacher && oracleTable(model, histories, random.split('monte-carlo'));
    const own = { ...shape, batch: count };
    const drawHistory = curriculum && drawnInOrder(curriculum, histories, model.family);
    const sampler = new BatchSampler(histories, tokenizer, own, { early, history: drawHistory });
    const streams = own.consecutive && new StreamSampler(sampler, tokenizer, own, random.split(part.name));
    const draw = (step: number) => (streams ? streams.fill(rows, step) : sampler.fill(rows, random.split(part.name, step), step));
    return { ...part, table, lookUp, draw };
  });
  const fitted = compressor(spec.compressor).fit?.(
    fitContexts(run),
    [model.contextTokens, tokenizer.context.width],
    model.options,
    Random.seeded(run.seed).split('fit'),
  );
  return {
    feeds: teacher ? { ...feeds, teacher } : feeds,
    given: new Map([...fieldStatistics(histories, [tokenizer.context, tokenizer.query]), ...(fitted?.parameters ?? [])]),
    metrics: fitted && (() => fitted.metrics),
    fill(step) {
      for (const { batch, draw, prompts, lookUp, table } of parts) {
        draw(step);
        if (prompts) writePrompts(tokenizer, batch, prompts);
        lookUp?.(batch, table);
      }
      chosen?.fill(batch.context, random.split('rebuilt', step));
    },
  };
}

/** Contexts to which a compressor is fitted, drawn as in training. Every stage of a seed uses the same ones. */
function* fitContexts({ model, config, histories, seed }: HistorySource): Generator<Float32Array> {
  const shape = model.batchShape(64);
  const batch = newBatch(model.tokenizer, shape);
  const sampler = new BatchSampler(histories(), model.tokenizer, shape, { early: config.queries.earlyEpisodeFraction });
  for (let i = 0; i < 32; i++) {
    sampler.fill(batch, Random.seeded(seed).split('contexts', i));
    yield batch.context;
  }
}

/**
 * Monte-Carlo estimates of optimal actions, indexed by observation and by the task phase inferred from rewards (method: teacher T).
 */
export function oracleTable(
  model: Pick<Model, 'family' | 'segment' | 'head'>,
  histories: readonly History[],
  random: Random,
): (batch: Batch, out: Float32Array) => void {
  const { family, segment, head } = model;
  const A = actionDistribution(family.actionSpace).size;
  const P = head.distribution.size;
  const state = stateOf(family);
  const tableOf = monteCarloTables(family, random);
  return ({ place }, out) => {
    out.fill(0);
    for (let b = 0; b < place.history.length; b++) {
      const history = histories[place.history[b]];
      const { observation, reward, terminated, truncated } = history;
      const table = tableOf(history);
      const width = observation.length / reward.length;
      const phase = phaseCounter(family);
      const [first, end] = [place.first[b], place.first[b] + place.length[b]];
      // If a segment starts in the middle of an episode, earlier rewards determine the phase.
      let at = first;
      while (at > 0 && !terminated[at - 1] && !truncated[at - 1]) at--;
      for (; at < end; at++) {
        if (at >= first) {
          head.writeTarget(table, state(observation, at * width, phase.now) * A, out, (b * segment + at - first) * P);
        }
        phase.step(reward[at], false);
      }
    }
  };
}

/** Rows of a batch from the same histories. */
export interface BatchPart {
  /** Label of their random stream. */
  readonly name: string;
  /** Its rows, starting at row `from` of the whole batch. */
  readonly batch: Batch;
  readonly from: number;
  readonly histories: readonly History[];
  /** The prompt of each history: the demonstration that its learner saw. */
  readonly prompts?: readonly History[];
}

/**
 * Splits a batch into parts. With demonstrations, which `whole` begins with, the fraction `policy.prompt.unprompted` comes from the source's histories; without, all of it.
 */
export function batchParts(
  batch: Batch,
  histories: readonly History[],
  whole: readonly History[],
  { prompt, perHistory }: { readonly prompt: BaseConfig['policy']['prompt']; readonly perHistory: number },
): BatchPart[] {
  if (!prompt) return [{ name: 'batch', batch, from: 0, histories }];
  const episodes = (history: History) => Array.from({ length: episodeStarts(history).length - 1 }, (_, e) => e);
  const rows = batch.place.length.length;
  // Queries of one history stay in one part.
  const alone = Math.round((prompt.unprompted * rows) / perHistory) * perHistory;
  const parts = [
    { name: 'batch', batch: batchRows(batch, 0, alone), from: 0, histories },
    {
      name: 'prompted',
      batch: batchRows(batch, alone, rows),
      from: alone,
      histories: whole.map(history => pickEpisodes(history, episodes(history).slice(prompt.episodes))),
      prompts: whole.map(history => pickEpisodes(history, episodes(history).slice(0, prompt.episodes))),
    },
  ];
  return parts.filter(part => part.batch.place.length.length > 0);
}
