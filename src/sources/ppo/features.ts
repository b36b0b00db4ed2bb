/** @file Observations and actions as numbers of about unit scale, for any space. */

import { type ActionDistribution, actionDistribution, type BoxSpace, countsOf, type Space, spaceSize } from '../../rl/index.ts';

/** Converts elements of a space to network inputs. */
export interface Features {
  /** Number of inputs per element. */
  readonly size: number;
  /** Writes the element at `from[at …]` to `out[to …]`. */
  write(from: ArrayLike<number>, at: number, out: Float32Array, to: number): void;
  /** Updates normalization statistics with an element; no effect if the space determines the scale. */
  see(from: ArrayLike<number>, at: number): void;
}

/** Bounds up to this size are used for scaling. */
const LARGEST_BOUND = 100;

/** Number of standard deviations from the mean beyond which a number is an outlier. */
const OUTLIER = 10;

/**
 * One-hot rows for integers, normalized boxes, images unchanged. Each learner has its own features, because their statistics depend on what
 * it observed.
 */
export function features(space: Space): Features {
  const counts = countsOf(space);
  if (counts) return oneHot(counts);
  if (space.kind === 'box') return normalized(space);
  const size = spaceSize(space);
  return {
    size,
    write(from, at, out, to) {
      for (let i = 0; i < size; i++) out[to + i] = from[at + i];
    },
    see() {},
  };
}

function oneHot(counts: readonly number[]): Features {
  const starts = counts.map((_, i) => counts.slice(0, i).reduce((sum, n) => sum + n, 0));
  const size = starts.at(-1)! + counts.at(-1)!;
  return {
    size,
    write(from, at, out, to) {
      out.fill(0, to, to + size);
      for (let i = 0; i < starts.length; i++) out[to + starts[i] + from[at + i]] = 1;
    },
    see() {},
  };
}

/** Scales to [−1, 1] by the bounds if they are moderate, otherwise by the mean and standard deviation of all numbers so far. */
function normalized({ low, high }: BoxSpace): Features {
  const size = low.length;
  const bounded = low.map((least, i) => least < high[i] && Math.max(Math.abs(least), Math.abs(high[i])) <= LARGEST_BOUND);
  const running = low.map(() => new RunningMoments());
  return {
    size,
    write(from, at, out, to) {
      for (let i = 0; i < size; i++) {
        const x = from[at + i];
        if (bounded[i]) out[to + i] = (2 * (x - low[i])) / (high[i] - low[i]) - 1;
        else out[to + i] = Math.min(OUTLIER, Math.max(-OUTLIER, (x - running[i].mean) / running[i].deviation));
      }
    },
    see(from, at) {
      for (let i = 0; i < size; i++) if (!bounded[i]) running[i].add(from[at + i]);
    },
  };
}

/** Running mean and standard deviation (Welford 1962). */
export class RunningMoments {
  mean = 0;
  #count = 0;
  #squares = 0;

  add(x: number): void {
    this.#count++;
    const before = x - this.mean;
    this.mean += before / this.#count;
    this.#squares += before * (x - this.mean);
  }

  /** 1 if the numbers so far are all equal. */
  get deviation(): number {
    const deviation = Math.sqrt(this.#squares / Math.max(1, this.#count));
    return deviation > 1e-8 ? deviation : 1;
  }
}

/** Actions as `certain` rows of their distribution: one-hot over (combinations of) integers, or the normalized reals. */
export function actionFeatures(space: Space, distribution: ActionDistribution = actionDistribution(space)): Features {
  if (space.kind === 'box') return normalized(space);
  return { size: distribution.size, write: (from, at, out, to) => distribution.certain(from, at, out, to), see() {} };
}
