/** @file Future returns as a second target, down the whole pipeline by the real command line: training, errors on held-out tasks, export. */

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { nodeExecutor } from '../src/engine/executors/node.ts';
import { webExecutor } from '../src/engine/executors/web.ts';
import type { Executor } from '../src/engine/index.ts';
import { environment } from '../src/envs/index.ts';
import { replay } from '../src/play/index.ts';
import { loadPolicy } from '../src/policy/index.ts';
import type { Results } from '../src/records/index.ts';
import { generateHistory, source } from '../src/sources/index.ts';
import { REFERENCES } from '../src/statistics/index.ts';
import { Random } from '../src/util/random.ts';
import { metricsOf, settings, TINY, withinProcess } from './helpers/command.ts';
import { readModel } from './helpers/exported.ts';

const folder = mkdtempSync(join(tmpdir(), 'cadenza-returns-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const RETURNS = { episodes: 3, bins: 21, weight: 0.5 };
const [both, alone, recurrent] = ['both', 'alone', 'recurrent'].map(name => join(folder, name));
const run = async (out: string, more: Record<string, unknown>) => {
  const ended = await withinProcess(['run', TINY, '--out', out, '--verbose', ...settings({ 'policy.returns': RETURNS, ...more })]);
  expect(ended.status, ended.stderr).toBe(0);
  return { ...ended, results: JSON.parse(readFileSync(join(out, 'results.json'), 'utf8')) as Results };
};
const metrics = (out: string, stage: string) => metricsOf(out, `${stage}-seed0`);
const falls = (losses: number[]) => {
  const quarter = Math.floor(losses.length / 4);
  const mean = (part: number[]) => part.reduce((a, b) => a + b) / part.length;
  expect(mean(losses.slice(-quarter))).toBeLessThan(0.95 * mean(losses.slice(0, quarter)));
};

describe('a tiny run that predicts returns', () => {
  let ended: Awaited<ReturnType<typeof run>>;
  beforeAll(async () => {
    ended = await run(both, {
      'pretrain.steps': 0,
      'finetune.steps': 20,
      'finetune.gamma': 0,
      'finetune.beta': 0,
      'baselines.methods': ['none'],
    });
  }, 60_000);

  it.each(['teacher', 'distill', 'none'])('lowers the loss of the returns in %s', stage => {
    falls(metrics(both, stage).map(({ returns }) => returns));
  });

  it('has them as a term of the loss, with its weight', () => {
    for (const { loss, task, returns } of metrics(both, 'finetune')) expect(loss).toBeCloseTo(task + 0.5 * returns, 5);
  });

  it('has the errors of every model and of the references in its results, on the terminal and on the page', () => {
    const { returns } = ended.results;
    expect(Object.keys(returns!)).toEqual(['tiny']);
    // 4 goals × 2 streams.
    expect(returns!.tiny.histories).toBe(8);
    expect(Object.keys(returns!.tiny.predictors).sort()).toEqual(['cad', 'none', 'teacher', ...Object.values(REFERENCES)].sort());
    for (const [name, { absolute, squared, byEpisode, byAhead, calibration }] of Object.entries(returns!.tiny.predictors)) {
      expect(calibration!.error, name).toBeLessThanOrEqual(absolute.mean);
      expect(
        calibration!.bins.reduce((sum, { share }) => sum + share, 0),
        name,
      ).toBeCloseTo(1, 12);
      for (const measure of ['absolute', 'squared'] as const) {
        expect(byEpisode[measure], name).toHaveLength(6);
        expect(byAhead[measure], name).toHaveLength(3);
        for (const value of [...byEpisode[measure], ...byAhead[measure]]) expect(value, name).toBeGreaterThanOrEqual(0);
      }
      for (const { mean, low, high } of [absolute, squared]) expect([low <= mean, mean <= high, mean > 0]).toEqual([true, true, true]);
    }
    for (const text of [ended.stdout, readFileSync(join(both, 'results.html'), 'utf8')])
      for (const reference of Object.values(REFERENCES)) expect(text).toContain(reference);
  });

  it('exports a graph with the same predictions natively and in WebAssembly', async () => {
    const family = environment('dark-room');
    const history = generateHistory({ family, task: { goal: [4, 3] }, source: source('r-max'), random: Random.seeded(1), episodes: 4 });
    const files = readModel(join(both, 'model'));
    expect(files.description.returns).toEqual({ episodes: 3 });
    const predicted = async (executor: Executor) => {
      const policy = await loadPolicy({ ...files, executor });
      const said: number[][] = [];
      await replay({ histories: [history], policy, onStep: () => said.push([...policy.returns()]) });
      await policy.dispose();
      return said;
    };
    const [native, web] = await Promise.all([predicted(nodeExecutor({ threads: 1 })), predicted(webExecutor({ threads: 1 }))]);
    expect(native).toHaveLength(4 * family.horizon);
    for (const [t, row] of native.entries()) {
      expect(row).toHaveLength(3);
      for (const [k, value] of row.entries()) {
        expect(value >= 0 && value <= family.horizon).toBe(true);
        expect(web[t][k]).toBeCloseTo(value, 4);
      }
    }
    // The running episode and what it was compressed to both change what is expected.
    expect(native[1]).not.toEqual(native[0]);
    expect(native[family.horizon]).not.toEqual(native[0]);
  });
});

const SHORT = { 'teacher.steps': 0, 'distill.beta': 0, 'baselines.steps': 0 };

describe('returns', () => {
  it('may be all that is learned', async () => {
    await run(alone, { ...SHORT, 'pretrain.steps': 0, 'distill.alpha': 0, 'finetune.steps': 0 });
    falls(metrics(alone, 'distill').map(({ loss }) => loss));
    for (const { loss, returns } of metrics(alone, 'distill')) expect(loss).toBeCloseTo(0.5 * returns, 5);
  });

  it('are predicted by a compressor that goes on from its latents, and left out of training by returns', async () => {
    const few = { 'pretrain.steps': 2, 'distill.steps': 2, 'finetune.steps': 2, 'finetune.gamma': 0 };
    const reinforce = { 'reinforce.steps': 1, 'reinforce.streams': 4, 'reinforce.episodes': 3, 'reinforce.batch': 4 };
    const { results } = await run(recurrent, { ...SHORT, ...few, ...reinforce, compressor: 'recurrent' });
    expect(Object.keys(results.methods)).toContain('reinforced');
    expect(Object.keys(results.returns!.tiny.predictors).sort()).toEqual(['cad', ...Object.values(REFERENCES)].sort());
    expect(readModel(join(recurrent, 'model')).description.returns).toBeUndefined();
  });
});
