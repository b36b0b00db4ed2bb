/** @file What every registered environment owes its users. */

import { describe, expect, it } from 'vitest';
import { type EnvFamily, optimalActions, type Space, spaceSize, type Task } from '../rl/index.ts';
import { CadenzaError } from '../util/errors.ts';
import { Random } from '../util/random.ts';
import { ENVIRONMENTS, environment } from './index.ts';

/** Up to `count` tasks spread evenly over the family. */
const someTasks = (family: EnvFamily, count: number): Task[] => {
  const tasks = family.tasks();
  return Array.from({ length: Math.min(count, tasks.length) }, (_, i) => tasks[Math.floor((i * tasks.length) / count)]);
};

function within(space: Space, observation: ArrayLike<number>): boolean {
  return Array.from(observation).every((value, i) => {
    if (space.kind === 'box') return value >= space.low[i] && value <= space.high[i];
    return Number.isInteger(value) && value >= 0 && value < (space.kind === 'discrete' ? space.n : space.nvec[i]);
  });
}

/** Uniformly random play, every array copied. */
function play(family: EnvFamily, tasks: Task[], seed: number, steps: number) {
  const random = Random.seeded(seed);
  const env = family.make(tasks, random.split('env'));
  const first = Array.from(env.reset());
  const taken: Int32Array[] = [];
  const trace = Array.from({ length: steps }, () => {
    taken.push(Int32Array.from(tasks, () => random.integer(family.actionSpace.n)));
    const result = env.step(taken.at(-1)!);
    return Object.fromEntries(Object.entries(result).map(([key, column]) => [key, Array.from(column as Float32Array)]));
  });
  return { env, first, trace, taken };
}

describe.each(ENVIRONMENTS.map(entry => entry.id))('%s', id => {
  const family = environment(id);
  const width = spaceSize(family.observationSpace);
  const tasks = someTasks(family, 9);
  const steps = 2 * family.horizon + 3;

  it('stays inside its spaces and its largest reward', () => {
    const { first, trace } = play(family, tasks, 1, steps);
    for (const rows of [first, ...trace.flatMap(t => [t.observation, t.finalObservation])]) {
      expect(rows.length).toBe(tasks.length * width);
      for (let i = 0; i < tasks.length; i++) expect(within(family.observationSpace, rows.slice(i * width, (i + 1) * width))).toBe(true);
    }
    for (const { reward } of trace) for (const r of reward) expect(r).toBeLessThanOrEqual(family.rewardMax);
  });

  it('gives equal trajectories for equal seeds and reseeds on reset(random)', () => {
    expect(play(family, tasks, 5, steps).trace).toEqual(play(family, tasks, 5, steps).trace);
    const { env } = play(family, tasks, 6, 3);
    expect(Array.from(env.reset(Random.seeded(9)))).toEqual(Array.from(family.make(tasks, Random.seeded(9)).reset()));
  });

  it('plays each environment independently of its neighbours', () => {
    const alone = family.make([tasks[0]], Random.seeded(2));
    const among = family.make(tasks, Random.seeded(2));
    expect(Array.from(alone.reset())).toEqual(Array.from(among.reset().slice(0, width)));
    for (let t = 0; t < steps; t++) {
      const action = t % family.actionSpace.n;
      const one = alone.step(Int32Array.of(action));
      const many = among.step(new Int32Array(tasks.length).fill(action));
      expect([one.reward[0], ...one.observation]).toEqual([many.reward[0], ...many.observation.slice(0, width)]);
    }
  });

  it('follows its model: true final states, termination by the rules, truncation by the horizon, same-step autoreset', () => {
    const { model, horizon } = family;
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
        const action = taken[t][i];
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

  it('pays an optimal player exactly the oracle return', () => {
    const { model, horizon } = family;
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
      expect(mean).toBeCloseTo(family.oracleReturn(task), 9);
      expect(mean).toBeGreaterThan(0);
    }
  });

  it('names tasks by content', () => {
    const all = family.tasks();
    expect(new Set(all.map(task => family.taskKey(task))).size).toBe(all.length);
    for (const task of tasks) expect(family.taskKey(structuredClone(task))).toBe(family.taskKey(task));
  });

  it('refuses the wrong number of actions and actions out of range', () => {
    const env = family.make(tasks, Random.seeded(1));
    env.reset();
    expect(() => env.step(new Int32Array(tasks.length + 1))).toThrow(CadenzaError);
    expect(() => env.step(new Int32Array(tasks.length).fill(family.actionSpace.n))).toThrow(/expected actions in/);
  });
});

describe('the registry', () => {
  it('names what is known where an id or option is not', () => {
    expect(() => environment('darkroom')).toThrow(/dark-room, dark-room-hard/);
    expect(() => environment('dark-room', { sise: 5 })).toThrow(/size, horizon/);
    expect(() => environment('dark-room', { size: 2.5 })).toThrow(/an integer in \[2, 64\]/);
    expect(() => environment('dark-room', { horizon: 7 })).toThrow(/at least that/);
  });
});

describe('oracles of the rooms', () => {
  const mean = (family: EnvFamily) => family.tasks().reduce((sum, task, _, all) => sum + family.oracleReturn(task) / all.length, 0);

  it('match the published mean of Dark Room and are 1 everywhere in Dark Room Hard', () => {
    expect(mean(environment('dark-room'))).toBeCloseTo(16.543, 3);
    const hard = environment('dark-room-hard');
    for (const task of someTasks(hard, 20)) expect(hard.oracleReturn(task)).toBe(1);
  });

  it('do not dawdle where only arrival pays', () => {
    const family = environment('dark-room-hard');
    const plan = optimalActions(family, { goal: [10, 8] });
    const row = plan.row(family.horizon, family.model.starts[0]);
    expect(Array.from(plan.probabilities.slice(row, row + 5))).toEqual([0, 0, 0, 0, 1]);
  });
});
