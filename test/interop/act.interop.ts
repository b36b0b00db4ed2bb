/**
 * @file An exported agent in Python, by examples/python/act.py: what model.json says is enough to give Node's probabilities. `npm run test:interop`, where
 * Python has numpy and onnxruntime.
 */

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, it } from 'vitest';
import { nodeExecutor } from '../../src/engine/executors/node.ts';
import { environment } from '../../src/envs/index.ts';
import { loadPolicy } from '../../src/policy/index.ts';
import { chooseActions } from '../../src/rl/index.ts';
import { Random } from '../../src/util/random.ts';
import { makeModel, readModel } from '../helpers/exported.ts';

const PYTHON = process.env.CADENZA_PYTHON ?? 'python3';
const EPISODES = 4;

const probe = spawnSync(PYTHON, ['-c', 'import numpy, onnxruntime'], { encoding: 'utf8' });
const missing = probe.status !== 0;
if (missing)
  process.stderr.write(`
  NOT COMPARED: ${PYTHON} cannot load numpy and onnxruntime, so the example in Python was not run.
  ${probe.error?.message ?? probe.stderr?.trim().split('\n').at(-1) ?? ''}
  To compare them (about 150 MB):
      python3 -m venv /tmp/act && /tmp/act/bin/pip install numpy onnxruntime
      CADENZA_PYTHON=/tmp/act/bin/python npm run test:interop

`);

const root = mkdtempSync(join(tmpdir(), 'cadenza-act-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

it.skipIf(missing).each(['bottleneck', 'none'])('%s: Python gives the probabilities of Node', async kind => {
  await makeModel(root, { name: kind, tokenizer: 'packed', kind });
  const folder = join(root, kind);
  const { decode: _, ...files } = readModel(folder);
  const policy = await loadPolicy({ ...files, executor: nodeExecutor({ threads: 1 }) });
  const family = environment('dark-room');
  const random = Random.seeded(1);
  const env = family.make([{ goal: [4, 3] }], random);
  const [steps, expected]: [object[], number[][]] = [[], []];
  policy.reset(1);
  let observation = Float32Array.from(env.reset(random));
  for (let step = 0; step < EPISODES * family.horizon; step++) {
    const probabilities = await policy.act(observation);
    expected.push(Array.from(probabilities));
    const action = chooseActions(probabilities, policy.actions, random);
    const { reward, terminated, truncated, finalObservation, observation: next } = env.step(action);
    const done = Boolean(terminated[0] || truncated[0]);
    const nextObservation = Float32Array.from(finalObservation);
    steps.push({ observation: [...observation], action: action[0], reward: reward[0], nextObservation: [...nextObservation], done });
    await policy.observe({ observation, action, reward, nextObservation, terminated, truncated });
    observation = Float32Array.from(next);
  }
  await policy.dispose();
  const request = { folder, examples: fileURLToPath(new URL('../../examples', import.meta.url)), steps };
  const { stdout, stderr, status } = spawnSync(PYTHON, [fileURLToPath(new URL('act_reference.py', import.meta.url))], {
    input: JSON.stringify(request),
    encoding: 'utf8',
    maxBuffer: 2 ** 26,
  });
  expect(status, stderr).toBe(0);
  const found: number[][] = JSON.parse(stdout);
  expect(found).toHaveLength(expected.length);
  const worst = Math.max(...found.flatMap((row, t) => row.map((p, a) => Math.abs(p - expected[t][a]))));
  expect(worst).toBeLessThan(1e-5);
  // Learning in context changed something, or the comparison would say little.
  if (kind !== 'none') expect(expected[family.horizon]).not.toEqual(expected[0]);
});
