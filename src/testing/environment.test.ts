/** @file The contract of environments finds what is wrong: each of these breaks one rule, and fails the check that names it. */

import { expect, it } from 'vitest';
import { failing } from '../../test/helpers/checks.ts';
import { environment } from '../envs/index.ts';
import type { EnvFamily, StepResult, VectorEnv } from '../rl/index.ts';
import { environmentChecks } from './environment.ts';

const room = environment('dark-room', { size: 3, horizon: 4 });
/** What it would declare of itself is not known. */
const plain: EnvFamily = { ...room, model: undefined, oracleReturn: undefined, hidden: undefined };
const bandit = environment('delayed-bandit', { pulls: 3, delay: 1 });
const door = environment('key-to-door');
const life = environment('key-to-door-life', { size: 3, attempt: 8, calls: 60, every: 20 });

/** The family with another environment around each of its own; `made` counts them. */
const around = (family: EnvFamily, change: (env: VectorEnv, made: number) => Partial<VectorEnv>): EnvFamily => {
  let made = 0;
  return {
    ...family,
    make(tasks, random) {
      const env = family.make(tasks, random);
      return { ...env, ...change(env, made++) };
    },
  };
};
/** The family, whose steps are rewritten. */
const stepping = (family: EnvFamily, change: (result: StepResult, env: VectorEnv) => void): EnvFamily =>
  around(family, env => ({
    step(actions) {
      const result = env.step(actions);
      change(result, env);
      return result;
    },
  }));

let calls = 0;

const BROKEN: readonly (readonly [key: string, family: EnvFamily])[] = [
  ['tasks', { ...plain, drawTask: () => ({ goal: [0, 0] }) }],
  ['taskKey', { ...plain, taskKey: () => 'goal' }],
  ['hidden', { ...plain, hidden: [{ ...room.hidden![0], of: () => [1, 1] }] }],
  ['observations', { ...plain, observationSpace: { kind: 'multi-discrete', nvec: [2, 3] } }],
  ['rewards', { ...room, rewardMax: 0.5 }],
  // Its rewards are drawn.
  ['seeds', around(bandit, env => ({ reset: () => env.reset() }))],
  [
    'seeds',
    around(plain, (env, made) => ({
      step(actions) {
        const result = env.step(actions);
        result.reward[env.size - 1] += env.size > 1 ? made : 0;
        return result;
      },
      setTask: undefined,
    })),
  ],
  ['setTask', around(room, () => ({ setTask: () => {} }))],
  [
    'neighbors',
    stepping(plain, ({ reward }, { size }) => {
      reward[0] += size;
    }),
  ],
  ['horizon', { ...plain, horizon: 5 }],
  [
    'finalObservation',
    stepping(plain, ({ finalObservation }) => {
      finalObservation.fill(0);
    }),
  ],
  [
    'executed',
    stepping(plain, (result, { size }) => {
      result.executed = new Int32Array(size).fill(4);
    }),
  ],
  [
    'actions',
    around(plain, env => ({
      step: actions => env.step(Int32Array.from({ length: env.size }, (_, i) => Math.min(4, actions[i]))),
    })),
  ],
  ['regret', { ...bandit, regret: { ...bandit.regret!, of: (...at) => bandit.regret!.of(...at) + 0.1 } }],
  ['phases', { ...door, model: { ...door.model!, phases: { count: 3, of: state => 2 - door.model!.phases!.of(state) } } }],
  ['attempts', { ...life, attempts: { ...life.attempts!, cells: 8 } }],
  ['attempts', { ...life, attempt: () => false }],
  ['changes', { ...life, changes: () => [20, 20] }],
  ['render', { ...room, render: (...seen) => ({ ...room.render!(...seen), caption: String(calls++) }) }],
  ['render', { ...room, render: () => ({ kind: 'grid', columns: 3, rows: 3, marks: [{ role: 'agent', at: [3, 0] }] }) }],
  ['render', { ...room, render: () => ({ kind: 'grid', columns: 3, rows: 3, walls: [1], marks: [] }) }],
  ['render', { ...bandit, render: () => ({ kind: 'bars', max: 1, bars: [{ name: 'arm', value: 2, text: '' }] }) }],
  ['outcome', { ...life, outcome: { name: 'doors', of: () => Number.NaN } }],
  ['model', { ...room, oracleReturn: undefined, model: { ...room.model!, next: (_, state) => state } }],
  [
    'model',
    stepping(room, ({ observation, finalObservation }) => {
      finalObservation.set(observation);
    }),
  ],
  ['oracleReturn', { ...room, oracleReturn: task => room.oracleReturn!(task) + 1 }],
  ['oracleReturn', { ...plain, oracleReturn: () => 0 }],
];

it.each(BROKEN.map(([key, family], i) => ({ key, family, i })))('$key ($i)', async ({ key, family }) => {
  expect(await failing(environmentChecks(family))).toEqual([key]);
});

it('has a check for each of these, and none that no other environment breaks', () => {
  const keys = new Set([room, bandit, door, life].flatMap(environmentChecks).map(({ name }) => name.split(':')[0]));
  expect([...keys].sort()).toEqual([...new Set(BROKEN.map(([key]) => key))].sort());
});

it('asks of recordings alone what they have', async () => {
  const recorded: EnvFamily = {
    ...room,
    recorded: true,
    make() {
      throw new Error('recorded');
    },
  };
  expect(await failing(environmentChecks(recorded))).toEqual([]);
});
