/** @file The whole pipeline with actions that are not one integer: real numbers by both heads, and pairs of integers; the exported agents act. */

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { loadTensors } from '../src/cache/checkpoint.ts';
import { nodeExecutor } from '../src/engine/executors/node.ts';
import { loadPolicy } from '../src/policy/index.ts';
import type { Results } from '../src/records/index.ts';
import { chooseActions } from '../src/rl/index.ts';
import { Random } from '../src/util/random.ts';
import { metricsOf, settings, stageFolder, TINY, withinProcess } from './helpers/command.ts';
import { readModel } from './helpers/exported.ts';
import { carrying } from './helpers/failure.ts';

const root = mkdtempSync(join(tmpdir(), 'cadenza-actions-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const POINT = {
  'env.id': 'point-room',
  'env.options': { goals: 4, radius: 0.3, stepLength: 0.4, horizon: 8 },
  'source.id': 'disc-search',
};
const SHORT = {
  'teacher.steps': 5,
  'pretrain.steps': 10,
  'distill.steps': 10,
  'finetune.steps': 40,
  'finetune.beta': 0.5,
  'baselines.steps': 5,
  'evaluate.streams': 1,
  'baselines.methods': ['none'],
};
/** Every action of the pipeline's last iteration is the agent's own: its likelihood under a head must be what the loss rebuilds. */
const REINFORCE = {
  'reinforce.steps': 1,
  'reinforce.streams': 8,
  'reinforce.episodes': 2,
  'reinforce.batch': 8,
  'reinforce.imitationWeight': 0.5,
};

const CASES = [
  { name: 'gaussian', given: { ...POINT, ...REINFORCE }, head: { kind: 'gaussian' }, size: 4, ends: 'reinforce' },
  {
    name: 'discretized',
    given: { ...POINT, tokenizer: 'interleaved', 'policy.head.kind': 'discretized', 'policy.head.bins': 5 },
    head: { kind: 'discretized', bins: 5, autoregressive: true },
    size: 25,
    ends: 'finetune',
  },
  {
    name: 'independent pairs',
    given: { 'env.id': 'dark-room-moves', 'env.options': { size: 5, horizon: 6 }, 'policy.head.autoregressive': false, ...REINFORCE },
    head: { kind: 'categorical', autoregressive: false },
    size: 6,
    ends: 'reinforce',
  },
];

describe.each(CASES)('a tiny run with actions: $name', ({ name, given, head, size, ends }) => {
  const out = join(root, name.replace(' ', '-'));

  it('goes all the way, learns, and exports an agent that acts inside the space', async () => {
    const { status, stderr } = await withinProcess(['run', TINY, '--out', out, ...settings({ ...SHORT, ...given })]);
    expect(status, stderr).toBe(0);
    const { methods } = JSON.parse(readFileSync(join(out, 'results.json'), 'utf8')) as Results;
    for (const method of ['cad', 'teacher', 'none', 'source', 'random']) expect(methods[method].byEpisode.mean).toHaveLength(3);
    const tasks = (stage: string) => metricsOf(out, `${stage}-seed0`).map(({ task }) => task);
    const last = tasks('finetune').slice(-10);
    expect(last.reduce((sum, v) => sum + v / last.length, 0)).toBeLessThan(tasks('distill')[0]);

    const files = readModel(join(out, 'model'));
    expect(files.description.head).toEqual(head);
    const policy = await loadPolicy({ ...files, executor: nodeExecutor({ provider: 'cpu', threads: 1 }) });
    policy.reset(1);
    const rows = (await policy.act(Float32Array.of(0, 0))).slice();
    expect([rows.length, policy.actions.size]).toEqual([size, size]);
    const { actionSpace } = files.description;
    for (const greedy of [false, true]) {
      const action = chooseActions(rows, policy.actions, Random.seeded(1), greedy);
      expect(action).toHaveLength(2);
      for (const [i, v] of action.entries())
        expect(actionSpace.kind === 'box' ? Math.abs(v) <= Math.fround(actionSpace.high[i]) : [0, 1, 2].includes(v)).toBe(true);
    }
    await policy.dispose();
    expect(stageFolder(out, `${ends}-seed0`)).toBeDefined();
  });
});

it('stores with a model what its vectors, actions among them, are normalized by', () => {
  const { tensors } = loadTensors(join(stageFolder(join(root, 'gaussian'), 'finetune-seed0')!, 'model.safetensors'));
  for (const column of ['observation', 'nextObservation', 'action']) {
    const [mean, deviation] = ['mean', 'deviation'].map(part => Array.from(tensors.get(`statistics.${column}.${part}`)!.data));
    expect([mean.length, deviation.length]).toEqual([2, 2]);
    for (const k of [0, 1]) expect([Math.abs(mean[k]) < 0.5, deviation[k] > 0.05 && deviation[k] < 0.8]).toEqual([true, true]);
  }
  // The query's previous action shares those of the context.
  expect([...tensors.keys()].filter(name => name.startsWith('statistics.'))).toHaveLength(6);
});

it('refuses a head that does not take the actions before anything runs', async () => {
  const { status, stderr } = await withinProcess([
    'run',
    TINY,
    '--out',
    join(root, 'refused'),
    ...settings({ ...POINT, 'policy.head.kind': 'categorical' }),
  ]);
  expect([status, stderr]).toEqual([3, carrying('policy.head.kind', 'categorical', 2)]);
  expect(stageFolder(join(root, 'refused'), 'generate')).toBeUndefined();
});
