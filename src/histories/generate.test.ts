import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { failure } from '../../test/helpers/failure.ts';
import { StageCache } from '../cache/store.ts';
import { loadExperiment } from '../config/experiment.ts';
import { nodeExecutor } from '../engine/executors/node.ts';
import { silentProgress } from '../util/progress.ts';
import { generate, loadHistories } from './generate.ts';
import { openTasks } from './tasks.ts';

const TINY = fileURLToPath(new URL('../../experiments/tiny.yaml', import.meta.url));
const out = mkdtempSync(join(tmpdir(), 'cadenza-generate-'));
afterAll(() => rmSync(out, { recursive: true, force: true }));
const store = new StageCache(out, { progress: silentProgress, signal: new AbortController().signal });

const PAIRS = ['env.id=key-to-door', 'split.heldOut=656'];
const load = (...overrides: string[]) => loadExperiment(TINY, overrides);

describe('maxTasks', () => {
  it('gives histories to a choice of the training tasks that the split seed settles', async () => {
    const config = load(...PAIRS, 'source.maxTasks=12', 'source.histories=2');
    const { family, train, test } = openTasks(config);
    expect([train.length, test.length]).toEqual([5905, 656]);
    const { histories, manifest } = loadHistories(await generate(store, config, nodeExecutor()), family);
    expect(histories).toHaveLength(24);
    const taught = [...new Set(histories.map(({ taskKey }) => taskKey))];
    expect(taught).toEqual(train.slice(0, 12).map(family.taskKey));
    expect(manifest.split.test).toHaveLength(656);
    // A choice, not the first pairs of the family.
    expect(new Set(taught.map(key => key.split(' ')[0])).size).toBeGreaterThan(6);
    const other = openTasks(load(...PAIRS, 'split.seed=1'));
    expect(other.train.slice(0, 12).map(family.taskKey)).not.toEqual(taught);
  });

  it('evaluates a choice of the held-out tasks; all of them when left out or asked for more', () => {
    const keys = (...overrides: string[]) => {
      const config = load(...PAIRS, ...overrides);
      return openTasks(config).evaluated.map(openTasks(config).family.taskKey);
    };
    const all = keys();
    expect(all).toHaveLength(656);
    expect(keys('evaluate.maxTasks=5')).toEqual(all.slice(0, 5));
    expect(keys('evaluate.maxTasks=700')).toEqual(all);
    expect(keys('split.validation=9', 'evaluate.tasks=validation', 'evaluate.maxTasks=5')).toHaveLength(5);
  });

  it('left out, is not among the settings that name a stage', () => {
    const { source, evaluate } = load();
    expect([Object.hasOwn(source, 'maxTasks'), Object.hasOwn(evaluate, 'maxTasks')]).toEqual([false, false]);
  });
});

describe('source.env', () => {
  const LIFE = ['env.id=key-to-door-life', 'env.options={size: 4, attempt: 12, calls: 60, every: 20}', 'split.tasks=3', 'split.heldOut=2'];
  const life = (...overrides: string[]) =>
    load(...LIFE, 'source.id=layout-search', 'source.episodes=1', 'context.segment=10', 'context.segments=2', ...overrides);

  it('makes the histories in the same tasks with other options of the environment', async () => {
    const [here, elsewhere] = [life(), life('source.env={timetable: 0}')];
    const { family } = openTasks(here);
    const starts = async (config: typeof here) => {
      const { histories } = loadHistories(await generate(store, config, nodeExecutor()), family);
      return histories.map(({ taskKey, observation }) => {
        const cells = new Set<string>();
        for (let t = 0; t < observation.length; t += 4) if (observation[t + 3] === 0) cells.add(`${observation[t]},${observation[t + 1]}`);
        return { taskKey, cells: cells.size };
      });
    };
    const [moving, still] = [await starts(here), await starts(elsewhere)];
    expect(still.map(({ taskKey }) => taskKey)).toEqual(moving.map(({ taskKey }) => taskKey));
    expect(still.every(({ cells }) => cells === 1)).toBe(true);
    expect(moving.some(({ cells }) => cells > 1)).toBe(true);
  });

  it('must keep the tasks, and is checked like the options of the environment', async () => {
    await expect(generate(store, life('source.env={every: 25}'), nodeExecutor())).rejects.toMatchObject({ code: 'E_CONFIG' });
    expect(() => life('source.env={timetabel: 0}')).toThrow(failure('E_CONFIG', 'source.env', 'timetable'));
  });
});
