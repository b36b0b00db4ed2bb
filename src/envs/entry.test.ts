/** @file What is wrong with an environment of somebody's own is said of that environment, with the function and the place. */

import { expect, it } from 'vitest';
import { failure } from '../../test/helpers/failure.ts';
import type { Space } from '../rl/index.ts';
import { Random } from '../util/random.ts';
import { defineEnv, type SingleEnv } from './entry.ts';

const env = (parts: Partial<SingleEnv>, spaces: { observationSpace?: unknown; actionSpace?: unknown; horizon?: number } = {}) =>
  defineEnv({
    id: 'mine',
    description: '',
    options: {},
    create: () => ({
      horizon: spaces.horizon ?? 3,
      observationSpace: (spaces.observationSpace ?? { kind: 'discrete', n: 2 }) as Space,
      actionSpace: (spaces.actionSpace ?? { kind: 'discrete', n: 2 }) as Space,
      tasks: () => [{}],
      start: () => ({ reset: () => [0], step: () => ({ observation: [0], reward: 0 }), ...parts }),
    }),
  });
const play = (parts: Partial<SingleEnv>) => {
  const world = env(parts).create().make([{}], Random.seeded(0));
  world.reset();
  world.step(Int32Array.of(0));
};
const boom = () => {
  throw new TypeError('boom');
};

it('runs where nothing is wrong', () => expect(() => play({})).not.toThrow());

it.each([
  ['reset', { reset: boom }],
  ['step', { step: boom }],
] as const)('names %s, which throws, and the place', (what, parts) => {
  expect(() => play(parts)).toThrow(failure('E_CONFIG', 'mine', what, 'boom', 'entry.test.ts'));
});

it('names a step that returns nothing', () => {
  expect(() => play({ step: () => undefined as never })).toThrow(failure('E_SHAPE', 'mine', 'undefined'));
});

it.each([
  ['an unknown kind', { observationSpace: { kind: 'multidiscrete', nvec: [2] } }, 'multidiscrete'],
  ['no factors', { actionSpace: { kind: 'multi-discrete', nvec: [] } }, 'nvec'],
  ['no values', { actionSpace: { kind: 'discrete', n: 0 } }, 'actionSpace'],
  ['bounds of unequal length', { observationSpace: { kind: 'box', low: [0], high: [1, 1] } }, 'observationSpace'],
  ['bounds in the wrong order', { observationSpace: { kind: 'box', low: [2], high: [1] } }, 'observationSpace'],
  ['half a step', { horizon: 2.5 }, '2.5'],
])('refuses %s', (_, spaces, named) => {
  expect(() => env({}, spaces).create()).toThrow(failure('E_CONFIG', 'mine', named));
});
