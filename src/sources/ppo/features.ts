/** @file Observations and actions as numbers of about unit size, whatever their spaces are. */

import { type ActionDistribution, actionDistribution, type BoxSpace, countsOf, type Space, spaceSize } from '../../rl/index.ts';

/** Writes elements of a space as the inputs of a network. */
export interface Features {
  /** Numbers of one element. */
  readonly size: number;
  /** Writes the element at `from[at …]` at `out[to …]`. */
  write(from: ArrayLike<number>, at: number, out: Float32Array, to: number): void;
  /** Learns from an element what is usual; nothing where the space says that. */
  see(from: ArrayLike<number>, at: number): void;
}

/** Bounds up to here say something of the numbers between them. */
const LARGEST_BOUND = 100;

/** Deviations from the mean at which a number counts as an outlier. */
const OUTLIER = 10;

/** Integers as one-hot rows, boxes normalized, pictures as they are. Each learner has features of its own: what is usual is what it saw. */
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

/** Onto [−1, 1] by the bounds where they are of ordinary size, otherwise by the mean and deviation of all numbers so far. */
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

/** Mean and deviation of numbers that come one by one (Welford 1962). */
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

  /** 1 where the numbers so far do not differ. */
  get deviation(): number {
    const deviation = Math.sqrt(this.#squares / Math.max(1, this.#count));
    return deviation > 1e-8 ? deviation : 1;
  }
}

/** Actions as `certain` rows of their distribution: one-hot over (combinations of) integers, or the reals themselves, normalized. */
export function actionFeatures(space: Space, distribution: ActionDistribution = actionDistribution(space)): Features {
  if (space.kind === 'box') return normalized(space);
  return { size: distribution.size, write: (from, at, out, to) => distribution.certain(from, at, out, to), see() {} };
}
