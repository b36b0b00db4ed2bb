import { describe, expect, it } from 'vitest';
import { environment } from '../envs/index.ts';
import { optimalActions, stateOf, tabularModel } from '../rl/index.ts';
import { Random } from '../util/random.ts';
import { monteCarloActions } from './index.ts';

describe('monteCarloActions', () => {
  it.each([
    ['dark-room', { goal: [4, 4] }],
    ['dark-room', { goal: [0, 0] }],
    ['dark-room', { goal: [7, 2] }],
    ['dark-room-hard', { goal: [8, 8] }],
    ['dark-room-hard', { goal: [13, 6] }],
    ['key-to-door', { key: [2, 7], door: [5, 1] }],
    ['key-to-door', { key: [3, 3], door: [3, 3] }],
  ])('agrees with dynamic programming on %s, %j', (id, task) => {
    const family = environment(id);
    const { states: S, actions: A, terminal } = tabularModel(family, 'A test');
    const estimated = monteCarloActions(family, task, Random.seeded(3));
    const exact = optimalActions(family, task);
    for (let s = 0; s < S; s++) {
      // Where the goal is out of reach within the horizon, or play is over, every action is as good.
      if (terminal(task, s) || exact.values[family.horizon * S + s] === 0) continue;
      const row = exact.row(family.horizon, s);
      expect(estimated.slice(s * A, (s + 1) * A)).toEqual(exact.probabilities.slice(row, row + A));
    }
  });

  it('is indexed by the state of an observation', () => {
    const family = environment('dark-room');
    const estimated = monteCarloActions(family, { goal: [3, 3] }, Random.seeded(1));
    const row = stateOf(family)([3, 4]) * 5;
    expect(Array.from(estimated.slice(row, row + 5))).toEqual([0, 1, 0, 0, 0]);
  });
});
