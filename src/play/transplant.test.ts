import { describe, expect, it } from 'vitest';
import { failure } from '../../test/helpers/failure.ts';
import { environment } from '../envs/index.ts';
import { actionDistribution, type EnvFamily, type Policy, type Task } from '../rl/index.ts';
import { Random } from '../util/random.ts';
import { playTransplants, transplantPlaces, transplantTable } from './transplant.ts';

/** Walks to the goal that its memory names and stays there, whatever it earns. */
function walker(family: EnvFamily, goals: readonly (readonly number[])[]): Policy {
  const actions = actionDistribution(family.actionSpace);
  return {
    actions,
    reset() {},
    async act(seen) {
      const rows = new Float32Array(goals.length * 5);
      for (const [i, [gx, gy]] of goals.entries()) {
        const [x, y] = [seen[2 * i], seen[2 * i + 1]];
        // Stay, up, down, left, right; first along x.
        rows[5 * i + (gx < x ? 3 : gx > x ? 4 : gy < y ? 1 : gy > y ? 2 : 0)] = 1;
      }
      return rows;
    },
    async observe() {},
  };
}

describe('a memory of another task', () => {
  it('is scored by both tasks, worked by hand', async () => {
    const family = environment('dark-room', { size: 5, horizon: 6 });
    const [near, far]: Task[] = [{ goal: [3, 2] }, { goal: [4, 3] }];
    const tasks = [near, near, far, far];
    const memories = [near, far, near, far];
    const policy = walker(
      family,
      memories.map(({ goal }) => goal as readonly number[]),
    );
    const { own, other, pursues } = await playTransplants({ family, tasks, memories, policy, random: Random.seeded(0) });
    // From (2, 2) `near` is one step away: 6 paid steps. `far` is three away, and the way there leads over `near`: 4 paid steps and 1.
    expect([...own]).toEqual([6, 1, 0, 4]);
    expect([...other]).toEqual([6, 4, 6, 4]);
    expect([...pursues]).toEqual([1, 1, 1, 1]);
  });

  it('begins alike in both tasks, and counts until the first of them is over', async () => {
    const family = environment('key-to-door', { size: 3, horizon: 8 });
    const tasks: Task[] = Array.from({ length: 12 }, () => ({ key: [0, 0], door: [2, 2] }));
    const memories: Task[] = tasks.map(() => ({ key: [0, 0], door: [0, 1] }));
    const policy = walker(
      family,
      tasks.map(() => [0, 0]),
    );
    const { own, other } = await playTransplants({ family, tasks, memories, policy, random: Random.seeded(3) });
    // All starts are random and in the same place in both tasks, the key lies in the same one, and staying opens no door.
    expect([...own]).toEqual(new Array(12).fill(1));
    expect([...other]).toEqual([...own]);
  });

  it('acts for a task by its best action, where that is known of every step', async () => {
    const family = environment('delayed-bandit', { arms: 2, pulls: 2, delay: 3 });
    const [first, second]: Task[] = [{ means: [0.9, 0.1] }, { means: [0.2, 0.8] }];
    const policy: Policy = {
      actions: actionDistribution(family.actionSpace),
      reset() {},
      act: async () => Float32Array.of(0, 1, 0, 1),
      async observe() {},
    };
    const request = { family, tasks: [first, first], memories: [first, second], policy, random: Random.seeded(0) };
    expect([...(await playTransplants(request)).pursues]).toEqual([0, 1]);
  });

  it('refuses memories that do not belong to streams', async () => {
    const family = environment('dark-room', { size: 5, horizon: 6 });
    const request = { family, tasks: [{ goal: [0, 0] }], memories: [], policy: walker(family, [[0, 0]]), random: Random.seeded(0) };
    await expect(playTransplants(request)).rejects.toThrow(failure('E_SHAPE', 1, 0));
  });
});

describe('the table of two tasks with two memories each', () => {
  const places = transplantPlaces(2, 2);
  /** One value for acting in a with a memory of b. */
  const filled = (of: (acted: number, of: number, memory: number) => number) =>
    Float64Array.from(places, place => of(place.acted, place.of, place.memory));
  const memory = {
    own: filled((a, b, d) => (a === b ? 8 + 2 * d : 1)),
    other: filled((a, b, d) => (a === b ? 8 + 2 * d : 4 + d)),
    pursues: filled((a, b) => (a === b ? 1 : 0.5)),
  };
  const empty = { own: filled(a => a), other: filled(() => 0), pursues: filled((a, b) => (a === b ? 1 : 0.25)) };
  const request = {
    keys: ['A', 'B'],
    scales: [
      { low: 0, high: 10 },
      { low: 0, high: 20 },
    ],
    memories: 2,
    resamples: 200,
    resampled: 'runs',
    random: Random.seeded(1),
  } as const;
  const table = transplantTable(memory, empty, request);

  it('orders its streams by the task acted in, then that of the memory, then the memory', () => {
    expect(places.map(({ acted, of, memory }) => `${acted}${of}${memory}`)).toEqual([
      '000',
      '001',
      '010',
      '011',
      '100',
      '101',
      '110',
      '111',
    ]);
  });

  it('divides each return by the oracle of the task that scores', () => {
    // Own memories return 8 and 10: 0.9 of 10 on average, 0.45 of 20.
    expect(table.byOther).toEqual([
      [0.9, 4.5 / 20],
      [0.45, 0.45],
    ]);
    expect(table.byOwn).toEqual([
      [0.9, 0.1],
      [0.05, 0.45],
    ]);
    expect(table.pursues).toEqual([
      [1, 0.5],
      [0.5, 1],
    ]);
  });

  it('averages over memories', () => {
    expect(table.own.return.mean).toBeCloseTo((0.9 + 0.45) / 2, 12);
    expect(table.transplanted.byOther.mean).toBeCloseTo((4.5 / 10 + 4.5 / 20) / 2, 12);
    expect(table.transplanted.byOwn.mean).toBeCloseTo((0.1 + 0.05) / 2, 12);
    expect([table.own.pursues.mean, table.transplanted.pursues.mean, table.empty.pursues.mean]).toEqual([1, 0.5, 0.25]);
    expect(table.empty.return.mean).toBeCloseTo((0 + 1 / 20) / 2, 12);
  });

  it('resamples memories: what does not depend on them has no width', () => {
    const { own, transplanted } = table;
    expect(own.return.low).toBeCloseTo((0.8 + 0.4) / 2, 12);
    expect(own.return.high).toBeCloseTo((1 + 0.5) / 2, 12);
    expect([transplanted.byOwn.low, transplanted.byOwn.high]).toEqual([transplanted.byOwn.mean, transplanted.byOwn.mean]);
  });

  it('refuses streams of another table', () => {
    expect(() => transplantTable(memory, empty, { ...request, memories: 3 })).toThrow(failure('E_SHAPE', 2, 12, 8));
  });
});
