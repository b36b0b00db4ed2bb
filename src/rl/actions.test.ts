import { describe, expect, it } from 'vitest';
import { failure } from '../../test/helpers/failure.ts';
import { Random } from '../util/random.ts';
import { actionDistribution, actionsOf, chooseActions, combinations, expectActions, independent, newActions } from './actions.ts';
import { actionIndex, discreteActions } from './index.ts';
import type { Space } from './spaces.ts';

const MOVES: Space = { kind: 'multi-discrete', nvec: [3, 2] };
const LINE: Space = { kind: 'box', low: [-1], high: [3] };

/** How often each action is drawn of `count`. */
function frequencies(space: Space, row: number[], count: number, noise: number): Map<string, number> {
  const { draw, width } = actionDistribution(space);
  const random = Random.seeded(11);
  const found = new Map<string, number>();
  const action = newActions(space, 1);
  for (let n = 0; n < count; n++) {
    draw(row, 0, random, action, 0, noise);
    expect(action.length).toBe(width);
    found.set(action.join(), (found.get(action.join()) ?? 0) + 1);
  }
  return found;
}

describe('a joint distribution', () => {
  it('draws its combinations as often as it says, noise being uniform over all of them', () => {
    const row = [0, 0.5, 0, 0.25, 0, 0.25];
    expect([...frequencies(MOVES, row, 200, 0).keys()].sort()).toEqual(['0,1', '1,1', '2,1']);
    const count = 6000;
    const found = frequencies(MOVES, row, count, 0.4);
    let chi = 0;
    for (const [i, p] of row.entries()) {
      const expected = (0.6 * p + 0.4 / 6) * count;
      chi += ((found.get(`${Math.floor(i / 2)},${i % 2}`) ?? 0) - expected) ** 2 / expected;
    }
    // The 0.999 quantile of χ² with 5 degrees of freedom.
    expect(chi).toBeLessThan(20.5);
  });

  it('numbers combinations as tabular models do', () => {
    const { certain, size } = actionDistribution(MOVES);
    const { of, count } = actionIndex({ id: 'moves', actionSpace: MOVES }, 'A test');
    expect(size).toBe(count);
    const out = new Float32Array(size);
    for (const action of [
      [0, 0],
      [2, 1],
      [1, 0],
    ]) {
      certain(action, 0, out, 0);
      expect(out.indexOf(1)).toBe(of(action));
      expect(out.reduce((a, b) => a + b)).toBe(1);
    }
  });

  it('is refused where there are too many combinations', () => {
    expect(() => actionDistribution({ kind: 'multi-discrete', nvec: [100, 100] })).toThrow(failure('E_CONFIG', 10000));
    expect(
      independent(MOVES, [
        [0, 1, 2],
        [0, 1],
      ]).size,
    ).toBe(5);
  });
});

describe('a Gaussian', () => {
  const { draw, uniform, mode, logProbability, size } = actionDistribution(LINE);

  it('has its mean and deviation, is clipped to the box, and is exact without deviation', () => {
    const random = Random.seeded(3);
    const out = new Float32Array(2000);
    for (let i = 0; i < out.length; i++) draw([1, 0.25], 0, random, out, i);
    const mean = out.reduce((a, b) => a + b) / out.length;
    expect(Math.abs(mean - 1)).toBeLessThan(0.03);
    expect(Math.sqrt(out.reduce((a, b) => a + (b - mean) ** 2, 0) / out.length)).toBeCloseTo(0.25, 1);
    for (let i = 0; i < out.length; i++) draw([5, 1], 0, random, out, i);
    expect([Math.max(...out) <= 3, out.includes(3)]).toEqual([true, true]);
    draw([0.5, 0], 0, random, out, 0);
    mode([-4, 1], 0, out, 1);
    expect([out[0], out[1]]).toEqual([0.5, -1]);
    expect(logProbability([1, 2], 0, [3], 0)).toBeCloseTo(-0.5 - Math.log(2) - 0.5 * Math.log(2 * Math.PI), 9);
  });

  it('knows nothing with the moments of the uniform distribution, which noise draws from', () => {
    const row = new Float32Array(size);
    uniform(row);
    expect([row[0], row[1]]).toEqual([1, Math.fround(4 / Math.sqrt(12))]);
    const random = Random.seeded(4);
    const out = new Float32Array(4000);
    for (let i = 0; i < out.length; i++) draw([0, 0], 0, random, out, i, 0.5);
    const noisy = out.filter(v => v !== 0);
    expect(Math.abs(noisy.length / out.length - 0.5)).toBeLessThan(0.03);
    for (const quarter of [0, 1, 2, 3])
      expect(Math.abs(noisy.filter(v => Math.floor(v + 1) === quarter).length / noisy.length - 0.25)).toBeLessThan(0.04);
  });
});

it('chooses for every environment from its own row', () => {
  const rows = Float32Array.of(0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0);
  const chosen = chooseActions(rows, actionDistribution(MOVES), Random.seeded(1));
  expect(chosen).toEqual(Int32Array.of(2, 1, 0, 0));
  expect(chooseActions(rows, actionDistribution(MOVES), Random.seeded(1), true)).toEqual(chosen);
});

it('checks the actions given to environments', () => {
  const check = (space: Space, ...numbers: number[]) => expectActions({ id: 'room', actionSpace: space }, actionsOf(space, numbers), 1);
  check(MOVES, 2, 1);
  check(LINE, 17);
  expect(() => check(MOVES, 2)).toThrow(failure('E_SHAPE', 2, 1));
  expect(() => check(MOVES, 2, 2)).toThrow(failure('E_SHAPE', '[0, 2)', 1, 2));
  expect(() => check(LINE, Number.NaN)).toThrow(failure('E_SHAPE', 'NaN'));
  expect(() => actionIndex({ id: 'room', actionSpace: LINE }, 'A table')).toThrow(failure('E_CONFIG', 'A table', 'room', 'box'));
  expect(() => discreteActions({ id: 'room', actionSpace: MOVES }, 'A file')).toThrow(failure('E_CONFIG', 'A file', 'room', '3 × 2'));
});

describe('combinations', () => {
  it('rewrites a row of independent dimensions as the joint distribution, and leaves one that is joint as it is', () => {
    const row = [9, 0.5, 0.3, 0.2, 0.9, 0.1];
    const out = new Float64Array(6);
    const apart = independent(MOVES, [
      [0, 1, 2],
      [0, 1],
    ]);
    combinations(apart)(row, 1, out);
    for (const [a, p] of [0.45, 0.05, 0.27, 0.03, 0.18, 0.02].entries()) expect(out[a]).toBeCloseTo(p, 12);
    combinations(actionDistribution(MOVES))([0.5, 0, 0.25, 0.25, 0, 0], 0, out);
    expect([...out]).toEqual([0.5, 0, 0.25, 0.25, 0, 0]);
  });
});
