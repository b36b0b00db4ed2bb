import { describe, expect, it } from 'vitest';
import { environment } from '../envs/index.ts';
import { episodeReturns, type History, type Task } from '../rl/index.ts';
import { Random } from '../util/random.ts';
import { DEMONSTRATION_STYLES, type DemonstrationStyle, demonstrations, generateHistory, inStyle, source } from './index.ts';

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

describe('a learner that has looked on', () => {
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
