/** @file An experiment on environments of Gymnasium: its histories, its training, and what its files say of them. */

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { metricsOf, settings, stageFiles, stageFolder, TINY, withinProcess } from './helpers/command.ts';
import { exit } from './helpers/failure.ts';
import { expectGymnasium, hasGymnasium } from './helpers/python.ts';

const root = mkdtempSync(join(tmpdir(), 'cadenza-live-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const map = { call: 'gymnasium.envs.toy_text.frozen_lake:generate_random_map', kwargs: { size: 4 }, seeds: 12 };
const steps = { 'teacher.steps': 0, 'pretrain.steps': 2, 'distill.steps': 0, 'distill.beta': 0, 'finetune.steps': 4, 'baselines.steps': 0 };
const EXPERIMENTS = {
  lake: {
    'env.options': { make: 'FrozenLake-v1', horizon: 12, kwargs: { is_slippery: false }, tasks: { kwargs: { desc: map } } },
    'source.id': 'q-learning',
    ...steps,
  },
  pole: {
    'env.options': { make: 'CartPole-v1', horizon: 12, tasks: { attributes: { gravity: { low: 4, high: 14, count: 9 } } } },
    'source.id': 'random',
    ...steps,
  },
};
const run = (name: keyof typeof EXPERIMENTS, command: string, out: string) =>
  withinProcess([command, TINY, '--set', 'env.id=gymnasium', ...settings(EXPERIMENTS[name]), '--out', out]);

describe('with a Python', () => expectGymnasium('an experiment on Gymnasium'));

describe.runIf(hasGymnasium)('an experiment on Gymnasium', () => {
  it.each(['lake', 'pole'] as const)('generates histories and trains: %s', async name => {
    const out = join(root, name);
    expect(await run(name, 'finetune', out)).toMatchObject({ status: 0 });
    expect(metricsOf(out, 'finetune-seed0').every(({ loss }) => Number.isFinite(loss))).toBe(true);
    const { environment, split, creator } = JSON.parse(readFileSync(join(stageFolder(out, 'generate')!, 'manifest.json'), 'utf8'));
    expect(environment.options).toEqual(EXPERIMENTS[name]['env.options']);
    expect(Object.keys(creator.software).sort()).toEqual(['gymnasium', 'numpy', 'python']);
    // Tasks are named by their content.
    const keys: string[] = [...split.train, ...split.test];
    expect(keys.every(key => /^(kwargs\.desc=\["|attributes\.gravity=\d)/.test(key))).toBe(true);
    expect(new Set(keys).size).toBe(keys.length);
  });

  it('gives equal histories again', async () => {
    const histories = (out: string) => [...stageFiles(out, /\.arrow$/)].filter(([path]) => path.endsWith('.arrow'));
    const again = join(root, 'again');
    expect(await run('pole', 'generate', again)).toMatchObject({ status: 0 });
    expect(histories(again)).toEqual(histories(join(root, 'pole')));
  });

  it('refuses to train where Python has not what the environment needs', async () => {
    const out = join(root, 'missing');
    const missing = { 'env.id': 'gymnasium', 'env.options': { make: 'no_such_package:Lander-v3' } };
    expect(await withinProcess(['finetune', TINY, ...settings(missing), '--out', out])).toEqual(exit('E_INSTALL', 'no_such_package'));
  });
});
