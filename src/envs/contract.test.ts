/** @file What every registered environment owes its users. */

import { describe, expect, it } from 'vitest';
import { failure } from '../../test/helpers/failure.ts';
import { expectGymnasium, hasGymnasium } from '../../test/helpers/python.ts';
import { type EnvFamily, listedTasks, observationIndex, optimalActions, stateOf, tabularModel } from '../rl/index.ts';
import { environmentChecks } from '../testing/environment.ts';
import { someTasks } from '../testing/playing.ts';
import { Random } from '../util/random.ts';
import { environment, environments } from './index.ts';

/** Options of those that have none to begin with, and of one with very long episodes. */
const OPTIONS: Record<string, Record<string, unknown>> = {
  'key-to-door-life': { calls: 300, every: 60, everyMax: 90 },
  gymnasium: {
    make: 'FrozenLake-v1',
    horizon: 12,
    tasks: { kwargs: { desc: { call: 'gymnasium.envs.toy_text.frozen_lake:generate_random_map', kwargs: { size: 4 }, seeds: 20 } } },
  },
};

describe('gymnasium', () => expectGymnasium('an environment of Gymnasium'));

describe.each(environments.ids.filter(id => hasGymnasium || id !== 'gymnasium'))('%s', id => {
  const family = environment(id, OPTIONS[id]);
  for (const { name, run } of environmentChecks(family)) it(name, run);

  it('declares what is hidden, unless its tasks are those of another software', () => {
    expect(Boolean(family.hidden)).toBe(id !== 'gymnasium');
  });

  it('has something to earn in every task', () => {
    if (family.model) for (const task of someTasks(family)) expect(family.oracleReturn!(task)).toBeGreaterThan(0);
  });

  it('leaves steps unscored only where it declares regret or attempts', () => {
    if (!family.regret && !family.attempts) expect(family.scored).toBeUndefined();
  });
});

describe('a bandit whose arms change', () => {
  for (const { name, run } of environmentChecks(environment('delayed-bandit', { arms: 3, pulls: 5, delay: 2, every: 4 }))) it(name, run);
});

describe('rooms that are not square', () => {
  const family = environment('dark-room', { width: 4, height: 2, start: 'corner', horizon: 6 });
  const model = tabularModel(family, 'A test');

  it('start in the corner, or the center of both sides, and number cells row by row', () => {
    expect(model.starts).toEqual([0]);
    expect(tabularModel(environment('dark-room', { width: 6, height: 3 }), 'A test').starts).toEqual([1 * 6 + 3]);
    const seen = new Float32Array(2);
    model.observe(6, seen, 0);
    expect([family.observationSpace, ...seen]).toEqual([{ kind: 'multi-discrete', nvec: [4, 2] }, 2, 1]);
    // Stay, up, down, left, right from (3, 0).
    expect([0, 1, 2, 3, 4].map(action => model.next({}, 3, action))).toEqual([3, 3, 7, 2, 3]);
  });

  it('are worth as many rewards as steps are left at the goal', () => {
    expect(family.oracleReturn!({ goal: [3, 1] })).toBe(3);
    expect(family.oracleReturn!({ goal: [0, 0] })).toBe(6);
    expect(() => environment('dark-room', { width: 40, height: 20, start: 'corner', horizon: 57 })).toThrow(failure('E_CONFIG', 58, 57));
    expect(listedTasks(environment('dark-room', { width: 40, height: 20, start: 'corner', horizon: 800 }), 'A test')).toHaveLength(800);
  });

  it('are pictures of the same shape', () => {
    const pixels = environment('dark-room-pixels', { width: 4, height: 2, pixels: 1 });
    const seen = new Float32Array(8);
    tabularModel(pixels, 'A test').observe(6, seen, 0);
    expect([pixels.observationSpace, ...seen]).toEqual([{ kind: 'image', height: 2, width: 4, channels: 1 }, 0, 0, 0, 0, 0, 0, 1, 0]);
  });
});

describe('permuted actions', () => {
  const SMALL = { size: 3, permutations: 4 };
  const family = environment('dark-room', SMALL);

  describe.each(['dark-room', 'dark-room-hard', 'dark-room-moves', 'dark-room-pixels', 'key-to-door'])('%s', id => {
    for (const { name, run } of environmentChecks(environment(id, SMALL))) it(name, run);
  });

  it('are a part of the task: each goal occurs with as many orders', () => {
    const tasks = listedTasks(family, 'A test');
    expect([tasks.length, new Set(tasks.map(family.taskKey)).size, family.actionNames]).toEqual([36, 36, undefined]);
    expect(tasks).toEqual(listedTasks(environment('dark-room', SMALL), 'A test'));
    expect(new Set(tasks.map(({ actions }) => String(actions))).size).toBeGreaterThan(20);
    const [plain, mixed] = [environment('dark-room', { size: 3 }), family].map(each => tabularModel(each, 'A test'));
    const actions = [4, 2, 0, 1, 3];
    for (const [action, effect] of actions.entries())
      for (let state = 0; state < 9; state++)
        expect(mixed.next({ goal: [0, 0], actions }, state, action)).toBe(plain.next({ goal: [0, 0] }, state, effect));
  });

  it('are worth the same', () => {
    const goal = [2, 0];
    expect(family.oracleReturn!({ goal, actions: [4, 2, 0, 1, 3] })).toBe(environment('dark-room', { size: 3 }).oracleReturn!({ goal }));
  });
});

describe('the registry', () => {
  it('names what is known where an id or option is not', () => {
    expect(() => environment('darkroom')).toThrow(failure('E_CONFIG', 'dark-room, dark-room-hard'));
    expect(() => environment('dark-room', { sise: 5 })).toThrow(failure('E_CONFIG', 'size, horizon'));
    expect(() => environment('dark-room', { size: 2.5 })).toThrow(failure('E_CONFIG', 'size', '[2, 64]', 2.5));
    expect(() => environment('dark-room', { horizon: 7 })).toThrow(failure('E_CONFIG', 'horizon', 7));
  });

  it('tells a family made with other options than the defaults', () => {
    expect(environment('dark-room', { size: 9, horizon: 30 }).options).toEqual({ horizon: 30 });
    expect(environment('dark-room', { size: 9 })).not.toHaveProperty('options');
  });
});

describe('Pixel Dark Room', () => {
  const [plain, pixels] = [environment('dark-room', { size: 4 }), environment('dark-room-pixels', { size: 4, pixels: 2 })];
  const model = tabularModel(pixels, 'A test');

  it('shows the cell of the agent and nothing of the goal', () => {
    const seen = new Float32Array(64);
    model.observe(1 * 4 + 2, seen, 0);
    const rows = Array.from({ length: 8 }, (_, y) => [...seen.subarray(8 * y, 8 * y + 8)].join(''));
    const [dark, agent] = ['00000000', '00001100'];
    expect(rows).toEqual([dark, dark, agent, agent, dark, dark, dark, dark]);
  });

  it('has the rules of Dark Room', () => {
    const task = { goal: [3, 1] };
    const actions = Array.from({ length: 60 }, (_, t) => [4, 1, 0, 3][t % 4]);
    const rewards = (family: EnvFamily) => {
      const env = family.make([task], Random.seeded(1));
      env.reset();
      return actions.map(action => env.step(Int32Array.of(action)).reward[0]);
    };
    expect(rewards(pixels)).toEqual(rewards(plain));
    expect(rewards(pixels)).toContain(1);
    expect(pixels.oracleReturn!(task)).toBe(plain.oracleReturn!(task));
    expect(listedTasks(pixels, 'A test')).toEqual(listedTasks(plain, 'A test'));
  });

  it('names its states by what they look like', () => {
    const state = stateOf(pixels);
    const seen = new Float32Array(3 + 64);
    for (let s = 0; s < 16; s++) {
      model.observe(s, seen, 3);
      expect(state(seen, 3)).toBe(s);
    }
    expect(observationIndex(pixels).count).toBe(16);
    expect(() => state(new Float32Array(64))).toThrow(failure('E_DATA'));
    const blind = {
      ...pixels,
      model: { ...model, observe: (_: number, out: Float32Array, at: number) => out.fill(0, at, at + 64) },
    };
    expect(observationIndex(blind).count).toBe(1);
    expect(() => stateOf(blind)).toThrow(failure('E_CONFIG', 'dark-room-pixels'));
  });
});

it('observations of finite spaces are numbered without a model, pictures are not', () => {
  const { model: _, ...blank } = environment('dark-room-pixels');
  expect(observationIndex(environment('delayed-bandit')).count).toBe(2);
  expect(() => observationIndex(blank)).toThrow(failure('E_CONFIG', 'dark-room-pixels'));
});

describe('oracles of the rooms', () => {
  const mean = (family: EnvFamily) =>
    listedTasks(family, 'A test').reduce((sum, task, _, all) => sum + family.oracleReturn!(task) / all.length, 0);

  it('match the published mean of Dark Room and are 1 everywhere in Dark Room Hard', () => {
    expect(mean(environment('dark-room'))).toBeCloseTo(16.543, 3);
    const hard = environment('dark-room-hard');
    for (const task of someTasks(hard, 20)) expect(hard.oracleReturn!(task)).toBe(1);
  });

  it('do not dawdle where only arrival pays', () => {
    const family = environment('dark-room-hard');
    const plan = optimalActions(family, { goal: [10, 8] });
    const row = plan.row(family.horizon, tabularModel(family, 'A test').starts[0]);
    expect(Array.from(plan.probabilities.slice(row, row + 5))).toEqual([0, 0, 0, 0, 1]);
  });
});
