/** @file The contract of sources finds what is wrong: each of these breaks one rule, and fails the check that names it. */

import { describe, expect, it } from 'vitest';
import { failing } from '../../test/helpers/checks.ts';
import type { History } from '../rl/index.ts';
import { type CohortSource, type Learner, type LearnerSource, type Source, source } from '../sources/index.ts';
import { sourceChecks } from './source.ts';

/** Prefers what paid last where it stands. */
const sound: LearnerSource = source('q-learning') as LearnerSource;

const around = (change: (learner: Learner, random: Parameters<LearnerSource['learner']>[2]) => Partial<Learner>): LearnerSource => ({
  ...sound,
  learner(...args) {
    const learner = sound.learner(...args);
    const own: Learner = {
      distribution: (observation, out) => learner.distribution(observation, out),
      observe: (...step) => learner.observe(...step),
    };
    return { ...own, ...change(learner, args[2]) };
  },
});
const keeping = (keep: (history: History) => History): LearnerSource => ({ ...sound, keep });

let learners = 0;

const BROKEN: readonly (readonly [keys: string, source: Source])[] = [
  ['history', keeping(history => ({ ...history, stream: 'another' }))],
  ['history', keeping(history => ({ ...history, reward: history.reward.slice(1) }))],
  ['observations', keeping(history => ({ ...history, nextObservation: history.nextObservation.map(() => 1) }))],
  ['distribution', keeping(history => ({ ...history, probabilities: history.probabilities.map(p => 2 * p) }))],
  ['draws', keeping(history => ({ ...history, probabilities: history.probabilities.map((_, i) => Number(i % 5 === 0)) }))],
  [
    // What cannot be repeated cannot be compared with anything.
    'seeds asking arrays',
    around(() => {
      const own = learners++ % 2;
      return { distribution: (_, out) => void out.fill(0).fill(1 / 2, own, own + 2) };
    }),
  ],
  [
    'asking',
    around((_, random) => ({
      distribution: (_, out) =>
        void out
          .fill(0)
          .fill(1, random.integer(5))
          .fill(0, 1 + out.indexOf(1)),
    })),
  ],
  [
    'arrays',
    around(() => {
      let last: Float32Array = new Float32Array(2);
      return {
        distribution: (_, out) => void out.fill(0).fill(1, last[0], last[0] + 1),
        observe(observation) {
          last = observation;
        },
      };
    }),
  ],
  ['beliefs', around(() => ({ beliefs: [{ name: 'none', space: { kind: 'discrete', n: 2 }, value: () => [2] }] }))],
  [
    'beliefs',
    around(learner => {
      let asked = 0;
      return {
        distribution(observation, out) {
          asked++;
          learner.distribution(observation, out);
        },
        beliefs: [{ name: 'asked', space: { kind: 'discrete', n: 1000 }, value: () => [asked] }],
      };
    }),
  ],
  ['options', { ...sound, learner: (family, task, random) => sound.learner(family, task, random) }],
];

it.each(BROKEN.map(([keys, broken], i) => ({ keys, broken, i })))('$keys ($i)', async ({ keys, broken }) => {
  expect(await failing(sourceChecks(broken))).toEqual(keys.split(' '));
});

describe('a cohort', () => {
  const ppo = source('ppo') as CohortSource;
  it('whose learners feel each other fails by its neighbors', async () => {
    const broken: CohortSource = {
      ...ppo,
      async cohort(request, options) {
        const cohort = await ppo.cohort(request, options);
        const lone = request.randoms.length === 1;
        return { ...cohort, act: async observation => (await cohort.act(observation)).map((p, a) => (lone ? p : Number(a % 5 === 0))) };
      },
    };
    expect(await failing(sourceChecks(broken))).toEqual(['neighbors']);
  });
});

it('has a check for each of these, and none that no other source breaks', () => {
  const keys = new Set(['q-learning', 'ppo'].flatMap(id => sourceChecks(source(id))).map(({ name }) => name.split(':')[0]));
  expect([...keys].sort()).toEqual([...new Set([...BROKEN.flatMap(([keys]) => keys.split(' ')), 'neighbors'])].sort());
});
