/** @file Batches of learning histories for training, optionally with target distributions from an oracle table. */

import type { Model } from '../agent/model.ts';
import { compressor } from '../compressor/index.ts';
import { type HostTensor, type Tensor, zeros } from '../engine/index.ts';
import { batchParts } from '../histories/demonstrate.ts';
import { actionDistribution, type History, phaseCounter, stateOf } from '../rl/index.ts';
import { monteCarloTables } from '../sources/index.ts';
import { type Batch, BatchSampler, chosenContexts, fieldStatistics, newBatch, StreamSampler, writePrompts } from '../tokenizers/index.ts';
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

/** Batches of learning histories. With `spec.table`, each batch also has target distributions from the oracle table. */
export function historyBatches(run: TrainingRun, spec: HistoryStageSpec, { optimizer, random, reads }: BatchRequest): StageBatches {
  const { model, config } = run;
  const { tokenizer } = model;
  const shape = model.trainingShape(optimizer.batch);
  const chosen = model.rebuilt ? chosenContexts(tokenizer, shape, model.rebuilt) : undefined;
  const batch = newBatch(tokenizer, shape, reads.has('context') || chosen !== undefined);
  const feeds = feedsOf(model.trainingInputs(optimizer.batch), { ...batch, rebuilt: chosen?.contexts, rebuiltAt: chosen?.at });
  const histories = run.histories();
  const teacher = spec.table ? zeros(feeds.target.shape) : undefined;
  const parts = batchParts(batch, histories, run.demonstrations ?? [], {
    family: model.family,
    prompt: config.policy.prompt,
    perHistory: model.perHistory,
  }).map(part => {
    const { batch: rows, from } = part;
    const histories = spec.labels ? part.histories.map(spec.labels) : part.histories;
    const count = rows.place.length.length;
    const size = batch.target.length / optimizer.batch;
    const table = teacher?.data.subarray(from * size, (from + count) * size) as Float32Array;
    const lookUp = teacher && oracleTable(model, histories, random.split('monte-carlo'));
    const own = { ...shape, batch: count };
    const sampler = new BatchSampler(histories, tokenizer, own, config.queries.earlyEpisodeFraction);
    const streams = own.consecutive && new StreamSampler(sampler, tokenizer, own, random.split(part.name));
    const draw = (step: number) => (streams ? streams.fill(rows, step) : sampler.fill(rows, random.split(part.name, step)));
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
function* fitContexts({ model, config, histories, seed }: TrainingRun): Generator<Float32Array> {
  const shape = model.batchShape(64);
  const batch = newBatch(model.tokenizer, shape);
  const sampler = new BatchSampler(histories(), model.tokenizer, shape, config.queries.earlyEpisodeFraction);
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
