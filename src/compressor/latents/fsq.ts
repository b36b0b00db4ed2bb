/**
 * @file `fsq`: finite scalar quantization (Mentzer et al. 2023, "Finite scalar quantization: VQ-VAE made simple"). Each number of a short
 * vector is bounded and rounded to one of a few levels. The codebook is the fixed grid of all combinations, so codes neither die nor need
 * to be learned. Shape key: B batch, M latents, D width, G groups, L levels (numbers of one code).
 */

import { add, cast, constant, div, layerNorm, mul, reshape, round, stopGradient, sub, sum, type Tensor, tanh } from '../../engine/index.ts';
import { linear, type Scope } from '../../nn/index.ts';
import type { LatentKind, LatentSettings } from './kind.ts';

type Grid = Pick<LatentSettings, 'groups' | 'levels'>;

/** Digits 0 … levels-1, [B, M, G, L] → evenly spaced values in [-1, 1], embedded: [B, M, D]. */
function embed(scope: Scope, digits_BMGL: Tensor, { levels }: Grid, width: number): Tensor {
  const [B, M, G, L] = digits_BMGL.shape;
  const values = sub(mul(digits_BMGL, constant(levels.map(level => 2 / (level - 1)))), 1);
  return linear(scope.at('up'), reshape(values, [B, M, G * L]), width);
}

/** Place values of a number whose digits have these bases, the first one fastest. */
const places = (levels: readonly number[]): number[] => levels.map((_, i) => levels.slice(0, i).reduce((a, b) => a * b, 1));

export const fsq: LatentKind = {
  id: 'fsq',
  description: 'codes whose numbers are each rounded to one of a few levels',
  apply(scope, z_BMD, settings) {
    const { groups, levels } = settings;
    const [B, M, D] = z_BMD.shape;
    // Normalized, so that tanh starts neither saturated nor linear for latents of any size, and all levels are used.
    const coordinates = linear(scope.at('down'), layerNorm(z_BMD), groups * levels.length);
    const bounded_BMGL = reshape(mul(add(tanh(coordinates), 1), 0.5), [B, M, groups, levels.length]);
    const exact = mul(bounded_BMGL, constant(levels.map(level => level - 1)));
    const digits = stopGradient(round(exact));
    const straightThrough = add(exact, stopGradient(sub(digits, exact)));
    return {
      trained: embed(scope, straightThrough, settings, D),
      settled: embed(scope, digits, settings, D),
      codes: cast(sum(mul(digits, constant(places(levels))), [3]), 'int32'),
    };
  },
  discrete: {
    alphabet: ({ groups, levels }) => ({ groups, size: levels.reduce((a, b) => a * b, 1) }),
    decode(scope, codes_BMG, settings, width) {
      const { levels } = settings;
      const code = reshape(cast(codes_BMG, 'float32'), [...codes_BMG.shape, 1]);
      // ⌊code / place⌋ by rounding: (code - (place - 1) / 2) / place is never halfway between integers.
      const whole = (place: readonly number[]) => round(div(sub(code, constant(place.map(n => (n - 1) / 2))), constant(place)));
      const place = places(levels);
      const higher = whole(place.map((n, i) => n * levels[i]));
      return embed(scope, sub(whole(place), mul(higher, constant(levels))), settings, width);
    },
  },
};
