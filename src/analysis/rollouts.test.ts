import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { Model } from '../agent/model.ts';
import { StageCache } from '../cache/store.ts';
import { experimentSchema } from '../config/experiment.ts';
import { nodeExecutor } from '../engine/executors/node.ts';
import { openTasks } from '../histories/tasks.ts';
import { episodeReturns } from '../rl/index.ts';
import { generateHistory, source } from '../sources/index.ts';
import { silentProgress } from '../util/progress.ts';
import { Random } from '../util/random.ts';
import { rollSource, sourceMethod } from './rollouts.ts';

const folder = mkdtempSync(join(tmpdir(), 'rollouts-'));
afterAll(() => rmSync(folder, { recursive: true }));

const EPISODES = 4;

function evaluationOf(name: string, settings: object) {
  const config = experimentSchema().parse({ name, evaluate: { episodes: EPISODES, streams: 2 }, ...settings });
  const store = new StageCache(join(folder, name), { progress: silentProgress, signal: new AbortController().signal });
  const { family } = openTasks(config);
  return { store, config, family, model: new Model(config, family), executor: nodeExecutor({ threads: 1 }) };
}

const room = { env: { id: 'dark-room', options: { size: 3, horizon: 6 } }, split: { heldOut: 2 } };

describe('the row of a source', () => {
  it.each([1, 3])('with a stride of %i has that many-th of its episodes, to the end of what it learns', async stride => {
    const { family, ...evaluation } = evaluationOf(`stride-${stride}`, {
      ...room,
      source: { id: 'q-learning', stride, episodes: 12, options: { epsilonDecay: 0.5 } },
    });
    const { returns } = await rollSource(evaluation, sourceMethod(evaluation.config), 5);
    expect(returns.returns).toHaveLength(4 * EPISODES);
    if (stride === 1) return;
    // The same learner, by hand.
    const random = Random.seeded(5).split('evaluate', 'source');
    const tasks = openTasks(evaluation.config).evaluated.flatMap(task => [task, task]);
    const expected = tasks.flatMap((task, i) => {
      const request = { family, task, random: random.split('history', i), episodes: stride * EPISODES, options: { epsilonDecay: 0.5 } };
      return Array.from(episodeReturns(generateHistory({ ...request, source: source('q-learning') }))).filter((_, e) => e % stride === 2);
    });
    expect(Array.from(returns.returns)).toEqual(expected);
  });

  it('that learns in several environments learns as it did in the histories', async () => {
    const options = { environments: 2, rollout: 8, minibatches: 2, hidden: 8 };
    const { family: _, ...evaluation } = evaluationOf('cohort', { ...room, source: { id: 'ppo', stride: 2, episodes: 8, options } });
    const { returns } = await rollSource(evaluation, sourceMethod(evaluation.config), 0);
    expect(returns.tasks).toHaveLength(4);
    expect(returns.returns).toHaveLength(4 * EPISODES);
  });

  it('says what its actions gave up, part by part, in the episodes that count', async () => {
    const bandit = { env: { id: 'delayed-bandit', options: { arms: 3, pulls: 4, delay: 2 } }, split: { tasks: 3, heldOut: 2 } };
    const { family, ...evaluation } = evaluationOf('regret', { ...bandit, source: { id: 'ucb', stride: 2, episodes: 8 } });
    const { returns } = await rollSource(evaluation, sourceMethod(evaluation.config), 0);
    const parts = family.regret!.parts.length;
    expect(returns.regret).toHaveLength(4 * parts);
    // In each part of each kept episode, each arm but the best gives up its distance from it.
    const tasks = openTasks(evaluation.config).evaluated.flatMap(task => [task, task]);
    const most = tasks.map(task => EPISODES * 4 * Math.max(...[0, 1, 2].map(arm => family.regret!.of(task, arm, 0))));
    for (const [i, value] of Array.from(returns.regret!).entries()) {
      expect(value).toBeGreaterThanOrEqual(0);
      expect(value).toBeLessThanOrEqual(most[Math.floor(i / parts)]);
    }
    expect(Array.from(returns.regret!).some(value => value > 0)).toBe(true);
  });
});
