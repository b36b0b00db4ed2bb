/** @file `cadenza export --method`: trained methods of a run as models, which act like the run's own. */

import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { environment } from '../src/envs/index.ts';
import { rollout } from '../src/play/index.ts';
import { openAgent } from '../src/policy/open.ts';
import { Random } from '../src/util/random.ts';
import { settings, stageFolder, TINY, withinProcess } from './helpers/command.ts';
import { exit } from './helpers/failure.ts';

const folder = mkdtempSync(join(tmpdir(), 'cadenza-export-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const run = join(folder, 'run');

async function succeed(...args: string[]): Promise<string> {
  const { status, stdout, stderr } = await withinProcess(args);
  expect(status, stderr).toBe(0);
  return stdout;
}

describe('a method of a run', () => {
  const few = {
    'source.maxTasks': 20,
    'teacher.steps': 0,
    'pretrain.steps': 0,
    'distill.steps': 0,
    'distill.beta': 0,
    'finetune.steps': 3,
    'baselines.steps': 3,
    'baselines.methods': ['full', 'truncated', 'none'],
    'evaluate.episodes': 2,
    'evaluate.streams': 1,
  };
  beforeAll(() => succeed('run', TINY, '--out', run, ...settings(few)), 120_000);

  it('is the exported agent for cad', async () => {
    const out = join(folder, 'cad');
    expect(JSON.parse(await succeed('export', run, '--method', 'cad', '--out', out, '--json'))).toEqual({ model: out });
    const names = readdirSync(out);
    expect(names).toEqual(readdirSync(join(run, 'model')));
    for (const name of names) expect(readFileSync(join(out, name))).toEqual(readFileSync(join(run, 'model', name)));
  });

  it.each(['full', 'truncated', 'none'])('is a model that acts: %s', async method => {
    const out = join(folder, method);
    await succeed('export', run, '--method', method, '--out', out);
    const { env, latentShape, trained } = JSON.parse(readFileSync(join(out, 'model.json'), 'utf8'));
    expect(stageFolder(run, `${method}-seed0`)).toContain(trained.slice(0, 12));
    expect(latentShape === null).toBe(method === 'none');
    const family = environment(env.id, env.options);
    const policy = await openAgent(out);
    const tasks = [family.tasks!()[0]];
    const { returns } = await rollout({ family, policy, tasks, episodes: 4, random: Random.seeded(1) });
    expect(returns.length).toBe(4);
    expect((await policy.memory(0)).latents?.length).toBe(latentShape?.[0] * latentShape?.[1] || undefined);
  });

  it('is refused if there is none, or where files are', async () => {
    const method = (name: string, out = join(folder, 'new')) => withinProcess(['export', run, '--method', name, '--out', out]);
    expect(await method('mean-pool')).toEqual(exit('E_CONFIG', run, 'mean-pool', 'truncated'));
    expect(await method('cad', run)).toEqual(exit('E_DISK', run));
    rmSync(stageFolder(run, 'none-seed0')!, { recursive: true });
    expect(await method('none')).toEqual(exit('E_CHECKPOINT', run));
    expect(await withinProcess(['export', run, '--out', join(folder, 'new')])).toEqual(exit('E_USAGE', '--method', '--format'));
    expect(readdirSync(folder)).not.toContain('new');
  });
});
