/** @file What every registered environment owes its users. */

import { describe, expect, it } from 'vitest';
import { failure } from '../../test/helpers/failure.ts';
import { expectGymnasium, hasGymnasium } from '../../test/helpers/python.ts';
import {
  type Actions,
  actionDistribution,
  actionIndex,
  actionsOf,
  type EnvFamily,
  listedTasks,
  newActions,
  observationIndex,
  optimalActions,
  phasesOf,
  type Space,
  spaceSize,
  stateOf,
  type Task,
  tabularModel,
} from '../rl/index.ts';
import { Random } from '../util/random.ts';
import { environment, environments } from './index.ts';

/** Up to `count` tasks spread evenly over the family, or drawn from it. */
const someTasks = (family: EnvFamily, count: number): Task[] => {
  const { drawTask } = family;
  if (drawTask) return Array.from({ length: count }, (_, i) => drawTask(Random.seeded(8).split(i)));
  const tasks = listedTasks(family, 'A test');
  return Array.from({ length: Math.min(count, tasks.length) }, (_, i) => tasks[Math.floor((i * tasks.length) / count)]);
};

function within(space: Space, observation: ArrayLike<number>): boolean {
  return Array.from(observation).every((value, i) => {
    if (space.kind === 'box') return value >= space.low[i] && value <= space.high[i];
    if (space.kind === 'image') return value >= 0 && value <= 1;
    return Number.isInteger(value) && value >= 0 && value < (space.kind === 'discrete' ? space.n : space.nvec[i]);
  });
}

/** Uniformly random actions of `count` environments. */
function anyActions({ actionSpace }: EnvFamily, count: number, random: Random): Actions {
  const { size, width, draw, uniform } = actionDistribution(actionSpace);
  const row = new Float32Array(size);
  uniform(row);
  const actions = newActions(actionSpace, count);
  for (let i = 0; i < count; i++) draw(row, 0, random, actions, i * width, 1);
  return actions;
}

/** Uniformly random play, every array copied. */
function play(family: EnvFamily, tasks: Task[], seed: number, steps: number) {
  const random = Random.seeded(seed);
  const env = family.make(tasks, random.split('env'));
  const first = Array.from(env.reset());
  const taken: Actions[] = [];
  const trace = Array.from({ length: steps }, () => {
    taken.push(anyActions(family, tasks.length, random));
    const result = env.step(taken.at(-1)!);
    return Object.fromEntries(Object.entries(result).map(([key, column]) => [key, Array.from(column as Float32Array)]));
  });
  return { env, first, trace, taken };
}

/** Options of those that have none to begin with. */
const OPTIONS: Record<string, Record<string, unknown>> = {
  gymnasium: {
    make: 'FrozenLake-v1',
    horizon: 12,
    tasks: { kwargs: { desc: { call: 'gymnasium.envs.toy_text.frozen_lake:generate_random_map', kwargs: { size: 4 }, seeds: 20 } } },
  },
};

describe('gymnasium', () => expectGymnasium('an environment of Gymnasium'));

describe.each(environments.ids.filter(id => hasGymnasium || id !== 'gymnasium'))('%s', id => {
  const family = environment(id, OPTIONS[id]);
  const width = spaceSize(family.observationSpace);
  const actionWidth = spaceSize(family.actionSpace);
  const tasks = someTasks(family, 9);
  const steps = 2 * family.horizon + 3;

  it('lists its tasks or draws them', () => {
    expect([family.tasks, family.drawTask].filter(Boolean)).toHaveLength(1);
  });

  it('declares what is hidden in a task, which tells its tasks apart', () => {
    if (!family.hidden) return expect(id).toBe('gymnasium');
    const { hidden } = family;
    const values = tasks.map(task => hidden.map(factor => factor.of(task)));
    for (const each of values)
      for (const [f, { name, space }] of hidden.entries()) {
        expect(each[f], name).toHaveLength(spaceSize(space));
        expect(within(space, each[f]), name).toBe(true);
      }
    expect(new Set(values.map(value => JSON.stringify(value))).size).toBe(tasks.length);
  });

  it('stays inside its spaces and its largest reward', () => {
    const { first, trace } = play(family, tasks, 1, steps);
    for (const rows of [first, ...trace.flatMap(t => [t.observation, t.finalObservation])]) {
      expect(rows.length).toBe(tasks.length * width);
      for (let i = 0; i < tasks.length; i++) expect(within(family.observationSpace, rows.slice(i * width, (i + 1) * width))).toBe(true);
    }
    // Where there is no model, rewards may be noisy, and only their expectation is bounded.
    if (family.model) for (const { reward } of trace) for (const r of reward) expect(r).toBeLessThanOrEqual(family.rewardMax!);
  });

  it('gives equal trajectories for equal seeds and reseeds on reset(random)', () => {
    expect(play(family, tasks, 5, steps).trace).toEqual(play(family, tasks, 5, steps).trace);
    const { env } = play(family, tasks, 6, 3);
    expect(Array.from(env.reset(Random.seeded(9)))).toEqual(Array.from(family.make(tasks, Random.seeded(9)).reset()));
  });

  it('plays each environment independently of its neighbors', () => {
    const alone = family.make([tasks[0]], Random.seeded(2));
    const among = family.make(tasks, Random.seeded(2));
    expect(Array.from(alone.reset())).toEqual(Array.from(among.reset().slice(0, width)));
    for (let t = 0; t < steps; t++) {
      const own = anyActions(family, 1, Random.seeded(t));
      const one = alone.step(own);
      const many = among.step(actionsOf(family.actionSpace, Array.from(tasks, () => Array.from(own)).flat()));
      expect([one.reward[0], ...one.observation]).toEqual([many.reward[0], ...many.observation.slice(0, width)]);
      expect(one.executed?.[0]).toBe(many.executed?.[0]);
    }
  });

  it('ends episodes at the horizon at the latest, and shows the true final state beside the next first one', () => {
    const { trace } = play(family, tasks, 3, steps);
    for (let i = 0; i < tasks.length; i++) {
      const part = (row: number[]) => row.slice(i * width, (i + 1) * width);
      for (let t = 0, elapsed = 0; t < steps; t++) {
        const { terminated, truncated, observation, finalObservation } = trace[t];
        expect(truncated[i]).toBe(Number(++elapsed === family.horizon));
        if (terminated[i] || truncated[i]) elapsed = 0;
        else expect(part(observation)).toEqual(part(finalObservation));
      }
    }
  });

  it('replaces actions only on steps that are not scored, and then says what it executed', () => {
    const { first, trace, taken } = play(family, tasks, 3, steps);
    for (let i = 0; i < tasks.length; i++) {
      let [seen, elapsed] = [first, 0];
      for (let t = 0; t < steps; t++) {
        const { executed = Array.from(taken[t]), observation, terminated, truncated } = trace[t];
        const scored = family.scored?.(seen, i * width) ?? true;
        const own = (actions: ArrayLike<number>) => Array.from(actions).slice(i * actionWidth, (i + 1) * actionWidth);
        expect(within(family.actionSpace, own(executed))).toBe(true);
        if (scored) expect(own(executed)).toEqual(own(taken[t]));
        if (family.regret) expect(family.regret.part(elapsed) >= 0).toBe(scored);
        seen = observation;
        elapsed = terminated[i] || truncated[i] ? 0 : elapsed + 1;
      }
    }
  });

  it('begins in phase 0, and every paid step moves it on by one until the last, if it declares phases', () => {
    if (!family.model?.phases) return expect(phasesOf(family)).toBe(1);
    const { phases, states, starts, actions, next, reward } = family.model;
    const at = (state: number) => phases.of(state);
    for (const start of starts) expect(at(start)).toBe(0);
    expect(new Set(Array.from({ length: states }, (_, s) => at(s)))).toEqual(new Set(Array(phases.count).keys()));
    for (const task of tasks) {
      for (let state = 0; state < states; state++) {
        for (let a = 0; a < actions; a++) {
          const to = next(task, state, a);
          const paid = reward(task, state, a, to) > 0;
          expect(at(to)).toBe(Math.min(phases.count - 1, at(state) + Number(paid)));
        }
      }
    }
  });

  it('has a best action without regret, if it declares regret', () => {
    if (!family.regret) return expect(family.scored).toBeUndefined();
    const { parts, part, of } = family.regret;
    const found = Array.from({ length: family.horizon }, (_, elapsed) => part(elapsed)).filter(p => p >= 0);
    expect([...new Set(found)]).toEqual(parts.map((_, p) => p));
    const { count } = actionIndex(family, 'A test');
    for (const task of tasks) expect(Math.min(...Array.from({ length: count }, (_, a) => of(task, a)))).toBe(0);
  });

  if (family.model)
    it('follows its model: true final states, termination by the rules, truncation by the horizon, same-step autoreset', () => {
      const { horizon } = family;
      const model = tabularModel(family, 'A test');
      const actionOf = actionIndex(family, 'A test').of;
      const { first, trace, taken } = play(family, tasks, 3, steps);
      const shown = new Float32Array(width);
      const look = (state: number) => {
        model.observe(state, shown, 0);
        return Array.from(shown);
      };
      const startAt = (seen: number[]) => model.starts.find(s => look(s).every((v, i) => v === seen[i]))!;
      for (let i = 0; i < tasks.length; i++) {
        const part = (row: number[]) => row.slice(i * width, (i + 1) * width);
        let [state, elapsed] = [startAt(part(first)), 0];
        for (let t = 0; t < steps; t++) {
          const action = actionOf(taken[t], i * actionWidth);
          const to = model.next(tasks[i], state, action);
          const ended = [Number(model.terminal(tasks[i], to)), Number(++elapsed === horizon)];
          expect(part(trace[t].finalObservation)).toEqual(look(to));
          expect(trace[t].reward[i]).toBeCloseTo(model.reward(tasks[i], state, action, to), 6);
          expect([trace[t].terminated[i], trace[t].truncated[i]]).toEqual(ended);
          if (ended[0] || ended[1]) [state, elapsed] = [startAt(part(trace[t].observation)), 0];
          else state = to;
          expect(part(trace[t].observation)).toEqual(look(state));
          expect(state).toBeDefined();
        }
      }
    });

  if (family.model)
    it('pays an optimal player exactly the oracle return', () => {
      const { horizon } = family;
      const model = tabularModel(family, 'A test');
      for (const task of tasks) {
        const plan = optimalActions(family, task);
        const random = Random.seeded(4);
        let mean = 0;
        for (const start of model.starts) {
          let [state, total] = [start, 0];
          for (let left = horizon; left > 0; left--) {
            const action = random.categorical(plan.probabilities, plan.row(left, state), model.actions);
            const to = model.next(task, state, action);
            total += model.reward(task, state, action, to);
            state = to;
            if (model.terminal(task, state)) break;
          }
          expect(total).toBeCloseTo(plan.values[horizon * model.states + start], 9);
          mean += total / model.starts.length;
        }
        expect(mean).toBeCloseTo(family.oracleReturn!(task), 9);
        expect(mean).toBeGreaterThan(0);
      }
    });

  it('names tasks by content', () => {
    const all = family.tasks?.() ?? someTasks(family, 500);
    expect(new Set(all.map(task => family.taskKey(task))).size).toBe(all.length);
    for (const task of tasks) expect(family.taskKey(structuredClone(task))).toBe(family.taskKey(task));
  });

  it('refuses the wrong number of actions and actions out of range', () => {
    const env = family.make(tasks, Random.seeded(1));
    env.reset();
    const right = newActions(family.actionSpace, tasks.length);
    expect(() => env.step(newActions(family.actionSpace, tasks.length + 1))).toThrow(failure('E_SHAPE', right.length));
    const wrong = family.actionSpace.kind === 'box' ? Number.NaN : 1000;
    expect(() => env.step(right.fill(wrong))).toThrow(failure('E_SHAPE', String(wrong)));
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
