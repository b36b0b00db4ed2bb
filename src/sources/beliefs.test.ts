/** @file What each learner believes after a few steps, worked out by hand. */

import { describe, expect, it } from 'vitest';
import { environment } from '../envs/index.ts';
import { type EnvFamily, listedTasks } from '../rl/index.ts';
import { sourceChecks } from '../testing/source.ts';
import { Random } from '../util/random.ts';
import { expectLearners, type Learner, source } from './index.ts';

const learner = (id: string, family: EnvFamily, options = {}): Learner => {
  const task = family.drawTask?.(Random.seeded(0)) ?? listedTasks(family, 'A test')[0];
  return expectLearners(source(id), 'A test').learner(family, task, Random.seeded(0), options);
};
const step = ({ observe }: Learner, from: readonly number[], action: number, reward: number, to: readonly number[], ends = false) =>
  observe(Float32Array.from(from), [action], reward, Float32Array.from(to), ends, false);
const believed = ({ beliefs = [] }: Learner) => Object.fromEntries(beliefs.map(({ name, value }) => [name, value()]));

describe('layout-search', () => {
  const family = environment('key-to-door-life', { size: 3, attempt: 8, calls: 200 });

  it('believes in cells that it found, until the start or a reward shows that they have moved', () => {
    const search = learner('layout-search', family);
    const unknown = [3, 3];
    expect(believed(search)).toEqual({ key: unknown, door: unknown });
    step(search, [0, 0, 0, 0], 0, 1, [1, 0, 1, 1]);
    expect(believed(search)).toEqual({ key: [1, 0], door: unknown });
    step(search, [1, 0, 1, 1], 0, 1, [2, 0, 1, 2]);
    step(search, [2, 0, 1, 2], 0, 0, [0, 0, 0, 0]);
    expect(believed(search)).toEqual({ key: [1, 0], door: [2, 0] });
    // The key is no longer where it was.
    step(search, [0, 0, 0, 0], 0, 0, [1, 0, 0, 1]);
    expect(believed(search)).toEqual({ key: unknown, door: unknown });
    step(search, [1, 0, 0, 1], 0, 1, [1, 1, 1, 2]);
    expect(believed(search)).toEqual({ key: [1, 1], door: unknown });
    // As soon as an attempt starts elsewhere.
    step(search, [1, 1, 1, 8], 0, 0, [2, 2, 0, 0]);
    expect(believed(search)).toEqual({ key: unknown, door: unknown });
  });
});

describe('recall', () => {
  it('remembers the cue of an episode until the next one begins', () => {
    const memory = learner('recall', environment('t-maze', { shortest: 2, longest: 2 }));
    expect(believed(memory)).toEqual({ cue: [0] });
    step(memory, [0, 1], 0, 0, [0, 0]);
    step(memory, [0, 0], 0, 0, [1, 0]);
    expect(believed(memory)).toEqual({ cue: [2] });
    step(memory, [1, 0], 1, 1, [1, 1], true);
    expect(believed(memory)).toEqual({ cue: [2] });
    step(memory, [0, -1], 0, 0, [0, 0]);
    expect(believed(memory)).toEqual({ cue: [1] });
  });

  it('counts cards, and starts again with the next deal', () => {
    const memory = learner('recall', environment('count-recall'));
    expect(memory.beliefs![0].parts).toEqual(['clubs', 'diamonds', 'hearts', 'spades']);
    for (const [card, next] of [
      [1, 3],
      [3, 1],
      [1, 0],
    ])
      step(memory, [card, 0], 0, 0, [next, 0], next === 0);
    expect(believed(memory)).toEqual({ counts: [0, 2, 0, 1] });
    step(memory, [0, 0], 0, 0, [2, 0]);
    expect(believed(memory)).toEqual({ counts: [1, 0, 0, 0] });
  });
});

describe('maze-search', () => {
  it('knows an action once only one move explains it', () => {
    const search = learner('maze-search', environment('maze-runner', { side: 7, goals: 1 }));
    const goal = [1, 1];
    /** Row, column, free cells to the west, north, east and south, time, goal. */
    const seen = (row: number, column: number, free: readonly number[], time: number) => [row, column, ...free, 0, time, ...goal];
    const start = [5, 3, [2, 4, 2, 0]] as const;
    const actions = () => believed(search).actions;
    expect(actions()).toEqual([5, 5, 5, 5, 5]);
    step(search, seen(...start, 0), 0, 0, seen(5, 2, [1, 0, 3, 0], 1));
    // Action 0 leads west (0).
    expect(actions()).toEqual([0, 5, 5, 5, 5]);
    // Action 1 leads east (2).
    step(search, seen(5, 2, [1, 0, 3, 0], 1), 1, 0, seen(...start, 2));
    // Action 2 leads against the wall in the south, or nowhere.
    step(search, seen(...start, 2), 2, 0, seen(...start, 3));
    expect(actions()).toEqual([0, 2, 5, 5, 5]);
    // Action 3 leads north (1), and action 4 nowhere: it does not move one cell up either, and 2 leads south.
    step(search, seen(...start, 3), 3, 0, seen(4, 3, [0, 3, 0, 1], 4));
    step(search, seen(4, 3, [0, 3, 0, 1], 4), 4, 0, seen(4, 3, [0, 3, 0, 1], 5));
    expect(actions()).toEqual([0, 2, 3, 1, 4]);
  });
});

describe('bandits', () => {
  const family = environment('delayed-bandit', { arms: 3, pulls: 6, delay: 3 });
  const pull = (bandit: Learner, arm: number, reward: number, observation = [0]) => step(bandit, observation, arm, reward, [0]);

  it.each(['ucb', 'sliding-window-ucb', 'discounted-ucb', 'thompson'])(
    '%s believes in the best of the arms that it has seen pulled',
    id => {
      const bandit = learner(id, family);
      const best = () => believed(bandit)['best arm'];
      expect(best()).toEqual([3]);
      // A step that is not scored teaches nothing.
      pull(bandit, 2, 1, [1]);
      expect(best()).toEqual([3]);
      pull(bandit, 1, 0.2);
      expect(best()).toEqual([1]);
      pull(bandit, 0, 0.9);
      expect(best()).toEqual([0]);
      for (let i = 0; i < 3; i++) pull(bandit, 0, -0.9);
      expect(best()).toEqual([1]);
    },
  );

  it('are forgotten with their pulls', () => {
    const bandit = learner('sliding-window-ucb', family, { window: 1 });
    pull(bandit, 0, 1);
    pull(bandit, 1, -1);
    expect(believed(bandit)).toEqual({ 'best arm': [1] });
  });
});

describe('r-max', () => {
  it('believes in the first rewarded cell that it found', () => {
    const search = learner('r-max', environment('dark-room', { size: 5 }));
    step(search, [2, 2], 0, 0, [2, 2]);
    expect(believed(search)).toEqual({ 'rewarded cell': [5, 5] });
    step(search, [2, 2], 0, 1, [2, 3]);
    step(search, [2, 3], 0, 0, [2, 2]);
    expect(believed(search)).toEqual({ 'rewarded cell': [2, 3] });
  });

  it('believes in one for each phase in which it acts', () => {
    const search = learner('r-max', environment('key-to-door', { size: 3 }));
    step(search, [1, 1], 0, 1, [0, 1]);
    expect(believed(search)).toEqual({ 'rewarded cell of phase 1': [0, 1], 'rewarded cell of phase 2': [3, 3] });
  });

  it('has no beliefs about images', () => {
    expect(learner('r-max', environment('dark-room-pixels')).beliefs).toBeUndefined();
  });
});

describe('disc-search', () => {
  it('expects the disc in the middle of the places where it may be', () => {
    const family = environment('point-room');
    const { places, radius } = family.plane!;
    const search = learner('disc-search', family);
    const near = places.filter(([x, y]) => Math.hypot(x - places[0][0], y - places[0][1]) <= radius);
    expect(near.length).toBeLessThan(places.length);
    step(search, [0, 0], 0, 1, places[0]);
    const { 'expected center': center } = believed(search);
    for (const k of [0, 1]) expect(center[k]).toBeCloseTo(near.reduce((sum, place) => sum + place[k], 0) / near.length, 12);
  });
});

describe.each([
  ['layout-search', environment('key-to-door-life', { size: 3, attempt: 8, calls: 200, every: 40 })],
  ['recall', environment('count-recall', { level: 'easy' })],
  ['maze-search', environment('maze-runner', { side: 7, calls: 60 })],
  ['disc-search', environment('point-room')],
  ['thompson', environment('delayed-bandit', { arms: 3, pulls: 6, delay: 3 })],
])('beliefs of %s', (id, family) => {
  const [check] = sourceChecks(source(id), { family }).filter(({ name }) => name.startsWith('beliefs'));
  it(check.name, () => check.run());
});
