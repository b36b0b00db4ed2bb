import { describe, expect, it } from 'vitest';
import { failure } from '../../../test/helpers/failure.ts';
import { baseline, baselines, isTrained, type TrainedBaseline } from '../../agent/baselines/index.ts';
import { plannedCost } from '../../agent/cost.ts';
import { Model } from '../../agent/model.ts';
import { compressor } from '../../compressor/index.ts';
import { experimentSchema } from '../../config/experiment.ts';
import { inputsOf } from '../../engine/index.ts';
import { environment } from '../../envs/index.ts';
import type { EnvFamily } from '../../rl/index.ts';
import { loadConfig } from '../../util/config.ts';
import { baselineModel, baselineModels, baselineSteps } from './baselines.ts';

const room = environment('dark-room');
const read = (...overrides: string[]) => loadConfig(experimentSchema(), { file: 'a.yaml', text: 'name: a', overrides });
/** A baseline and its experiment. */
function make(id: string, overrides: readonly string[] = [], family: EnvFamily = room) {
  const config = read(...overrides);
  const model = new Model(config, family);
  return { ...baselineModel(baseline(id) as TrainedBaseline, config, model), experiment: { config, model } };
}
const trained = baselines.all.filter(isTrained).map(({ id }) => id);

describe('the registry of baselines', () => {
  it('has every id once, says what each is, and names them when asked for another', () => {
    const ids = baselines.ids;
    expect(new Set(ids).size).toBe(ids.length);
    for (const { description } of baselines.all) expect(description.length).toBeGreaterThan(20);
    expect(() => baseline('mean')).toThrow(failure('E_CONFIG', ids.join(', ')));
  });

  it('is what a configuration chooses from', () => {
    const all = baselines.ids;
    const config = read(`baselines.methods=[${all.join(', ')}]`);
    expect(config.baselines.methods).toEqual(all);
    expect(baselineModels(config, new Model(config, room)).map(({ baseline: { id } }) => id)).toEqual(trained);
    const none = read('baselines.steps=0');
    expect(baselineModels(none, new Model(none, room))).toEqual([]);
  });
});

describe.each(trained)('the baseline %s', id => {
  it.each([
    ['a bottleneck', []],
    ['a causal compressor of segments', ['compressor=causal', 'context.segment=5', 'context.segments=7']],
    ['codes', ['latents.kind=fsq', 'tokenizer=interleaved']],
  ])('acts with %s', (_, overrides) => {
    const { model, baseline, experiment } = make(id, overrides);
    const { act, context } = model.inference(baseline.compressor, { compress: 1, act: 1 });
    expect(act.outputs.probabilities.shape).toEqual([1, experiment.model.segment, 5]);
    expect(context.segment).toBe(experiment.model.segment);
    // The past stands as in CAD's context, but for those that take it in a way of their own.
    const own = id === 'best-episodes' ? 'best' : compressor(baseline.compressor).recurrence ? 'segments' : experiment.model.contextLayout;
    expect(model.contextLayout).toBe(own);
  });
});

describe('budgets', () => {
  const CASES = [
    [],
    ['model.encoderLayers=0'],
    ['model.latents=2'],
    ['compressor=recurrent'],
    ['model.encoderSpan=horizon', 'context.episodes=3'],
  ];

  it.each(CASES)('of FLOPs: one token more would cost more than CAD, %#', (...overrides) => {
    const { config, model, experiment } = make('truncated-flops', overrides);
    const tokens = config.model.latents;
    expect(tokens).toBeGreaterThan(0);
    const budget = plannedCost(experiment.model, experiment.config.compressor).flopsPerAction;
    const cost = (latents: number) =>
      plannedCost(new Model({ ...config, model: { ...config.model, latents } }, room, experiment.model.contextLayout), 'truncated')
        .flopsPerAction;
    expect(plannedCost(model, 'truncated').flopsPerAction).toBe(cost(tokens));
    expect(cost(tokens)).toBeLessThanOrEqual(budget);
    if (tokens < model.contextTokens) expect(cost(tokens + 1)).toBeGreaterThan(budget);
  });

  // A packed token of Dark Room: 1 flag, 9 + 9 for the position, 5 for the action, 1 for the reward, 9 + 9 for the next position, 1 for the end.
  const TOKEN_BYTES = 4 * (1 + 9 + 9 + 5 + 1 + 9 + 9 + 1);
  it.each<[string, string[], number]>([
    ['8 latents of 64 numbers are 2,048 bytes', [], Math.floor((8 * 64 * 4) / TOKEN_BYTES)],
    ['16 latents', ['model.latents=16'], Math.floor((16 * 64 * 4) / TOKEN_BYTES)],
    [
      'a working memory of 5 counts too',
      ['compressor=recurrent', 'compression.workingMemory=5'],
      Math.floor(((8 + 5) * 64 * 4) / TOKEN_BYTES),
    ],
    ['32 codes of 1,000 are 319 bits, fewer than a token has', ['latents.kind=fsq'], 0],
    ['no more than the context has', ['context.episodes=1', 'model.latents=64'], 20],
  ])('of bytes: %s', (_, overrides, tokens) => {
    const { config, model } = make('truncated-bytes', overrides);
    expect(TOKEN_BYTES).toBe(176);
    expect(config.model.latents).toBe(tokens);
    const { latentShape } = model.inference('truncated', { compress: 1, act: 1 });
    expect(latentShape).toEqual(tokens > 0 ? [tokens, 64] : undefined);
  });

  it('of training: equal is as many sequences as CAD sees', () => {
    expect(read('pretrain.steps=300', 'distill.steps=300', 'finetune.steps=4400').baselines.steps).toBe('equal');
    expect(baselineSteps(read('pretrain.steps=300', 'distill.steps=300', 'finetune.steps=4400'))).toBe(5000);
    // (10 · 32 + 20 · 32 + 30 · 64) / 48
    const uneven = [
      'optimizer.batch=32',
      'pretrain.steps=10',
      'distill.steps=20',
      'finetune.steps=30',
      'finetune.batch=64',
      'baselines.batch=48',
    ];
    expect(baselineSteps(read(...uneven))).toBe(60);
    expect(baselineSteps(read('baselines.steps=7'))).toBe(7);
    expect(() => read('baselines.steps=evn')).toThrow(failure('E_CONFIG', 'baselines.steps'));
  });
});

describe('what single baselines change', () => {
  it('of RAD: m as CAD has, a working memory of a quarter of a segment, all rounds', () => {
    const { config, model } = make('rad', ['compression.update=replace', 'compression.gradientRounds=2', 'model.latents=15']);
    expect(config.compression).toMatchObject({ update: 'gru', workingMemory: 5, gradientRounds: undefined });
    // As published for Dark Room: m = 15, K = 20 + 5 transitions.
    expect(model.latentShape('recurrent')).toEqual([15 + 5, 64]);
    expect(make('rad', ['context.segment=2', 'context.segments=3']).config.compression.workingMemory).toBe(1);
  });

  it('of retrieval: whole episodes, at least one, and no more than m tokens otherwise', () => {
    expect(make('best-episodes').model.contextTransitions).toBe(20);
    expect(make('best-episodes', ['model.latents=64']).model.contextTransitions).toBe(60);
    expect(make('best-episodes', ['model.latents=64', 'tokenizer=interleaved']).model.contextTransitions).toBe(20);
    expect(make('best-episodes', ['context.segment=4', 'context.segments=9']).model.contextTransitions).toBe(8);
  });

  it('of AD: one stack over everything, as deep as both networks of CAD', () => {
    const { model } = make('ad', ['model.encoderLayers=2', 'policy.query=state', 'policy.crossLayers=[0]']);
    const { compress, act } = model.inference('full', { compress: 1, act: 1 });
    const names = [...inputsOf(act).keys()];
    expect([0, 4, 5].map(layer => names.some(name => name.startsWith(`policy.block${layer}.`)))).toEqual([true, true, false]);
    expect(names.filter(name => name.includes('cross'))).toEqual([]);
    expect([...inputsOf(compress!).keys()].filter(name => name.includes('block'))).toEqual([]);
    expect(inputsOf(act).get('policy.embed.positions')!.shape).toEqual([10 * 20 + 20, 64]);
  });

  it('of DPT: labels, and nothing of the model', () => {
    const { config, experiment, baseline } = make('dpt');
    expect(config).toEqual({ ...experiment.config, compressor: 'full' });
    expect(baseline.labels).toBe('optimal');
  });
});
