/** @file The size of Z in bits. */

import type { LaneView } from './session.ts';

/** Bits of one code. */
export const bitsOf = (size: number): number => Math.ceil(Math.log2(size));

/** The size of Z in bits: of its codes if it is discrete, of its float32 numbers if not. */
export function bitsOfLatents({ latentShape, alphabet }: Pick<LaneView, 'latentShape' | 'alphabet'>): number {
  if (alphabet) return Math.round(alphabet.shape[0] * alphabet.shape[1] * Math.log2(alphabet.size));
  return latentShape ? 32 * latentShape[0] * latentShape[1] : 0;
}
