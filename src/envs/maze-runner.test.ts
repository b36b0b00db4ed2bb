import { describe, expect, it } from 'vitest';
import { failure } from '../../test/helpers/failure.ts';
import { distancesTo } from '../rl/index.ts';
import { generateHistory, source } from '../sources/index.ts';
import { environmentChecks } from '../testing/environment.ts';
import { Random } from '../util/random.ts';
import { environment } from './index.ts';

/** Rows from the top; S is the start. */
const MAP = ['#######', '#.#...#', '#.....#', '#.#.#.#', '#.#.#.#', '#.#S#.#', '#######'];
const task = {
  walls: MAP.map(row => [...row].reduce((bits, mark, column) => bits + Number(mark === '#') * 2 ** column, 0)),
  goals: [3, 3, 1, 1],
  // West, north, east, south and staying are 0 to 4.
  actions: [3, 2, 1, 0, 4],
};
const [SOUTH, EAST, NORTH, WEST, STAY] = [0, 1, 2, 3, 4];
const SMALL = { side: 7, goals: 2, steps: 10 };
const tasksOf = (count: number) => Array.from({ length: count }, (_, i) => environment('maze-runner').drawTask!(Random.seeded(1).split(i)));

/** What is seen, in cells and steps, with the reward and the end of each step. */
function walk(actions: number[], options = {}) {
  const env = environment('maze-runner', { ...SMALL, ...options }).make([task], Random.seeded(0));
  // Time has two digits to base 4.
  const cells = (seen: Float32Array) => [...seen.subarray(0, 6), 4 * seen[6] + seen[7], ...seen.subarray(8)];
  return [
    cells(env.reset()),
    ...actions.map(action => {
      const { reward, terminated, finalObservation } = env.step(Int32Array.of(action));
      return [...cells(finalObservation), reward[0], terminated[0]];
    }),
  ];
}

describe('maze-runner', () => {
  it('shows cell, free cells, time and goals, and pays goals in order', () => {
    expect(walk([NORTH, NORTH, WEST, NORTH, EAST, STAY, WEST, WEST, WEST, NORTH])).toEqual([
      // Row, column, free cells to the west, north, east and south, time, two goals; reward, end.
      [5, 3, 0, 4, 0, 0, 0, 3, 3, 1, 1],
      [4, 3, 0, 3, 0, 1, 1, 3, 3, 1, 1, 0, 0],
      [3, 3, 0, 2, 0, 2, 2, 7, 7, 1, 1, 1, 0],
      [3, 3, 0, 2, 0, 2, 3, 7, 7, 1, 1, 0, 0],
      [2, 3, 2, 1, 2, 3, 4, 7, 7, 1, 1, 0, 0],
      [2, 4, 3, 1, 1, 0, 5, 7, 7, 1, 1, 0, 0],
      [2, 4, 3, 1, 1, 0, 6, 7, 7, 1, 1, 0, 0],
      [2, 3, 2, 1, 2, 3, 7, 7, 7, 1, 1, 0, 0],
      [2, 2, 1, 0, 3, 0, 8, 7, 7, 1, 1, 0, 0],
      [2, 1, 0, 1, 4, 3, 9, 7, 7, 1, 1, 0, 0],
      [1, 1, 0, 0, 0, 4, 10, 7, 7, 7, 7, 1, 1],
    ]);
  });

  it('plays attempt after attempt in an episode of many calls, with a call between two of them that only resets', () => {
    const way = [NORTH, NORTH, NORTH, WEST, WEST, NORTH];
    const seen = walk([...way, EAST, NORTH, ...new Array(9).fill(STAY), SOUTH, NORTH], { calls: 40 });
    const start = [5, 3, 0, 4, 0, 0, 0, 3, 3, 1, 1];
    expect(seen[6].slice(-2)).toEqual([1, 0]);
    expect(seen[7]).toEqual([...start, 0, 0]);
    expect(seen[8].slice(0, 7)).toEqual([4, 3, 0, 3, 0, 1, 1]);
    // Ten steps of the second attempt, then its reset.
    expect(seen[17].slice(0, 7)).toEqual([4, 3, 0, 3, 0, 1, 10]);
    expect(seen[18]).toEqual([...start, 0, 0]);
    expect(seen[19].slice(0, 7)).toEqual([4, 3, 0, 3, 0, 1, 1]);
    const { attempt, scored, maze } = environment('maze-runner', { ...SMALL, calls: 40 });
    const shown = (i: number) => Float32Array.from(seen[i].slice(0, 11).toSpliced(6, 1, Math.floor(seen[i][6] / 4), seen[i][6] % 4));
    const starts = seen.slice(0, -1).flatMap((_, i) => (attempt!(shown(i), 0) ? [i] : []));
    const unscored = seen.slice(0, -1).flatMap((_, i) => {
      const step = { observation: shown(i), reward: [0], nextObservation: shown(i + 1) };
      return scored!(step, 0) ? [] : [i];
    });
    expect([starts, unscored]).toEqual([
      [0, 7, 18],
      [6, 17],
    ]);
    expect([maze!.read(shown(1)).goal, maze!.read(shown(5)).goal, maze!.read(shown(6)).goal]).toEqual([3 * 7 + 3, 1 * 7 + 1, undefined]);
  });

  it('is worth the goals within reach by shortest paths', () => {
    const worth = (options: Record<string, number>) => environment('maze-runner', { ...SMALL, ...options }).oracleReturn!(task);
    // The goals are reached after 2 and 6 steps, so an attempt takes 7 calls.
    expect([worth({}), worth({ steps: 5 }), worth({ steps: 1 })]).toEqual([2, 1, 0]);
    expect([worth({ calls: 16 }), worth({ calls: 20 }), worth({ calls: 20, steps: 3 })]).toEqual([5, 6, 5]);
  });

  it('draws mazes in which every goal can be reached, and of the known length', () => {
    const [family, life] = [environment('maze-runner'), environment('maze-runner', { calls: 500 })];
    const tasks = tasksOf(400);
    for (const each of tasks) expect(family.oracleReturn!(each)).toBe(3);
    // Over 2,000 mazes the mean is 46.2; the standard error of 400 is 0.8.
    const mean = tasks.reduce((sum, each) => sum + life.oracleReturn!(each) / tasks.length, 0);
    expect(Math.abs(mean - 46.2)).toBeLessThan(2.5);
    expect(new Set(tasks.map(({ actions }) => String(actions))).size).toBeGreaterThan(100);
  });

  it('refuses a side that is even', () => {
    expect(() => environment('maze-runner', { side: 14 })).toThrow(failure('E_CONFIG', 14, 15));
  });

  describe('with many calls', () => {
    for (const { name, run } of environmentChecks(environment('maze-runner', { steps: 10, calls: 60 }))) it(name, run);
  });
});

it('distances go around walls, and are infinite where there is no way', () => {
  const walls = Uint8Array.from([...MAP.join('')], mark => Number(mark === '#'));
  expect([...distancesTo(8, 7, walls).slice(7, 14)]).toEqual([Infinity, 0, Infinity, 4, 5, 6, Infinity]);
});

describe('maze-search', () => {
  const play = (task: ReturnType<typeof tasksOf>[number], options: Record<string, number>, episodes = 1) =>
    generateHistory({
      family: environment('maze-runner', options),
      task,
      source: source('maze-search'),
      random: Random.seeded(3),
      episodes,
    });
  const sum = (values: Float32Array) => values.reduce((total, value) => total + value, 0);

  it('reaches all goals in time', () => {
    const found = tasksOf(40).map(each => play(each, {}));
    expect(found.map(({ reward }) => sum(reward))).toEqual(new Array(40).fill(3));
    expect(found.reduce((total, { reward }) => total + reward.length / 40, 0)).toBeLessThan(80);
  });

  it('loses no more than a few goals of a life to finding out, and none later', () => {
    const family = environment('maze-runner', { calls: 1500 });
    const tasks = tasksOf(12);
    const lives = tasks.map(each => play(each, { calls: 1500 }).reward);
    const share =
      lives.reduce((total, reward) => total + sum(reward), 0) / tasks.reduce((total, each) => total + family.oracleReturn!(each), 0);
    expect(share).toBeGreaterThan(0.96);
    for (const [i, reward] of lives.entries()) {
      const known = environment('maze-runner', { calls: 500 }).oracleReturn!(tasks[i]);
      expect(sum(reward.subarray(1000))).toBeGreaterThan(0.8 * known);
    }
  });

  it('keeps the map and the order of the actions from episode to episode', () => {
    const { reward, terminated } = play(tasksOf(1)[0], {}, 3);
    const ends = [...terminated.keys()].filter(t => terminated[t]);
    expect([sum(reward), ends[2] - ends[1] <= ends[0] + 1]).toEqual([9, true]);
  });
});
