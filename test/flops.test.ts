/**
 * @file The floating-point operations of one action on Dark Room, counted by hand from the preset and compared with the count from the graphs
 * that act; and their sum next to the ratio that RAD publishes (arXiv 2609.35333: 27.8 MFLOP an action against 144.8 for AD, 0.19 ×).
 * A product of [a, b] and [b, c] counts 2abc, a layer norm 6 a number, a softmax 5, anything else 1.
 */

import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { baseline, type TrainedBaseline } from '../src/agent/baselines/index.ts';
import { plannedCost } from '../src/agent/cost.ts';
import { Model } from '../src/agent/model.ts';
import { loadExperiment } from '../src/config/experiment.ts';
import { environment } from '../src/envs/index.ts';
import { baselineModel } from '../src/training/stages/baselines.ts';
import { ROOT } from './helpers/command.ts';

const PRESET = join(ROOT, 'experiments', 'dark-room.yaml');
const RAD_RATIO = 0.19;

// Of the preset: width D, F hidden numbers of a feed-forward layer, heads; N context tokens in episodes of T, the policy's T tokens, m latents.
const [D, F, HEADS, POOL_HEADS, T, EPISODES, N, M, ACTIONS] = [64, 256, 4, 16, 20, 10, 200, 8, 5];
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
  keysValues(N + 1) + attention(M, N + 1, POOL_HEADS) + product(M, D, D) + residual(M) + norm(M) + feedForward(M) + residual(M);
/** All T tokens of the running episode, whatever the step: nothing is kept from the action before. `context` tokens with positions of their own. */
const policy = (context: number) => embed(T, QUERY_ROW) + context * D + DECODER_LAYERS * (block(T) + crossAttention(T, context)) + head(T);
/** One causal stack over the context and the running episode, whose positions are those of the whole. */
const stack = withBias(T, QUERY_ROW, D) + (N + T) * D + (ENCODER_LAYERS + DECODER_LAYERS) * block(N + T) + head(T);

/** Compressing, or encoding, is done once an episode of T actions. */
const BY_HAND = {
  cad: (encoder + pooling) / T + policy(M),
  full: encoder / T + policy(N),
  ad: (embed(N, CONTEXT_ROW) + norm(N)) / T + stack,
} as const;

const config = loadExperiment(PRESET);
const model = new Model(config, environment('dark-room'));
const counted = (id: keyof typeof BY_HAND, overrides: readonly string[] = []) => {
  const own = overrides.length > 0 ? loadExperiment(PRESET, overrides) : config;
  const cad = overrides.length > 0 ? new Model(own, environment('dark-room')) : model;
  if (id === 'cad') return plannedCost(cad, own.compressor).flopsPerAction;
  const { baseline: row, model: beside } = baselineModel(baseline(id) as TrainedBaseline, own, cad);
  return plannedCost(beside, row.compressor).flopsPerAction;
};
const ratio = (to: 'full' | 'ad', overrides: readonly string[] = []) => counted('cad', overrides) / counted(to, overrides);

describe('the operations of one action on Dark Room', () => {
  it('are of the preset', () => {
    expect(config.model).toMatchObject({
      width: D,
      heads: HEADS,
      poolHeads: POOL_HEADS,
      feedForward: F / D,
      latents: M,
      encoderSpan: 'horizon',
    });
    expect(config.model).toMatchObject({ encoderLayers: ENCODER_LAYERS, decoderLayers: DECODER_LAYERS, positions: 'learned' });
    expect([config.compressor, config.context.episodes, config.tokenizer, model.segment]).toEqual(['bottleneck', EPISODES, 'packed', T]);
    expect([model.tokenizer.context.width, model.tokenizer.query.width]).toEqual([CONTEXT_ROW, QUERY_ROW]);
  });

  it.each(Object.entries(BY_HAND))('of %s are what a hand counts, to the last one', (id, byHand) => {
    expect(counted(id as keyof typeof BY_HAND)).toBe(Math.round(byHand));
  });

  it('are, of AD in its own form, what RAD counts for AD: everything again for every action', () => {
    expect(BY_HAND.ad / 1e6).toBeCloseTo(141.12, 2);
    expect(Math.abs(BY_HAND.ad / 144.8e6 - 1)).toBeLessThan(0.03);
  });

  it('come, for CAD, to 0.066 of AD, and to 0.43 of our own full-context model, which encodes its context once an episode', () => {
    expect(BY_HAND.cad / 1e6).toBeCloseTo(9.26, 2);
    expect(BY_HAND.full / 1e6).toBeCloseTo(21.67, 2);
    expect(ratio('ad')).toBeCloseTo(0.0656, 4);
    expect(ratio('ad')).toBeLessThanOrEqual(RAD_RATIO);
    expect(ratio('full')).toBeCloseTo(0.427, 3);
    // 20 tokens of the running episode for every action are most of what is left: with one, or a context five times as long, the ratio is reached.
    expect(ratio('full', ['policy.query=state'])).toBeCloseTo(0.175, 3);
    expect(ratio('full', ['context.episodes=50'])).toBeCloseTo(0.184, 3);
    // Fewer layers of the encoder do not get there.
    expect(ratio('full', ['model.encoderLayers=0'])).toBeCloseTo(0.398, 3);
  });

  it('would come to 0.30 of AD and 0.81 of our full-context model if keys and values were kept within an episode, which nothing here does', () => {
    const before = (T + 1) / 2;
    /** One token through a block, `seen` keys before it on average. */
    const step = (seen: number) => block(1) - attention(1, 1, HEADS) + attention(1, seen, HEADS);
    const cross = (context: number) => crossAttention(1, context) - keysValues(context);
    const once = (context: number) => context * D + DECODER_LAYERS * keysValues(context);
    const kept = (context: number, made: number) =>
      (made + once(context)) / T + embed(1, QUERY_ROW) + DECODER_LAYERS * (step(before) + cross(context)) + head(1);
    const layers = ENCODER_LAYERS + DECODER_LAYERS;
    const prefix = embed(N, CONTEXT_ROW) + N * D + layers * N * step((N + 1) / 2);
    const ad = prefix / T + embed(1, QUERY_ROW) + layers * step(N + before) + head(1);
    const cad = kept(M, encoder + pooling);
    expect([cad, kept(N, encoder), ad].map(flops => Number((flops / 1e6).toFixed(2)))).toEqual([1.72, 2.13, 5.78]);
    expect(cad / ad).toBeCloseTo(0.3, 2);
    expect(cad / kept(N, encoder)).toBeCloseTo(0.81, 2);
  });
});
