/**
 * @file Actions of every kind of space, and distributions over them as rows of numbers: what sources record, what a policy returns, what
 * actions are sampled from. A joint distribution over several dimensions lists every combination, the last dimension fastest. Shape key: W
 * numbers per action, P numbers per distribution.
 */

import { CadenzaError, invariant } from '../util/errors.ts';
import type { Random } from '../util/random.ts';
import { type BoxSpace, countsOf, type Space, spaceSize } from './spaces.ts';

/** Concatenated actions, [count × W]: integers, or reals if the space is a box. */
export type Actions = Int32Array | Float32Array;

/** A kind of distribution over the actions of a space. */
export interface ActionDistribution {
  /** The action space. */
  readonly space: Space;
  /** Numbers per action (W). */
  readonly width: number;
  /** Numbers per distribution (P). */
  readonly size: number;
  /** Samples from (1 − noise) · p + noise · uniform, where p is the row at `row[at …]`, and writes the action to `out[to …]`. */
  draw(row: ArrayLike<number>, at: number, random: Random, out: Actions, to: number, noise?: number): void;
  /** Writes the most likely action to `out[to …]`. */
  mode(row: ArrayLike<number>, at: number, out: Actions, to: number): void;
  /** Log-probability (log-density for reals) of the action at `action[from …]`. */
  logProbability(row: ArrayLike<number>, at: number, action: ArrayLike<number>, from: number): number;
  /** Writes the row that puts all probability on the action at `action[from …]`. */
  certain(action: ArrayLike<number>, from: number, out: Float32Array, at: number): void;
  /** Writes the uninformed row: uniform over actions; for reals a Gaussian with the mean and deviation of the uniform distribution. */
  uniform(out: Float32Array): void;
}

/** Zeros for `count` actions of a space, [count × W]. */
export const newActions = (space: Space, count: number): Actions =>
  space.kind === 'box' ? new Float32Array(count * spaceSize(space)) : new Int32Array(count * spaceSize(space));

/** The actions of a space with these numbers. */
export const actionsOf = (space: Space, numbers: Iterable<number>): Actions =>
  space.kind === 'box' ? Float32Array.from(numbers) : Int32Array.from(numbers);

/** Maximum number of combinations that a joint distribution may list. */
const MOST_JOINT = 4096;

/**
 * The distribution that sources record: probabilities of all (combinations of) integers, or mean and deviation of every number for a box.
 *
 * @throws {CadenzaError} `E_CONFIG` for an image space or too many combinations.
 * @example
 * const distribution = actionDistribution({ kind: 'discrete', n: 4 });
 * distribution.size; // 4: one probability per action
 */
export function actionDistribution(space: Space): ActionDistribution {
  const counts = countsOf(space);
  if (counts) {
    expectListable(counts);
    return joint(space, counts.map(integers));
  }
  if (space.kind === 'box') return gaussian(space);
  throw new CadenzaError('E_CONFIG', 'actions cannot be images; expected a discrete, a multi-discrete or a box space.');
}

/** Number of combinations of these dimensions. Throws `E_CONFIG` if there are too many to list. */
function expectListable(counts: readonly number[]): number {
  const size = counts.reduce((product, count) => product * count, 1);
  if (size <= MOST_JOINT) return size;
  const what = `actions of ${counts.length} dimensions have ${size} combinations, but a joint distribution can list at most ${MOST_JOINT}`;
  throw new CadenzaError('E_CONFIG', `${what}. Use fewer values per dimension, or independent dimensions.`);
}

/** 0 … n − 1. */
const integers = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

/**
 * Probabilities of every combination of `values[0]`, `values[1]`, …: P is the product of their lengths.
 *
 * @throws {CadenzaError} `E_CONFIG` if there are too many combinations to list.
 */
export function joint(space: Space, values: readonly (readonly number[])[]): ActionDistribution {
  const size = expectListable(values.map(({ length }) => length));
  const noisy = new Float32Array(size);
  const write = (index: number, out: Actions, to: number) => {
    let rest = index;
    for (let i = values.length - 1; i >= 0; i--) {
      out[to + i] = values[i][rest % values[i].length];
      rest = Math.floor(rest / values[i].length);
    }
  };
  const indexOf = (action: ArrayLike<number>, from: number) =>
    values.reduce((before, each, i) => before * each.length + nearest(each, action[from + i]), 0);
  return {
    space,
    width: values.length,
    size,
    draw(row, at, random, out, to, noise = 0) {
      if (noise === 0) {
        write(random.categorical(row, at, size), out, to);
        return;
      }
      for (let a = 0; a < size; a++) noisy[a] = row[at + a];
      mixUniform(noisy, noise);
      write(random.categorical(noisy, 0, size), out, to);
    },
    mode: (row, at, out, to) => write(likeliest(row, at, size), out, to),
    logProbability: (row, at, action, from) => Math.log(row[at + indexOf(action, from)]),
    certain(action, from, out, at) {
      out.fill(0, at, at + size);
      out[at + indexOf(action, from)] = 1;
    },
    uniform: out => void out.fill(1 / size),
  };
}

/**
 * Converts rows of a distribution over integers to the form that sources record: the probability of every combination, [P] at `out[0 …]`.
 *
 * @throws {CadenzaError} `E_CONFIG` if there are too many combinations to list.
 */
export function combinations({
  space,
  logProbability,
}: ActionDistribution): (row: ArrayLike<number>, at: number, out: Float64Array) => void {
  const { size, mode } = actionDistribution(space);
  const actions = Array.from({ length: size }, (_, index) => {
    const action = newActions(space, 1);
    const certainly = Float32Array.from({ length: size }, (_, a) => Number(a === index));
    mode(certainly, 0, action, 0);
    return action;
  });
  return (row, at, out) => {
    for (const [a, action] of actions.entries()) out[a] = Math.exp(logProbability(row, at, action, 0));
  };
}

/**
 * Probabilities of the `values` of every dimension, concatenated: P is the sum of their lengths. Dimensions are sampled independently.
 *
 * @throws {CadenzaError} `E_CONFIG` if there are too many combinations to list.
 */
export function independent(space: Space, values: readonly (readonly number[])[]): ActionDistribution {
  const starts = values.map((_, i) => values.slice(0, i).reduce((sum, { length }) => sum + length, 0));
  const each = values.map(own => joint(space, [own]));
  const size = starts.at(-1)! + values.at(-1)!.length;
  return {
    space,
    width: values.length,
    size,
    draw(row, at, random, out, to, noise) {
      for (const [i, own] of each.entries()) own.draw(row, at + starts[i], random, out, to + i, noise);
    },
    mode(row, at, out, to) {
      for (const [i, own] of each.entries()) own.mode(row, at + starts[i], out, to + i);
    },
    logProbability: (row, at, action, from) =>
      each.reduce((sum, own, i) => sum + own.logProbability(row, at + starts[i], action, from + i), 0),
    certain(action, from, out, at) {
      for (const [i, own] of each.entries()) own.certain(action, from + i, out, at + starts[i]);
    },
    uniform(out) {
      for (const [i, own] of each.entries()) own.uniform(out.subarray(starts[i], starts[i] + own.size));
    },
  };
}

/** Lower bound on standard deviations, so that a density exists. */
export const LEAST_DEVIATION = 1e-6;

/**
 * Mean and standard deviation of every number, P = 2 W: all means, then all deviations (0: exactly the mean). Samples are clipped to the
 * box.
 */
export function gaussian(space: BoxSpace): ActionDistribution {
  const { low, high } = space;
  const width = low.length;
  const clipped = (x: number, i: number) => Math.min(high[i], Math.max(low[i], x));
  return {
    space,
    width,
    size: 2 * width,
    draw(row, at, random, out, to, noise = 0) {
      const blind = noise > 0 && random.uniform() < noise;
      for (let i = 0; i < width; i++) {
        out[to + i] = blind
          ? low[i] + (high[i] - low[i]) * random.uniform()
          : clipped(row[at + i] + row[at + width + i] * random.normal(), i);
      }
    },
    mode(row, at, out, to) {
      for (let i = 0; i < width; i++) out[to + i] = clipped(row[at + i], i);
    },
    logProbability(row, at, action, from) {
      let total = 0;
      for (let i = 0; i < width; i++) {
        const deviation = Math.max(LEAST_DEVIATION, row[at + width + i]);
        const z = (action[from + i] - row[at + i]) / deviation;
        total -= 0.5 * (z * z + Math.log(2 * Math.PI)) + Math.log(deviation);
      }
      return total;
    },
    certain(action, from, out, at) {
      for (let i = 0; i < width; i++) {
        out[at + i] = action[from + i];
        out[at + width + i] = 0;
      }
    },
    uniform(out) {
      for (let i = 0; i < width; i++) {
        out[i] = (low[i] + high[i]) / 2;
        out[width + i] = (high[i] - low[i]) / Math.sqrt(12);
      }
    },
  };
}

/** Index of the largest of `size` numbers; the first if several are equal. */
export function likeliest(row: ArrayLike<number>, at: number, size: number): number {
  let best = 0;
  for (let a = 1; a < size; a++) if (row[at + a] > row[at + best]) best = a;
  return best;
}

/** Index of the value closest to x. */
function nearest(values: readonly number[], x: number): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) if (Math.abs(values[i] - x) < Math.abs(values[best] - x)) best = i;
  return best;
}

/** Mixes a share of the uniform distribution into probabilities, in place. */
export function mixUniform(out: Float32Array, share: number): void {
  for (let a = 0; a < out.length; a++) out[a] = (1 - share) * out[a] + share / out.length;
}

/**
 * Samples one action per environment from [size × P] rows of a distribution, or takes the most likely one if `greedy`.
 *
 * @returns [size × W]
 * @throws {CadenzaError} `E_SHAPE` for an incomplete row, `E_NUMERICS` for a number that is not finite.
 * @example chooseActions(await policy.act(observation), policy.actions, random)
 */
export function chooseActions(rows: Float32Array, distribution: ActionDistribution, random: Random, greedy = false): Actions {
  const { size, width, space } = distribution;
  const count = rows.length / size;
  invariant(Number.isInteger(count), `chooseActions: expected rows of ${size} numbers, got ${rows.length} numbers.`);
  const bad = rows.find(p => !Number.isFinite(p));
  if (bad !== undefined) throw new CadenzaError('E_NUMERICS', `chooseActions: expected finite numbers of a distribution, got ${bad}.`);
  const chosen = newActions(space, count);
  for (let i = 0; i < count; i++) {
    if (greedy) distribution.mode(rows, i * size, chosen, i * width);
    else distribution.draw(rows, i * size, random, chosen, i * width);
  }
  return chosen;
}

/**
 * Checks actions for an environment: [size × W] of the family's space, integers in range or finite reals.
 *
 * @throws {CadenzaError} `E_SHAPE` otherwise.
 */
export function expectActions({ id, actionSpace: space }: { id: string; actionSpace: Space }, actions: Actions, size: number): void {
  const width = spaceSize(space);
  if (actions.length !== size * width) {
    const each = width === 1 ? 'one per environment' : `${width} numbers per environment`;
    throw new CadenzaError('E_SHAPE', `${id}: expected ${size * width} actions, ${each}, but got ${actions.length}.`);
  }
  const below = countsOf(space);
  // Messages are written only on failure: this runs at every step.
  for (let i = 0; i < actions.length; i++) {
    const action = actions[i];
    const n = below === undefined ? undefined : below[i % width];
    const valid = n === undefined ? Number.isFinite(action) : action >= 0 && action < n;
    if (valid) continue;
    const wanted = n === undefined ? 'finite actions' : `actions in [0, ${n})`;
    throw new CadenzaError('E_SHAPE', `${id}: expected ${wanted}, but action ${i} is ${action}.`);
  }
}

/** The actions of a space in words, such as "5 actions". */
export function describeActions(space: Space): string {
  if (space.kind === 'discrete') return `${space.n} actions`;
  return space.kind === 'multi-discrete' ? `${space.nvec.join(' × ')} actions` : `actions of ${spaceSize(space)} real numbers`;
}
