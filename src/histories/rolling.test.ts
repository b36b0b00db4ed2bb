import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { failure } from '../../test/helpers/failure.ts';
import { loadExperiment } from '../config/experiment.ts';
import { nodeExecutor } from '../engine/executors/node.ts';
import { environment, environments } from '../envs/index.ts';
import type { History } from '../rl/index.ts';
import { rollHistories } from './rolling.ts';

const TINY = fileURLToPath(new URL('../../experiments/tiny.yaml', import.meta.url));

async function roll(threads: number, overrides: string[] = [], signal = new AbortController().signal) {
  const config = loadExperiment(TINY, ['source.histories=70', 'source.episodes=2', ...overrides]);
  const family = environment(config.env.id, config.env.options);
  const tasks = family.tasks!().slice(3, 6);
  const done: number[] = [];
  const rolled = rollHistories(config, { family, tasks, executor: nodeExecutor(), signal, threads, onProgress: n => done.push(n) });
  const histories: History[] = [];
  for await (const history of rolled) histories.push(history);
  return { histories, done };
}

describe('rollHistories', () => {
  test.each([2, 3])('%d threads give the histories of one, in its order', async threads => {
    const [one, several] = [await roll(1), await roll(threads)];
    expect(several.histories).toEqual(one.histories);
    expect(one.histories.map(({ stream }) => stream)).toEqual(
      [3, 4, 5].flatMap(x => Array.from({ length: 70 }, (_, i) => `goal=${x},0#${i}`)),
    );
    expect([several.done.at(-1), one.done.at(-1)]).toEqual([210, 210]);
  });
  test('a failure of a thread is thrown', async () => {
    await expect(roll(2, ['source.options={ rewardingStates: 0.5 }'])).rejects.toThrow(failure('E_CONFIG', 'rewardingStates'));
  });
  test('is stopped by its signal', async () => {
    const reason = new Error('stopped');
    for (const threads of [1, 2]) await expect(roll(threads, [], AbortSignal.abort(reason))).rejects.toBe(reason);
  });
});

test('kinds that only this program has registered are not elsewhere', () => {
  const [known] = environments.all;
  environments.register({ ...known, id: 'only-here' });
  expect([environments.isElsewhere(known.id), environments.isElsewhere('only-here'), environments.isElsewhere('none')]).toEqual([
    true,
    false,
    false,
  ]);
});
