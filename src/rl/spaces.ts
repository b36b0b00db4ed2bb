/** @file Observation and action spaces. Every observation is a vector of numbers; its space says what they mean. */

/** One integer in [0, n). */
export interface DiscreteSpace {
  /** Names the kind of space. */
  readonly kind: 'discrete';
  /** Number of values. */
  readonly n: number;
}

/** A vector of integers, factor i in [0, nvec[i]). */
export interface MultiDiscreteSpace {
  /** Names the kind of space. */
  readonly kind: 'multi-discrete';
  /** Number of values of each factor. */
  readonly nvec: readonly number[];
}

/** A vector of reals. */
export interface BoxSpace {
  /** Names the kind of space. */
  readonly kind: 'box';
  /** Lower bound of each number. */
  readonly low: readonly number[];
  /** Upper bound of each number. */
  readonly high: readonly number[];
}

/** Brightness values in [0, 1], row by row, channels of a pixel adjacent: pixel (x, y) starts at (y · width + x) · channels. */
export interface ImageSpace {
  /** Names the kind of space. */
  readonly kind: 'image';
  /** Rows of pixels. */
  readonly height: number;
  /** Columns of pixels. */
  readonly width: number;
  /** Numbers per pixel. */
  readonly channels: number;
}

/** A space of observations or actions. */
export type Space = DiscreteSpace | MultiDiscreteSpace | BoxSpace | ImageSpace;

/**
 * Number of values in one element of the space.
 *
 * @example spaceSize({ kind: 'multi-discrete', nvec: [9, 9] }) // 2
 */
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

/** Number of possible values of each number of an element; undefined if they are not integers. */
export const countsOf = (space: Space): readonly number[] | undefined =>
  space.kind === 'discrete' ? [space.n] : space.kind === 'multi-discrete' ? space.nvec : undefined;
