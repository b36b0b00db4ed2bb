import { describe, expect, it } from 'vitest';
import { failure } from '../../test/helpers/failure.ts';
import { generateHistory, source } from '../sources/index.ts';
import { Random } from '../util/random.ts';
import { environment } from './index.ts';

const LEVELS = [
  { level: 'easy', kinds: 2, questions: 51, most: 26 },
  { level: 'medium', kinds: 4, questions: 103, most: 26 },
  { level: 'hard', kinds: 13, questions: 207, most: 16 },
];

describe('count-recall', () => {
  it('asks about the cards so far, the present one included, and pays ± 1 / questions', () => {
    const family = environment('count-recall', { level: 'easy' });
    const rest = new Array(48).fill(0);
    const task = { cards: [1, 1, 0, 1, ...rest], queries: [0, 1, 1, 0, ...rest] };
    const env = family.make([task], Random.seeded(0));
    expect([...env.reset()]).toEqual([1, 0]);
    // No 0 so far; two 1s, of which one is answered; still two 1s; one 0.
    const steps = [0, 1, 2, 1].map(answer => {
      const { reward, finalObservation } = env.step(Int32Array.of(answer));
      return [reward[0] * 51, ...finalObservation];
    });
    expect(steps.map(([reward]) => Math.round(reward * 1e6) / 1e6)).toEqual([1, -1, 1, 1]);
    expect(steps.map(([, ...seen]) => seen)).toEqual([
      [1, 1],
      [0, 1],
      [1, 0],
      [0, 0],
    ]);
  });

  it.each(LEVELS)('$level: $kinds kinds, $questions questions, answers up to $most, and exact counters earn 1', row => {
    const { level, kinds, questions, most } = row;
    const family = environment('count-recall', { level });
    expect([family.observationSpace, family.actionSpace, family.horizon]).toEqual([
      { kind: 'multi-discrete', nvec: [kinds, kinds] },
      { kind: 'discrete', n: most + 1 },
      questions,
    ]);
    const task = family.drawTask!(Random.seeded(3));
    for (const side of [task.cards, task.queries] as number[][]) {
      expect(side).toHaveLength(questions + 1);
      for (let kind = 0; kind < kinds; kind++) expect(side.filter(one => one === kind)).toHaveLength(most);
    }
    for (const id of ['recall', 'oracle']) {
      const { reward, terminated } = generateHistory({ family, task, source: source(id), random: Random.seeded(1), episodes: 2 });
      expect(reward.every(value => value === Math.fround(1 / questions))).toBe(true);
      expect([...terminated.keys()].filter(t => terminated[t])).toEqual([questions - 1, 2 * questions - 1]);
    }
  });

  it('refuses a level that it does not have', () => {
    expect(() => environment('count-recall', { level: 'extreme' })).toThrow(failure('E_CONFIG', 'level'));
  });
});
