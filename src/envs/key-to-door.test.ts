import { describe, expect, it } from 'vitest';
import { failure } from '../../test/helpers/failure.ts';
import { listedTasks, stateOf, tabularModel } from '../rl/index.ts';
import { Random } from '../util/random.ts';
import { environment } from './index.ts';

const family = environment('key-to-door');
const [STAY, RIGHT] = [0, 4];

/** Rewards, flags and what is seen along these actions, from the first reset that begins at `start`. */
function walk(task: { key: number[]; door: number[] }, start: number[], actions: number[]) {
  for (let seed = 0; ; seed++) {
    const env = family.make([task], Random.seeded(seed));
    if (env.reset().some((value, i) => value !== start[i])) continue;
    return actions.map(action => {
      const { reward, terminated, finalObservation } = env.step(Int32Array.of(action));
      return [reward[0], terminated[0], ...finalObservation];
    });
  }
}

describe('key-to-door', () => {
  it('pays the key once, then the door, and ends there', () => {
    expect(walk({ key: [1, 0], door: [3, 0] }, [0, 0], [RIGHT, STAY, RIGHT, RIGHT])).toEqual([
      [1, 0, 1, 0],
      [0, 0, 1, 0],
      [0, 0, 2, 0],
      [1, 1, 3, 0],
    ]);
  });

  it('pays nothing for the door without the key, and nothing for a start on the key', () => {
    expect(walk({ key: [0, 0], door: [1, 0] }, [0, 0], [RIGHT, RIGHT]).map(([reward, over]) => [reward, over])).toEqual([
      [0, 0],
      [0, 0],
    ]);
  });

  it('takes two steps where key and door share a cell', () => {
    expect(walk({ key: [1, 0], door: [1, 0] }, [0, 0], [RIGHT, STAY])).toEqual([
      [1, 0, 1, 0],
      [1, 1, 1, 0],
    ]);
  });

  it('shows the cell and nothing of the phase, which with the cell names the state', () => {
    const model = tabularModel(family, 'A test');
    const state = stateOf(family);
    const seen = new Float32Array(2);
    for (let s = 0; s < model.states; s++) {
      model.observe(s, seen, 0);
      const cell = s % 81;
      expect(Array.from(seen)).toEqual([cell % 9, Math.floor(cell / 9)]);
      expect(state(seen, 0, model.phases!.of(s))).toBe(s);
    }
  });

  it('has every pair as a task, each worth 2 from every start', () => {
    const tasks = listedTasks(family, 'A test');
    expect(tasks).toHaveLength(6561);
    for (const task of [...tasks.filter((_, i) => i % 800 === 0), { key: [0, 0], door: [8, 8] }, { key: [4, 4], door: [4, 4] }])
      expect(family.oracleReturn!(task)).toBe(2);
  });

  it('goes on from where it is when its task changes', () => {
    const env = family.make([{ key: [0, 0], door: [0, 0] }], Random.seeded(0));
    const [x, y] = env.reset();
    env.setTask!(0, { key: [x, y], door: [x, y] });
    const rewards = [1, 1].map(() => env.step(Int32Array.of(STAY)).reward[0]);
    expect(rewards).toEqual([1, 1]);
  });

  it('refuses a horizon in which some pair is out of reach', () => {
    expect(() => environment('key-to-door', { horizon: 31 })).toThrow(failure('E_CONFIG', 'horizon', 32));
    expect(environment('key-to-door', { horizon: 32 }).oracleReturn!({ key: [8, 8], door: [0, 0] })).toBe(2);
  });
});
