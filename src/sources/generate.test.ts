import { describe, expect, it } from 'vitest';
import { environment } from '../envs/index.ts';
import { episodeReturns, type History, type Task } from '../rl/index.ts';
import { Random } from '../util/random.ts';
import {
  DEMONSTRATION_STYLES,
  type DemonstrationStyle,
  demonstrations,
  firstInformed,
  generateHistory,
  inStyle,
  type Labels,
  source,
} from './index.ts';

const family = environment('dark-room');
const task: Task = { goal: [7, 2] };
const oracle = family.oracleReturn!(task);
const show = (style: DemonstrationStyle, episodes = 1): History =>
  generateHistory({ family, task, source: demonstrations, options: inStyle(style), random: Random.seeded(4), episodes });
const worth = (history: History) => episodeReturns(history).reduce((a, b) => a + b, 0) / episodeReturns(history).length / oracle;

describe('demonstrations in one style', () => {
  it('are worth the less the less of an expert their player is', () => {
    const worths = (Object.keys(DEMONSTRATION_STYLES) as DemonstrationStyle[]).map(style => [style, worth(show(style, 40))] as const);
    const of = Object.fromEntries(worths);
    expect(of.expert).toBe(1);
    for (const style of ['noisy', 'mediocre']) expect(of[style]).toBeLessThan(0.95);
    for (const style of ['noisy', 'mediocre']) expect(of[style]).toBeGreaterThan(of.random + 0.2);
  });
});

describe('a learner that observed a history', () => {
  const learn = (seen?: History) =>
    generateHistory({ family, task, source: source('r-max'), random: Random.seeded(5), episodes: 12, seen });

  it('is optimal from its first step on when it has seen where the reward is, and starts as ever when it has seen nothing', () => {
    expect(worth(learn(show('expert')))).toBe(1);
    expect(episodeReturns(learn())[0]).toBeLessThan(oracle / 2);
  });

  it('does not have what it has seen in its own history', () => {
    expect(episodeReturns(learn(show('random', 3)))).toHaveLength(12);
  });
});

describe('final labels', () => {
  const learn = (labels?: Labels) =>
    generateHistory({ family, task, source: source('q-learning'), random: Random.seeded(6), episodes: 60, stride: 4, labels });

  it('are what the learner does at its end, from the step after the first reward that the history holds', () => {
    const [recorded, final] = [learn(), learn('final')];
    const first = firstInformed(final.reward);
    expect(final.reward[first - 1]).toBe(1);
    expect([...final.reward.slice(0, first - 1)].every(reward => reward === 0)).toBe(true);
    expect({ ...final, probabilities: recorded.probabilities }).toEqual(recorded);
    expect(final.probabilities.slice(0, 5 * first)).toEqual(recorded.probabilities.slice(0, 5 * first));
    // One policy for every cell from then on.
    const rows = new Map<string, string>();
    for (let t = first; t < final.reward.length; t++) {
      const cell = final.observation.slice(2 * t, 2 * t + 2).join();
      const row = final.probabilities.slice(5 * t, 5 * t + 5).join();
      expect(rows.get(cell) ?? row).toBe(row);
      rows.set(cell, row);
    }
  });

  it('are those that were recorded where no reward differs from others', () => {
    expect(firstInformed(Float32Array.of(1, 1, 1))).toBe(3);
    expect(firstInformed(Float32Array.of(-1, -1, 0, -1))).toBe(3);
  });
});
