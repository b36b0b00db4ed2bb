/**
 * @file The floating-point operations of one action on Dark Room, counted by hand from the presets and compared with the count from the graphs
 * that act: step by step, with keys and values kept within an episode. The plain graphs are counted, too, next to the ratio that RAD publishes (arXiv 2609.35333: 27.8 MFLOP an action against 144.8 for AD, 0.19 ×).
 * A product of [a, b] and [b, c] counts 2abc, a layer norm 6 a number, a softmax 5, anything else 1.
 */

import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { baseline, type TrainedBaseline } from '../src/agent/baselines/index.ts';
import { baked, costOf, plannedCost } from '../src/agent/cost.ts';
import { Model } from '../src/agent/model.ts';
import { agentGraphs, changeGraphs } from '../src/agent/steps.ts';
import { loadExperiment } from '../src/config/experiment.ts';
import { environment } from '../src/envs/index.ts';
import { baselineModel } from '../src/training/stages/baselines.ts';
import { ROOT } from './helpers/command.ts';

const preset = (name: string) => loadExperiment(join(ROOT, 'experiments', `${name}.yaml`));
const RAD_RATIO = 0.19;

// Of the presets: width D, F hidden numbers of a feed-forward layer, heads; N context tokens in episodes of T, the policy's T tokens, m latents.
const [D, F, HEADS, T, EPISODES, N, M, ACTIONS] = [64, 256, 4, 20, 10, 200, 8, 5];
/** Heads of the pooling attention: with the context as a window, and with episodes in slots. */
const [WINDOW_HEADS, POOL_HEADS] = [16, 4];
const [ENCODER_LAYERS, DECODER_LAYERS] = [1, 3];
// A context token: a flag, (x, y) of 9 + 9, 5 actions, a reward, (x', y'), an end. A query token: two flags, (x, y), 5 actions, a reward.
const [CONTEXT_ROW, QUERY_ROW] = [1 + 18 + 5 + 1 + 18 + 1, 2 + 18 + 5 + 1];

const product = (rows: number, from: number, to: number) => 2 * rows * from * to;
const withBias = (rows: number, from: number, to: number) => product(rows, from, to) + rows * to;
const norm = (rows: number) => 6 * rows * D;
const residual = (rows: number) => rows * D;
/** Scores and their scale, softmax, values: 2K + 2K + 5 for every head and pair of query and key, masked pairs too. */
const attention = (queries: number, keys: number, heads: number) => heads * queries * keys * (4 * (D / heads) + 5);
const keysValues = (rows: number) => 2 * product(rows, D, D);

/** Embedding with its bias, and positions. */
const embed = (rows: number, row: number) => withBias(rows, row, D) + rows * D;
const selfAttention = (rows: number) =>
  norm(rows) + product(rows, D, D) + keysValues(rows) + attention(rows, rows, HEADS) + product(rows, D, D) + residual(rows);
const feedForward = (rows: number) => product(rows, D, F) + rows * F + product(rows, F, D);
const feedForwardLayer = (rows: number) => norm(rows) + feedForward(rows) + residual(rows);
const block = (rows: number) => selfAttention(rows) + feedForwardLayer(rows);
/** Keys and values of the context are computed for every action. */
const crossAttention = (rows: number, context: number) =>
  norm(rows) + product(rows, D, D) + keysValues(context) + attention(rows, context, HEADS) + product(rows, D, D) + residual(rows);
const head = (rows: number) => norm(rows) + withBias(rows, D, ACTIONS) + 5 * rows * ACTIONS;

/** The encoder attends within episodes. */
const encoder = embed(N, CONTEXT_ROW) + ENCODER_LAYERS * EPISODES * block(T) + norm(N);
/** m queries, whose own map is folded away, attend to a sink and N tokens; then a feed-forward layer. */
const pooling =
  keysValues(N + 1) + attention(M, N + 1, WINDOW_HEADS) + product(M, D, D) + residual(M) + norm(M) + feedForward(M) + residual(M);
/** All T tokens of the running episode, whatever the step: nothing is kept from the action before. `context` tokens with positions of their own. */
const policy = (context: number) => embed(T, QUERY_ROW) + context * D + DECODER_LAYERS * (block(T) + crossAttention(T, context)) + head(T);
/** One causal stack over the context and the running episode, whose positions are those of the whole. */
const stack = withBias(T, QUERY_ROW, D) + (N + T) * D + (ENCODER_LAYERS + DECODER_LAYERS) * block(N + T) + head(T);

/** Compressing, or encoding, is done once an episode of T actions; everything else again for every action. */
const PLAIN = {
  cad: (encoder + pooling) / T + policy(M),
  full: encoder / T + policy(N),
  ad: (embed(N, CONTEXT_ROW) + norm(N)) / T + stack,
} as const;

/** Self-attention of one token among `places`: its keys and values are written into their place, and a mask hides what comes later. */
const stepAttention = (places: number) =>
  norm(1) +
  product(1, D, D) +
  keysValues(1) +
  2 * places * D +
  attention(1, places, HEADS) +
  HEADS * places +
  product(1, D, D) +
  residual(1);
/** The place as a row of 0 and 1, what is later, and the position. */
const placed = (places: number) => 3 * places + product(1, places, D) + D;
/** One token through the policy; what it attends to besides the episode has its keys and values. */
const step = (places: number, layers: number, context = 0) =>
  withBias(1, QUERY_ROW, D) +
  placed(places) +
  layers * (stepAttention(places) + feedForwardLayer(1) + (context > 0 ? crossAttention(1, context) - keysValues(context) : 0)) +
  head(1);
/** Keys and values of Z, once an episode. */
const begin = (context: number) => context * D + DECODER_LAYERS * keysValues(context);
const LAYERS = ENCODER_LAYERS + DECODER_LAYERS;
/** AD's context, once an episode: of the last layer only keys and values. */
const prefix = embed(N, CONTEXT_ROW) + norm(N) + N * D + (LAYERS - 1) * block(N) + norm(N) + keysValues(N);

/** With the context as a window, in which an episode is encoded again whenever the window moves. */
const BY_HAND = {
  cad: (encoder + pooling + begin(M)) / T + step(T, DECODER_LAYERS, M),
  full: (encoder + begin(N)) / T + step(T, DECODER_LAYERS, N),
  ad: prefix / T + step(N + T, LAYERS),
} as const;
/** What a context attends to with episodes in slots: an episode is encoded once, and has a position whenever the context is compressed. */
const oneEpisode = embed(T, CONTEXT_ROW) + ENCODER_LAYERS * block(T) + norm(T);
/** Scores of all latents and heads as one map of a token; their largest, differences, exponentials and sums; values, and their weighted sums. */
const J = POOL_HEADS * M;
const partOfEpisode = product(T, D, J) + 4 * J * T + product(T, D, D) + product(J, T, D / POOL_HEADS);
const K = D / POOL_HEADS;
/**
 * Numbers for every slot and score: with the position's, the largest of them, the difference, exponential, weight and sum; the sink's. Values
 * of width K: weighted, the position's weighted, both added, and summed; the sink's weighted and added, and the quotient.
 */
const joined = 6 * EPISODES * J + 4 * J + 4 * EPISODES * J * K + 3 * J * K;
const afterJoining = product(M, D, D) + residual(M) + norm(M) + feedForward(M) + residual(M);
const SEGMENTS = {
  cad: (oneEpisode + partOfEpisode + joined + afterJoining + begin(M)) / T + step(T, DECODER_LAYERS, M),
  full: (oneEpisode + N * D + begin(N)) / T + step(T, DECODER_LAYERS, N),
} as const;

const models = { window: preset('dark-room-window'), slots: preset('dark-room') };
type Row = keyof typeof BY_HAND;

/** A row of the table: its compressor, and its model. */
function rowOf(id: Row, of: keyof typeof models): [kind: string, model: Model] {
  const config = models[of];
  const cad = new Model(config, environment('dark-room'));
  if (id === 'cad') return [config.compressor, cad];
  const { baseline: trained, model: its } = baselineModel(baseline(id) as TrainedBaseline, config, cad);
  return [trained.compressor, its];
}
const counted = (id: Row, of: keyof typeof models) => {
  const [kind, row] = rowOf(id, of);
  return plannedCost(row, kind).flopsPerAction;
};
/** Of the plain graphs, which keep nothing. */
const countedPlain = (id: Row) => {
  const [kind, row] = rowOf(id, 'window');
  const { steps: _, segments: __, ...graphs } = agentGraphs(row, kind, { compress: 1, act: 1 });
  return costOf(row, kind, changeGraphs(graphs, baked)).flopsPerAction;
};

describe('the operations of one action on Dark Room', () => {
  it.each([
    ['window', WINDOW_HEADS],
    ['slots', POOL_HEADS],
  ] as const)('are of the presets: %s', (of, poolHeads) => {
    const { model: sizes, compressor, context, tokenizer } = models[of];
    const [, model] = rowOf('cad', of);
    expect(sizes).toMatchObject({ width: D, heads: HEADS, poolHeads, feedForward: F / D, latents: M, encoderSpan: 'horizon' });
    expect(sizes).toMatchObject({ encoderLayers: ENCODER_LAYERS, decoderLayers: DECODER_LAYERS, positions: 'learned' });
    expect([compressor, context.episodes, tokenizer, model.segment]).toEqual(['bottleneck', EPISODES, 'packed', T]);
    expect([model.tokenizer.context.width, model.tokenizer.query.width]).toEqual([CONTEXT_ROW, QUERY_ROW]);
  });

  it.each(Object.entries(BY_HAND))('of %s are what a hand counts, to the last one', (id, byHand) => {
    expect(counted(id as Row, 'window')).toBe(Math.round(byHand));
  });

  it.each(Object.entries(SEGMENTS))('of %s with episodes in slots are what a hand counts, to the last one', (id, byHand) => {
    expect(counted(id as Row, 'slots')).toBe(Math.round(byHand));
  });

  it.each(Object.entries(PLAIN))('of the plain graphs of %s are what a hand counts, to the last one', (id, byHand) => {
    expect(countedPlain(id as Row)).toBe(Math.round(byHand));
  });

  it('are, of AD in its own form, what RAD counts for AD: everything again for every action', () => {
    expect(PLAIN.ad / 1e6).toBeCloseTo(141.12, 2);
    expect(Math.abs(PLAIN.ad / 144.8e6 - 1)).toBeLessThan(0.03);
  });

  it('come to 1.74 M with the context as a window, and to 0.56 M with episodes in slots: at most 1.3 M', () => {
    expect([PLAIN.cad, PLAIN.full].map(flops => Number((flops / 1e6).toFixed(2)))).toEqual([9.26, 21.67]);
    expect([BY_HAND.cad, BY_HAND.full, BY_HAND.ad].map(flops => Number((flops / 1e6).toFixed(2)))).toEqual([1.74, 2.15, 5.66]);
    expect([SEGMENTS.cad, SEGMENTS.full].map(flops => Number((flops / 1e6).toFixed(2)))).toEqual([0.56, 1.15]);
    expect(SEGMENTS.cad).toBeLessThanOrEqual(1.3e6);
  });

  it('come, for CAD, to 0.066 of AD where both keep nothing, as RAD counts, and to 0.31 and 0.10 of it where both keep what they can', () => {
    expect(PLAIN.cad / PLAIN.ad).toBeCloseTo(0.0656, 4);
    expect(PLAIN.cad / PLAIN.ad).toBeLessThanOrEqual(RAD_RATIO);
    expect(BY_HAND.cad / BY_HAND.ad).toBeCloseTo(0.307, 3);
    expect(SEGMENTS.cad / BY_HAND.ad).toBeCloseTo(0.099, 3);
    expect(BY_HAND.cad / BY_HAND.full).toBeCloseTo(0.809, 3);
    expect(SEGMENTS.cad / SEGMENTS.full).toBeCloseTo(0.489, 3);
  });
});
