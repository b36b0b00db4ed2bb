import { describe, expect, it } from 'vitest';
import { environment } from '../envs/index.ts';
import { rollout } from '../play/index.ts';
import { Random } from '../util/random.ts';
import { source, sourcePolicy } from './index.ts';
import { expectLearners, type Learner } from './source.ts';
import { probabilityOfLargest } from './thompson.ts';

const family = environment('delayed-bandit', { arms: 3, pulls: 6, delay: 3 });
const SCORED = Float32Array.of(0);
const learner = (id: string, options = {}) =>
  expectLearners(source(id), 'A test').learner(family, { means: [0, 0, 0] }, Random.seeded(0), options);
const pull = ({ observe }: Learner, arm: number, reward: number) => observe(SCORED, [arm], reward, SCORED, false, false);
const rowOf = ({ distribution }: Learner) => {
  const out = new Float32Array(3).fill(7);
  distribution(SCORED, out);
  return [...out];
};

describe('sliding-window-ucb and discounted-ucb', () => {
  it('choose as ucb does without forgetting', () => {
    const random = Random.seeded(3);
    const all = [learner('ucb'), learner('sliding-window-ucb', { window: 1000 }), learner('discounted-ucb', { discount: 1 })];
    for (let t = 0; t < 200; t++) {
      const rows = all.map(rowOf);
      expect(rows[1]).toEqual(rows[0]);
      expect(rows[2]).toEqual(rows[0]);
      const reward = random.normal();
      for (const each of all) pull(each, rows[0].indexOf(1), reward);
    }
  });

  it('forget what is older than the window', () => {
    const windowed = learner('sliding-window-ucb', { window: 4 });
    // The window holds two pulls of arm 0, with mean 0.5, one of arm 1 and one of arm 2: bounds 0.5 + 1/√2 = 1.21, 2, 1.1.
    for (const [arm, reward] of [
      [1, 9],
      [0, 1],
      [0, 0],
      [1, 1],
      [2, 0.1],
    ])
      pull(windowed, arm, reward);
    expect(rowOf(windowed)).toEqual([0, 1, 0]);
    // Both pulls of arm 0 leave the window, so it has none there.
    pull(windowed, 1, 1);
    pull(windowed, 1, 1);
    expect(rowOf(windowed)).toEqual([1, 0, 0]);
  });

  it('let the weight of a pull decay, so that the bound of an arm that is not pulled grows', () => {
    const discounted = learner('discounted-ucb', { discount: 0.5 });
    for (const arm of [0, 1, 2]) pull(discounted, arm, arm === 2 ? 1 : 0);
    // Weights 1/4, 1/2, 1: bounds 2, √2, 2: a tie of arms 0 and 2, so the first.
    expect(rowOf(discounted)).toEqual([1, 0, 0]);
    pull(discounted, 0, 0);
    // Weights 9/8, 1/4, 1/2: bounds 0.94, 2, 1 + √2.
    expect(rowOf(discounted)).toEqual([0, 0, 1]);
  });
});

describe('thompson', () => {
  it('knows the probability that a variable is the largest', () => {
    // Of two, it is Φ((m_0 − m_1) / √(s_0² + s_1²)); Φ(1) = 0.841345.
    for (const [mean, deviation] of [
      [
        [1, 0],
        [0.6, 0.8],
      ],
      [
        [0.5, 0],
        [0.5, 0.01],
      ],
    ]) {
      const [first] = probabilityOfLargest(Float64Array.from(mean), Float64Array.from(deviation));
      expect(Math.abs(first - 0.8413)).toBeLessThan(1e-3);
    }
    for (const p of probabilityOfLargest(new Float64Array(5), new Float64Array(5).fill(2))) expect(p).toBeCloseTo(0.2, 12);
    // ∫ Φ(x)² dΦ(x / 2) by simulation.
    const random = Random.seeded(4);
    let wins = 0;
    for (let i = 0; i < 40_000; i++) wins += Number(2 * random.normal() > Math.max(random.normal(), random.normal()));
    const [wide] = probabilityOfLargest(new Float64Array(3), Float64Array.of(2, 1, 1));
    // Three standard errors.
    expect(Math.abs(wide - wins / 40_000)).toBeLessThan(0.0075);
  });

  it('has the posterior of Gaussian rewards', () => {
    const options = { deviation: 0.5, priorMean: 0, priorDeviation: 1 };
    const agent = learner('thompson', options);
    expect(rowOf(agent).map(p => Math.round(1e6 * p))).toEqual([333333, 333333, 333333]);
    for (const reward of [1, 0.5, 0.6]) pull(agent, 1, reward);
    // Precision 1 + 3 / 0.25 = 13, mean 2.1 · 4 / 13.
    const expected = probabilityOfLargest(Float64Array.of(0, 8.4 / 13, 0), Float64Array.of(1, Math.sqrt(1 / 13), 1));
    rowOf(agent).forEach((p, a) => {
      expect(p).toBeCloseTo(expected[a], 6);
    });
  });
});

describe('regret of five arms that do not change', () => {
  const bandit = environment('delayed-bandit', { arms: 5, delay: 0 });
  const tasks = Array.from({ length: 300 }, (_, i) => bandit.drawTask!(Random.seeded(5).split(i)));
  const regretOf = async (id: string) => {
    const policy = sourcePolicy({ family: bandit, tasks, source: source(id), random: Random.seeded(1) });
    const { regret } = await rollout({ family: bandit, tasks, policy, episodes: 1, random: Random.seeded(2) });
    return regret!.reduce((sum, value) => sum + value, 0) / tasks.length;
  };

  // Standard errors are 0.3 or less, that of random play 0.9.
  it.each([
    ['random', 33.3, 3],
    ['ucb', 6.87, 1],
    ['sliding-window-ucb', 10.8, 1],
    ['discounted-ucb', 9.7, 1],
    ['thompson', 6, 1],
  ])('%s: %d', async (id, expected, tolerance) => {
    expect(Math.abs((await regretOf(id)) - expected)).toBeLessThan(tolerance);
  });
});

it('learners that forget give up less where arms change, and the oracle nothing', async () => {
  const bandit = environment('delayed-bandit', { arms: 5, pulls: 200, delay: 0, every: 50 });
  const tasks = Array.from({ length: 100 }, (_, i) => bandit.drawTask!(Random.seeded(5).split(i)));
  const regretOf = async (id: string, options = {}) => {
    const policy = sourcePolicy({ family: bandit, tasks, source: source(id), options, random: Random.seeded(1) });
    const { regret } = await rollout({ family: bandit, tasks, policy, episodes: 1, random: Random.seeded(2) });
    return regret!.reduce((sum, value) => sum + value, 0) / tasks.length;
  };
  const [ucb, windowed, discounted] = [await regretOf('ucb'), await regretOf('sliding-window-ucb'), await regretOf('discounted-ucb')];
  // 63, 51 and 47.
  expect([windowed < 0.9 * ucb, discounted < 0.85 * ucb]).toEqual([true, true]);
  expect(await regretOf('oracle')).toBe(0);
});

it('a bandit may have any delay', () => {
  const long = environment('delayed-bandit', { arms: 5, delay: 10_000 });
  expect([long.horizon, long.regret!.part(49), long.regret!.part(10_049), long.regret!.part(10_050)]).toEqual([10_100, 0, -1, 1]);
});
