import { describe, expect, it } from 'vitest';
import { environment } from '../envs/index.ts';
import { Random } from '../util/random.ts';
import { expectLearners, generateHistory, source } from './index.ts';

describe('layout-search', () => {
  const small = environment('key-to-door-life', { size: 3, attempt: 8, calls: 200 });
  const STAY = 0;
  /** A learner that observes these calls: [observation, reward, next observation], each observation (x, y, has key, steps). */
  const having = (...calls: readonly (readonly [from: number[], reward: number, to: number[]])[]) => {
    const { learner: create } = expectLearners(source('layout-search'), 'A test');
    const learner = create(small, small.drawTask!(Random.seeded(0)), Random.seeded(0));
    for (const [from, reward, to] of calls) learner.observe(Float32Array.from(from), [STAY], reward, Float32Array.from(to), false, false);
    return (observation: number[]) => {
      const out = new Float32Array(5);
      learner.distribution(Float32Array.from(observation), out);
      return [...out].map(p => Number(p.toFixed(3)));
    };
  };
  /** An attempt from (0, 0) that finds the key at (1, 0) and the door at (2, 0), and its reset. */
  const attempt = [
    [[0, 0, 0, 0], 1, [1, 0, 1, 1]],
    [[1, 0, 1, 1], 1, [2, 0, 1, 2]],
    [[2, 0, 1, 2], 0, [0, 0, 0, 0]],
  ] as const satisfies readonly (readonly [number[], number, number[]])[];
  /** The distribution of one that knows nothing: it stays where no step has ended yet, and goes to any neighbor. */
  const nothing = [0.2, 0.2, 0.2, 0.2, 0.2];
  const [left, right] = [
    [0, 0, 0, 1, 0],
    [0, 0, 0, 0, 1],
  ];

  it('goes to the key, then to the door, once they are known', () => {
    const act = having(...attempt);
    expect([act([0, 0, 0, 0]), act([0, 0, 1, 4]), act([2, 0, 0, 3])]).toEqual([right, right, left]);
  });

  it('searches for the door among all cells, whatever it has seen without the key', () => {
    const act = having([[1, 1, 0, 0], 0, [0, 1, 0, 1]], [[0, 1, 0, 1], 1, [0, 0, 1, 2]]);
    // It has found the key. Cells visited without the key may still hold the door.
    expect(act([0, 1, 0, 1])).toEqual([0, 1, 0, 0, 0]);
    expect(act([0, 1, 1, 3])).toEqual(nothing);
  });

  it('forgets both where an attempt starts in another cell, and then only', () => {
    const act = having(...attempt);
    expect([act([0, 0, 0, 0]), act([1, 1, 0, 0])]).toEqual([right, nothing]);
    const moved = having(...attempt.slice(0, 2), [[2, 0, 1, 2], 0, [1, 1, 0, 0]], [[1, 1, 0, 0], 1, [1, 2, 1, 1]]);
    expect(moved([0, 0, 1, 2])).toEqual(nothing);
    expect(moved([1, 1, 0, 3])).toEqual([0, 0, 1, 0, 0]);
  });

  it('forgets both where a known key or door does not pay, or a cell pays that did not', () => {
    const noKey = having(...attempt, [[0, 0, 0, 0], 0, [1, 0, 0, 1]]);
    // The cell is ruled out for the key: any neighbor is better than staying.
    expect(noKey([1, 0, 0, 1])).toEqual([0, 0, 0.333, 0.333, 0.333]);
    expect(noKey([1, 0, 1, 3])).toEqual(nothing);
    const noDoor = having(...attempt, attempt[0], [[1, 0, 1, 1], 0, [2, 0, 1, 2]]);
    expect(noDoor([0, 0, 0, 3])).toEqual(nothing);
    expect(noDoor([2, 0, 1, 3])).toEqual([0, 0, 0.5, 0.5, 0]);
    const elsewhere = having(...attempt, [[0, 0, 0, 0], 1, [0, 1, 1, 1]]);
    expect([elsewhere([0, 0, 0, 5]), elsewhere([2, 0, 1, 5])]).toEqual([[0, 0, 1, 0, 0], nothing]);
  });

  it('learns nothing from a call that resets, and starts over where all cells are ruled out', () => {
    const reset = having([[0, 0, 0, 8], 0, [0, 0, 0, 0]]);
    expect(reset([0, 0, 0, 0])).toEqual(nothing);
    const cells = [...Array(9).keys()].map(cell => [cell % 3, Math.floor(cell / 3)]);
    const all = having(...cells.map(([x, y], i) => [[1, 1, 0, i + 1], 0, [x, y, 0, i + 2]] as [number[], number, number[]]));
    // All but the last one are open again.
    expect(all([2, 2, 0, 10])).toEqual([0, 0.5, 0, 0.5, 0]);
  });

  /** Doors in every 500 calls, averaged over tasks. */
  const doors = (options: Record<string, number>, tasks = 64) => {
    const family = environment('key-to-door-life', { calls: 2000, ...options });
    const windows = new Float64Array(family.horizon / 500);
    for (let i = 0; i < tasks; i++) {
      const task = family.drawTask!(Random.seeded(3).split(i));
      const history = generateHistory({ family, task, source: source('layout-search'), random: Random.seeded(4).split(i), episodes: 1 });
      for (let t = 0; t < family.horizon; t++) windows[Math.floor(t / 500)] += family.outcome!.of(history, t) / tasks;
    }
    return [...windows];
  };

  it('opens 43.6 doors in its first 500 calls, then as many as can be opened, and 43.3 in a layout that is new', () => {
    // Standard errors of a mean over 64 tasks: 2.6.
    const [first, , , last] = doors({});
    expect(Math.abs(first - 43.6)).toBeLessThan(6);
    expect(Math.abs(last - 50.1)).toBeLessThan(6);
    expect(last - first).toBeGreaterThan(4);
    for (const each of doors({ every: 500 })) expect(Math.abs(each - 43.3)).toBeLessThan(6);
  });
});
