/** @file The contract of compressors finds what is wrong: each of these breaks one rule, and fails the check that names it. */

import { expect, it } from 'vitest';
import { failing } from '../../test/helpers/checks.ts';
import { type Compressor, compressor } from '../compressor/index.ts';
import { add, div, mean, mul, sqrt } from '../engine/index.ts';
import { zeroInit } from '../nn/index.ts';
import { compressorChecks } from './compressor.ts';

const [sound, stepping, fitted] = ['mean-pool', 'recurrent', 'pca'].map(compressor);

const BROKEN: readonly (readonly [key: string, compressor: Compressor])[] = [
  ['nothing', { ...compressor('none'), window: tokens => tokens }],
  ['latents', { ...sound, latents: () => 3 }],
  ['batch', { ...sound, compress: (...args) => add(sound.compress(...args), mean(sound.compress(...args), [0], true)) }],
  ['window', { ...sound, window: tokens => tokens - 5 }],
  ['window', { ...sound, window: () => 1 }],
  [
    'empty',
    {
      ...sound,
      compress: (scope, x, options) => {
        const some = mean(mul(x, x), [1, 2], true);
        return mul(sound.compress(scope, x, options), div(some, sqrt(mul(some, some))));
      },
    },
  ],
  [
    'gradients',
    {
      ...sound,
      compress(scope, x, options) {
        scope.parameter('unused', [2, 2], zeroInit);
        return sound.compress(scope, x, options);
      },
    },
  ],
  [
    'recurrence',
    {
      ...stepping,
      recurrence: {
        ...stepping.recurrence!,
        advance: (scope, z, found, options) => mul(stepping.recurrence!.advance(scope, z, found, options), 1.01),
      },
    },
  ],
  ['fit', { ...fitted, fit: () => ({ parameters: new Map([['unheardOf', new Float32Array(1)]]), metrics: {} }) }],
];

it.each(BROKEN.map(([key, broken], i) => ({ key, broken, i })))('$key ($i)', async ({ key, broken }) => {
  expect([...new Set(await failing(compressorChecks(broken)))]).toEqual([key]);
});

it('has a check for each of these, and none that no other compressor breaks', () => {
  const keys = new Set(['none', 'recurrent', 'pca'].flatMap(id => compressorChecks(compressor(id))).map(({ name }) => name.split(':')[0]));
  expect([...keys].sort()).toEqual([...new Set(BROKEN.map(([key]) => key))].sort());
});
