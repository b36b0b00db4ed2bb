import { describe, expect, it } from 'vitest';
import { buttons } from '../../test/helpers/buttons.ts';
import { failure } from '../../test/helpers/failure.ts';
import { actionDistribution, type Feedback, type Policy } from '../rl/index.ts';
import { Random } from '../util/random.ts';
import { lifeTally, playLife, recoveryBins } from './life.ts';
import { rollout } from './rollout.ts';

const family = buttons();
const tasks = [
  { first: 0, shift: 1 },
  { first: 1, shift: 2 },
];

/** Presses a button by the call alone, and counts what it observed. */
class Presser implements Policy {
  readonly actions = actionDistribution(family.actionSpace);
  readonly #button: (call: number) => number;
  #size = 0;
  #call = 0;
  seen: Feedback[] = [];

  constructor(button: (call: number) => number) {
    this.#button = button;
  }

  reset(size: number): void {
    [this.#size, this.#call] = [size, 0];
  }

  async act(): Promise<Float32Array> {
    const button = this.#button(this.#call++);
    return Float32Array.from({ length: 3 * this.#size }, (_, i) => Number(i % 3 === button));
  }

  async observe(feedback: Feedback): Promise<void> {
    this.seen.push({ ...feedback, reward: feedback.reward.slice() });
  }
}

const play = (more: object = {}, button = (call: number) => Math.floor(call / 7) % 3) =>
  playLife({
    family,
    tasks,
    policy: new Presser(button),
    calls: 80,
    window: 10,
    bin: 5,
    random: Random.seeded(0),
    greedy: true,
    ...more,
  });

describe('playLife', () => {
  it('has windows that sum to the whole, whatever their length, and count the outcome', async () => {
    const [fine, coarse, whole] = await Promise.all([play(), play({ window: 40 }), play({ window: 80 })]);
    expect([fine, coarse, whole].map(({ returns }) => returns.length)).toEqual([16, 4, 2]);
    const sums = (returns: Float64Array, window: number) =>
      tasks.map((_, i) => returns.subarray((i * 80) / window, ((i + 1) * 80) / window).reduce((a, b) => a + b));
    expect(sums(fine.returns, 10)).toEqual([...whole.returns]);
    expect(sums(coarse.returns, 40)).toEqual([...whole.returns]);
    const { returns } = await rollout({
      family,
      tasks,
      policy: new Presser(call => Math.floor(call / 7) % 3),
      episodes: 1,
      random: Random.seeded(0),
      greedy: true,
    });
    // Half a reward for each.
    expect([...whole.returns]).toEqual([...returns].map(value => 2 * value));
  });

  it('counts the reward in a family without an outcome', async () => {
    const { outcome: _, ...plain } = family;
    const [counted, paid] = [await play(), await play({ family: plain })];
    expect([...paid.returns]).toEqual([...counted.returns].map(value => value / 2));
  });

  it('has the recovery curves of a hand computation', async () => {
    // The right buttons of the layouts are 0, 1, 2, 0 in the first task and 1, 0, 2, 1 in the second; 2, 2, 0, 2 are wrong in both.
    const [right, wrong] = [
      [0, 1, 2, 0],
      [2, 2, 0, 2],
    ];
    const { recovery } = await play({ bin: 10 }, call => {
      const [layout, since] = [Math.floor(call / 20), call % 20];
      return (since >= 7 && since < 14) || call < 7 ? right[layout] : wrong[layout];
    });
    expect([...recovery!.first]).toEqual([10 / 10, 4 / 10, 0, 0]);
    // Over three layouts, of which the second task is right in one.
    expect([...recovery!.later]).toEqual([9 / 30, 12 / 30, 3 / 30, 4 / 30]);
  });

  it('goes on with the next episode where one ends early, and keeps to its calls', async () => {
    const short = buttons(20);
    const policy = new Presser(() => 0);
    const { returns, recovery } = await play({ family: short, policy, window: 20 });
    // Every episode is in its first layout, and the task does not change.
    expect([...returns]).toEqual([20, 20, 20, 20, 0, 0, 0, 0]);
    expect([policy.seen.length, recovery]).toEqual([80, undefined]);
  });

  it('reports windows as they end', async () => {
    const seen: number[] = [];
    await play({ onProgress: ({ done, total }: { done: number; total: number }) => seen.push(done / total) });
    expect(seen).toEqual([0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875, 1]);
  });

  it('refuses windows that do not divide the calls, and no tasks', async () => {
    await expect(play({ window: 30 })).rejects.toThrow(failure('E_SHAPE', '30', '80'));
    await expect(play({ tasks: [] })).rejects.toThrow(failure('E_SHAPE'));
  });

  it('keeps nothing of 100,000 calls but sums', async () => {
    const calls = 100_000;
    const tally = lifeTally(buttons(calls), tasks, { calls, window: 50_000, bin: 10 });
    for (let call = 0; call < calls; call++) for (const i of tasks.keys()) tally.add(i, call, 1);
    const { returns, recovery } = tally.life();
    expect([...returns]).toEqual([50_000, 50_000, 50_000, 50_000]);
    expect([...recovery!.first, ...recovery!.later]).toEqual(new Array(8).fill(1));
  });
});

describe('recoveryBins', () => {
  const changing = (changes: (task: object) => readonly number[]) => ({ ...family, changes });

  it('fit into the first layout and the longest later one of every task', () => {
    const bins = (changes: number[][], bin: number) =>
      recoveryBins(
        changing(task => changes[tasks.indexOf(task as (typeof tasks)[number])]),
        tasks,
        { calls: 80, bin },
      );
    expect(bins([[20], [30, 50]], 5)).toEqual({ first: 4, later: 6 });
    // Changes before the life and after it are none.
    expect(bins([[20], [0, 80, 100]], 5)).toBeUndefined();
  });

  it('are undefined without changes, and refused if one is longer than a layout', () => {
    expect(recoveryBins({ ...family, changes: undefined }, tasks, { calls: 80, bin: 5 })).toBeUndefined();
    expect(() => recoveryBins(family, tasks, { calls: 80, bin: 21 })).toThrow(failure('E_CONFIG', 'evaluate.recoveryBin', '21'));
  });
});
