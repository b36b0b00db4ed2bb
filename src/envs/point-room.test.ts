import { describe, expect, it } from 'vitest';
import { failure } from '../../test/helpers/failure.ts';
import { listedTasks, type Task } from '../rl/index.ts';
import { Random } from '../util/random.ts';
import { environment } from './index.ts';

/** Where moves lead, and what they pay. */
function walk(task: Task, moves: readonly (readonly [number, number])[], options = {}) {
  const env = environment('point-room', options).make([task], Random.seeded(1));
  env.reset();
  return moves.map(move => {
    const { finalObservation, reward, observation, truncated } = env.step(Float32Array.from(move));
    return {
      at: Array.from(finalObservation, v => Number(v.toFixed(4))),
      reward: reward[0],
      next: observation[0],
      truncated: truncated[0],
    };
  });
}

describe('point-room', () => {
  it('shortens long moves in their direction, and stops at the walls', () => {
    const [far, short] = walk({ goal: [1, 1] }, [
      [3, 4],
      [0.1, 0],
    ]);
    expect(far.at).toEqual([0.15, 0.2]);
    expect(short.at).toEqual([0.25, 0.2]);
    const wall = walk({ goal: [1, 1] }, Array(6).fill([0.25, 0.01]));
    expect(wall[4].at[0]).toBe(1);
    expect(wall[5].at[1]).toBeCloseTo(wall[4].at[1] + 0.01, 3);
  });

  it('pays steps that end in the disc, its rim included, and starts again in the center', () => {
    const paid = (radius: number) =>
      walk(
        { goal: [0.5, 0] },
        [
          [0.25, 0],
          [0.1, 0],
          [0.01, 0],
        ],
        { radius },
      ).map(({ reward }) => reward);
    expect(paid(0.15)).toEqual([0, 1, 1]);
    expect(paid(0.1)).toEqual([0, 0, 0]);
    const episode = walk({ goal: [0, 0] }, Array(3).fill([0.1, 0]), { horizon: 3, stepLength: 0.6 });
    expect(episode.map(({ truncated, next }) => [truncated, Number(next.toFixed(2))])).toEqual([
      [0, 0.1],
      [0, 0.2],
      [1, 0],
    ]);
  });

  it.each([{}, { goals: 6, radius: 0.3, stepLength: 0.4, horizon: 9 }])(
    'pays the oracle return to a player that goes straight to the disc, under %o',
    options => {
      const family = environment('point-room', options);
      const tasks = listedTasks(family, 'A test');
      const { stepLength } = family.plane!;
      const env = family.make(tasks, Random.seeded(1));
      let seen = Float32Array.from(env.reset());
      const total = new Float64Array(tasks.length);
      for (let t = 0; t < family.horizon; t++) {
        const moves = tasks.flatMap(({ goal }, i) => {
          const [dx, dy] = (goal as number[]).map((v, k) => v - seen[2 * i + k]);
          const share = Math.min(1, stepLength / Math.max(Math.hypot(dx, dy), 1e-9));
          return [share * dx, share * dy];
        });
        const { reward, observation } = env.step(Float32Array.from(moves));
        seen = Float32Array.from(observation);
        for (let i = 0; i < tasks.length; i++) total[i] += reward[i];
      }
      expect(Array.from(total)).toEqual(tasks.map(family.oracleReturn!));
      expect(Math.min(...total)).toBeGreaterThan(0);
    },
  );

  it('refuses discs out of reach', () => {
    expect(() => environment('point-room', { stepLength: 0.01 })).toThrow(failure('E_CONFIG', 'horizon'));
  });
});

describe('dark-room-moves', () => {
  it('changes both coordinates in one step, so that the corner is as near as a side', () => {
    const family = environment('dark-room-moves');
    const env = family.make([{ goal: [8, 0] }], Random.seeded(1));
    env.reset();
    const seen = [
      [2, 0],
      [0, 2],
      [1, 1],
    ].map(pair => Array.from(env.step(Int32Array.from(pair)).observation));
    expect(seen).toEqual([
      [5, 3],
      [4, 4],
      [4, 4],
    ]);
    expect(family.oracleReturn!({ goal: [8, 0] })).toBe(17);
    expect(family.oracleReturn!({ goal: [8, 4] })).toBe(17);
  });
});
