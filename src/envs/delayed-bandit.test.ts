import { describe, expect, it } from 'vitest';
import { failure } from '../../test/helpers/failure.ts';
import { Random } from '../util/random.ts';
import { environment } from './index.ts';

const family = environment('delayed-bandit', { arms: 3, pulls: 4, delay: 2 });
const task = { means: [0.1, 0.9, 0.5] };

/** Plays `actions` in one environment, every array copied. */
function play(actions: readonly number[], options = {}, seed = 1) {
  const env = environment('delayed-bandit', { arms: 3, pulls: 4, delay: 2, ...options }).make([task], Random.seeded(seed));
  const seen = [env.reset()[0]];
  const steps = actions.map(action => {
    const { reward, executed, truncated, terminated, finalObservation, observation } = env.step(Int32Array.of(action));
    seen.push(observation[0]);
    return { reward: reward[0], executed: executed![0], ended: truncated[0], terminated: terminated[0], final: finalObservation[0] };
  });
  return { seen, steps };
}

describe('the delayed bandit', () => {
  it('lasts two halves of pulls and the delay between them', () => {
    expect(environment('delayed-bandit').horizon).toBe(150);
    for (const [delay, horizon] of [
      [0, 100],
      [100, 200],
      [200, 300],
    ])
      expect(environment('delayed-bandit', { delay }).horizon).toBe(horizon);
  });

  it('flags the distractor steps, ignores what is chosen there and pays nothing', () => {
    const { seen, steps } = play(new Array(20).fill(1));
    const flags = [0, 0, 0, 0, 1, 1, 0, 0, 0, 0];
    expect(seen).toEqual([...flags, ...flags, 0]);
    // Where the action leads is shown as the next step's flag, also at the end.
    expect(steps.map(({ final }) => final)).toEqual(seen.slice(1));
    expect(steps.map(({ ended }) => ended)).toEqual([...Array(9).fill(0), 1, ...Array(9).fill(0), 1]);
    expect(steps.every(({ terminated }) => terminated === 0)).toBe(true);
    for (const [t, { reward, executed }] of steps.entries()) {
      if (flags[t % 10]) expect(reward).toBe(0);
      else expect([executed, reward !== 0]).toEqual([1, true]);
    }
  });

  it('never distracts without a delay', () => {
    expect(play(new Array(8).fill(2), { delay: 0 }).seen).toEqual(new Array(9).fill(0));
  });

  it('executes arms uniformly during the delay, whatever the action', () => {
    const { steps } = play(new Array(3000).fill(2), { pulls: 1, delay: 2998 });
    const counts = [0, 0, 0];
    for (const { executed } of steps.slice(1, -1)) counts[executed]++;
    // χ² with two degrees of freedom: 13.8 is its 99.9% quantile.
    expect(counts.reduce((sum, count) => sum + (count - 2998 / 3) ** 2 / (2998 / 3), 0)).toBeLessThan(13.8);
  });

  it('pays the mean of the arm with the noise that was asked for, unclipped', () => {
    const { steps } = play(new Array(20_000).fill(1), { pulls: 10_000, delay: 0 });
    const rewards = steps.map(({ reward }) => reward);
    const mean = rewards.reduce((a, b) => a + b) / rewards.length;
    const deviation = Math.sqrt(rewards.reduce((sum, r) => sum + (r - mean) ** 2, 0) / rewards.length);
    // Standard errors: 0.3 / √20000 = 0.0021 and 0.3 / √40000 = 0.0015.
    expect(Math.abs(mean - 0.9)).toBeLessThan(0.0085);
    expect(Math.abs(deviation - 0.3)).toBeLessThan(0.006);
    expect(Math.max(...rewards)).toBeGreaterThan(1.5);
    expect(Math.abs(rewards.filter(r => r > 0.9 + 0.3).length / rewards.length - 0.1587)).toBeLessThan(0.011);
    expect(new Set(play([0, 1, 2, 0], { deviation: 0 }).steps.map(({ reward }) => reward))).toEqual(
      new Set([0.1, 0.9, 0.5].map(Math.fround)),
    );
  });

  it('draws means uniformly, names tasks by them exactly, and scores them by the best', () => {
    const tasks = Array.from({ length: 500 }, (_, i) => environment('delayed-bandit').drawTask!(Random.seeded(3).split(i)));
    const means = tasks.flatMap(({ means }) => means as number[]);
    expect(means).toHaveLength(5000);
    const tenths = Array(10).fill(0);
    for (const mean of means) tenths[Math.floor(10 * mean)]++;
    // χ² with nine degrees of freedom: 27.9 is its 99.9% quantile.
    expect(tenths.reduce((sum, count) => sum + (count - 500) ** 2 / 500, 0)).toBeLessThan(27.9);
    expect(family.taskKey(task)).toBe('means=0.1,0.9,0.5');
    expect(family.taskKey(JSON.parse(JSON.stringify(tasks[0])))).toBe(family.taskKey(tasks[0]));
    expect(family.oracleReturn!(task)).toBeCloseTo(2 * 4 * 0.9, 12);
  });

  it('declares the regret of each half by what arms give up in expectation', () => {
    const { parts, part, of } = family.regret!;
    expect(parts).toEqual(['before', 'after']);
    expect(Array.from({ length: 10 }, (_, t) => part(t))).toEqual([0, 0, 0, 0, -1, -1, 1, 1, 1, 1]);
    expect([0, 1, 2].map(action => of(task, action, 0))).toEqual([0.8, 0, 0.4]);
    const steps = { observation: [0, 1], reward: [0, 0], nextObservation: [1, 0] };
    expect([0, 1].map(i => family.scored!(steps, i))).toEqual([true, false]);
  });

  it('gives its arms other means every so many pulls, which the delay does not count', () => {
    const options = { arms: 2, pulls: 5, delay: 3, deviation: 0, every: 4 };
    const changing = environment('delayed-bandit', options);
    // Pulls 0 to 3, 4 to 7, and 8 and 9; the delay comes after the fifth pull.
    const task = { means: [0, 1, 2, 3, 4, 5].map(i => i / 8) };
    const env = changing.make([task], Random.seeded(2));
    const rewards = Array.from({ length: 13 }, (_, t) => 8 * env.step(Int32Array.of(t % 2)).reward[0]);
    expect(rewards).toEqual([0, 1, 0, 1, 2, 0, 0, 0, 2, 3, 2, 5, 4]);
    expect(changing.changes!(task)).toEqual([4, 11]);
    expect(changing.oracleReturn!(task)).toBe((4 * 1 + 4 * 3 + 2 * 5) / 8);
    expect([0, 4, 8, 11].map(elapsed => changing.regret!.of(task, 0, elapsed))).toEqual(new Array(4).fill(1 / 8));
    expect(changing.hidden!.map(({ of }) => of(task))).toEqual([[1], [0.5, 0.625]]);
    const drawn = changing.drawTask!(Random.seeded(1));
    expect([(drawn.means as number[]).length, changing.taskKey(drawn) === changing.taskKey(task)]).toEqual([6, false]);
    expect([family.changes, environment('delayed-bandit', { every: 100 }).changes!(task)]).toEqual([undefined, []]);
    expect(() => changing.make([{ means: [1, 2] }], Random.seeded(0))).toThrow(failure('E_SHAPE', 6, 2));
  });

  it('refuses options and tasks that do not fit', () => {
    expect(() => environment('delayed-bandit', { arms: 1 })).toThrow(failure('E_CONFIG', 'arms', '[2, 1000]', 1));
    expect(() => environment('delayed-bandit', { delay: -1 })).toThrow(failure('E_CONFIG', 'delay', '[0, 100000]', -1));
    expect(() => environment('delayed-bandit', { deviation: Number.NaN })).toThrow(failure('E_CONFIG', 'deviation', '[0, 1000]', 'NaN'));
    expect(() => family.make([{ means: [1, 2] }], Random.seeded(0))).toThrow(failure('E_SHAPE', 3, 2));
  });
});
