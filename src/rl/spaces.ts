/** @file Observation and action spaces. Every observation is a vector of numbers; its space says what they mean. */

/** One integer in [0, n). */
export interface DiscreteSpace {
  readonly kind: 'discrete';
  readonly n: number;
}

/** A vector of integers, factor i in [0, nvec[i]). */
export interface MultiDiscreteSpace {
  readonly kind: 'multi-discrete';
  readonly nvec: readonly number[];
}

/** A vector of reals. */
export interface BoxSpace {
  readonly kind: 'box';
  readonly low: readonly number[];
  readonly high: readonly number[];
}

/** Brightnesses in [0, 1], row by row, the channels of a pixel side by side: pixel (x, y) starts at (y · width + x) · channels. */
export interface ImageSpace {
  readonly kind: 'image';
  readonly height: number;
  readonly width: number;
  readonly channels: number;
}

export type Space = DiscreteSpace | MultiDiscreteSpace | BoxSpace | ImageSpace;

/** How many numbers one element of the space holds. */
export function spaceSize(space: Space): number {
  switch (space.kind) {
    case 'discrete':
      return 1;
    case 'multi-discrete':
      return space.nvec.length;
    case 'box':
      return space.low.length;
    case 'image':
      return space.height * space.width * space.channels;
  }
}

/** How many values each number of an element has; undefined where they are not integers. */
export const countsOf = (space: Space): readonly number[] | undefined =>
  space.kind === 'discrete' ? [space.n] : space.kind === 'multi-discrete' ? space.nvec : undefined;
