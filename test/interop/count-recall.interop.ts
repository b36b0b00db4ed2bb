/**
 * @file CountRecall against POPGym's: the same cards, queries and answers give the same observations, rewards and ends. `npm run test:interop`, where
 * Python has popgym.
 */

import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { environment } from '../../src/envs/index.ts';
import { Random } from '../../src/util/random.ts';
import { expectModule, hasModule, PYTHON } from '../helpers/python.ts';

interface Reference {
  readonly cards: number[];
  readonly queries: number[];
  readonly first: number[];
  readonly steps: number[][];
}

describe('popgym', () => expectModule('popgym', 'count-recall against POPGym'));

describe.runIf(hasModule('popgym'))('against POPGym', () => {
  it.each(['easy', 'medium', 'hard'])('%s', level => {
    const family = environment('count-recall', { level });
    const { n } = family.actionSpace as { n: number };
    const random = Random.seeded(1).split(level);
    // Small answers are often right early on, large ones later.
    const answers = () => Array.from({ length: family.horizon }, (_, t) => Math.floor((random.integer(n) * (t + 1)) / family.horizon));
    const asked = Array.from({ length: 20 }, (_, seed) => ({ level, seed, answers: answers() }));
    const script = fileURLToPath(new URL('count_recall_reference.py', import.meta.url));
    const { stdout, stderr, status } = spawnSync(PYTHON, [script], { input: JSON.stringify(asked), encoding: 'utf8', maxBuffer: 2 ** 26 });
    expect(status, stderr).toBe(0);
    const references: Reference[] = JSON.parse(stdout);
    expect(references).toHaveLength(asked.length);
    let right = 0;
    for (const [i, { cards, queries, first, steps }] of references.entries()) {
      const env = family.make([{ cards, queries }], Random.seeded(0));
      expect([...env.reset()]).toEqual(first);
      const ours = asked[i].answers.map(answer => {
        const { finalObservation, reward, terminated } = env.step(Int32Array.of(answer));
        return [...finalObservation, reward[0], terminated[0]];
      });
      expect(ours).toEqual(steps.map(([card, query, reward, terminated]) => [card, query, Math.fround(reward), terminated]));
      right += steps.filter(([, , reward]) => reward > 0).length;
    }
    // Both outcomes occurred, or the comparison would say little.
    expect(right).toBeGreaterThan(20);
    expect(right).toBeLessThan(0.9 * asked.length * family.horizon);
  });
});
