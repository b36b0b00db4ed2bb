import { describe, expect, it } from 'vitest';
import { environment } from '../envs/index.ts';
import { rollout } from '../play/index.ts';
import { Random } from '../util/random.ts';
import { generateHistory, source, sourcePolicy } from './index.ts';
import { ucb } from './ucb.ts';

const family = environment('delayed-bandit', { arms: 3, pulls: 6, delay: 3 });
const task = { means: [0.2, 0.8, 0.5] };
const learner = () => ucb.learner(family, task, Random.seeded(0));
const scoredStep = Float32Array.of(0);
const distractor = Float32Array.of(1);

function choice({ distribution }: Pick<ReturnType<typeof learner>, 'distribution'>): number {
  const out = new Float32Array(3).fill(7);
  distribution(scoredStep, out);
  expect([...out].sort()).toEqual([0, 0, 1]);
  return out.indexOf(1);
}

describe('ucb', () => {
  it('follows the worked example: every arm in order, then the largest μ̂ + 1/√n', () => {
    const ucb = learner();
    // After one pull each: bounds 1.5, 2, 1.75. Then arm 1 pays 0: mean 0.5, bound 0.5 + 1/√2 = 1.21. Arm 2 pays 0.75 again: mean 0.75,
    // bound 0.75 + 1/√2 = 1.46. Arm 0, at 1.5, is next and pays 1: mean 0.75 of two pulls, bound 1.46: a tie with arm 2, so the lowest.
    const play = [
      [0, 0.5],
      [1, 1],
      [2, 0.75],
      [1, 0],
      [2, 0.75],
      [0, 1],
      [0, 0.75],
    ];
    for (const [arm, reward] of play) {
      expect(choice(ucb)).toBe(arm);
      ucb.observe(scoredStep, [arm], reward, scoredStep, false, false);
    }
    // Arm 0 now has three pulls: 0.75 + 1/√3 = 1.33, below arm 2.
    expect(choice(ucb)).toBe(2);
  });

  it('learns nothing from distractor steps', () => {
    const [one, other] = [learner(), learner()];
    for (const [arm, reward] of [
      [0, 0.5],
      [1, 1],
      [2, 0.75],
    ]) {
      for (const ucb of [one, other]) ucb.observe(scoredStep, [arm], reward, scoredStep, false, false);
      for (let i = 0; i < 20; i++) other.observe(distractor, [1], 0, scoredStep, false, false);
      expect(choice(one)).toBe(choice(other));
    }
    expect(choice(other)).toBe(1);
  });

  it('leaves a history with what was executed, distractors included', () => {
    const { action, observation, reward, probabilities } = generateHistory({
      family,
      task,
      source: source('ucb'),
      random: Random.seeded(4),
      episodes: 40,
    });
    const during = [...action.keys()].filter(t => observation[t] === 1);
    expect(during).toHaveLength(40 * 3);
    expect(during.every(t => reward[t] === 0)).toBe(true);
    // UCB means one arm throughout the delay, but a random one is executed.
    expect(new Set(during.map(t => action[t])).size).toBe(3);
    expect(during.some(t => probabilities[3 * t + action[t]] === 0)).toBe(true);
    expect([...action.subarray(0, 3)]).toEqual([0, 1, 2]);
  });

  it('gives up far less than random play, and less after the delay than before it', async () => {
    const bandit = environment('delayed-bandit');
    const tasks = Array.from({ length: 200 }, (_, i) => bandit.drawTask!(Random.seeded(5).split(i)));
    const play = async (id: string) => {
      const policy = sourcePolicy({ family: bandit, tasks, source: source(id), random: Random.seeded(1) });
      const { regret, returns } = await rollout({ family: bandit, tasks, policy, episodes: 1, random: Random.seeded(2) });
      const mean = (part: number) => tasks.reduce((sum, _, i) => sum + regret![2 * i + part] / tasks.length, 0);
      return { before: mean(0), after: mean(1), returns };
    };
    const [ucb, random] = [await play('ucb'), await play('random')];
    expect(ucb.before + ucb.after).toBeLessThan(0.5 * (random.before + random.after));
    expect(ucb.after).toBeLessThan(0.8 * ucb.before);
    expect(Math.abs(random.after - random.before)).toBeLessThan(1);
    // Return and regret are two views of the same play: what is lost to the oracle, up to the noise of 200 × 100 rewards.
    const oracle = tasks.reduce((sum, each) => sum + bandit.oracleReturn!(each) / tasks.length, 0);
    const earned = ucb.returns.reduce((a, b) => a + b) / tasks.length;
    expect(Math.abs(oracle - earned - ucb.before - ucb.after)).toBeLessThan(1);
  });
});
