import { describe, expect, it } from 'vitest';
import { failure } from '../../../test/helpers/failure.ts';
import { input, interpret, type Tensor } from '../../engine/index.ts';
import { initialize, Scope } from '../../nn/index.ts';
import { actionDistribution, type Space, spaceSize } from '../../rl/index.ts';
import { headChecks } from '../../testing/head.ts';
import { Random } from '../../util/random.ts';
import { actionHead, DEFAULT_HEAD, type HeadSettings } from './index.ts';

const D = 4;
const SHAPE = [2, 1, D] as const;
const BOX: Space = { kind: 'box', low: [-1, 0], high: [1, 4] };
const MOVES: Space = { kind: 'multi-discrete', nvec: [3, 2] };

const CASES: readonly (readonly [name: string, space: Space, settings: Partial<HeadSettings>])[] = [
  ['categorical, one integer', { kind: 'discrete', n: 5 }, {}],
  ['categorical, one after the other', MOVES, {}],
  ['categorical, independent', MOVES, { autoregressive: false }],
  ['categorical, three dimensions', { kind: 'multi-discrete', nvec: [2, 2, 3] }, {}],
  ['discretized, one after the other', BOX, { kind: 'discretized', bins: 3 }],
  ['discretized, independent', BOX, { kind: 'discretized', bins: 3, autoregressive: false }],
  ['gaussian', BOX, {}],
];

/** A head over random hidden states, with random weights. */
function open(space: Space, settings: Partial<HeadSettings>) {
  const head = actionHead(space, { ...DEFAULT_HEAD, ...settings });
  const scope = new Scope();
  const states = input('states', SHAPE);
  const outputs = head.outputs(scope.at('head'), states);
  const random = Random.seeded(3);
  const weights = Object.fromEntries(initialize(scope.table.values(), random));
  // Biases start at 0, which would hide their gradient's mistakes.
  for (const values of Object.values(weights)) for (let i = 0; i < values.length; i++) values[i] += 0.3 * random.normal();
  const numbers = { ...weights, states: Float32Array.from({ length: 2 * D }, () => random.normal()) };
  const { distribution } = head;
  const target = input('target', [2, 1, distribution.size]);
  const label = actionDistribution(space);
  const value = (y: Tensor, more = {}) => Array.from(interpret({ outputs: { y } }, { ...numbers, ...more }).y);
  return { head, scope, states, outputs, numbers, target, label, distribution, value };
}

describe.each(CASES)('%s', (_, space, settings) => {
  for (const { name, run } of headChecks(actionHead(space, { ...DEFAULT_HEAD, ...settings }))) it(name, run);
});

describe('decoding one after the other', () => {
  const { head, outputs, value, scope, numbers, states } = open(MOVES, {});
  const rows = value(head.rows(outputs)).slice(0, 6);
  const first = [0, 1, 2].map(a => rows[2 * a] + rows[2 * a + 1]);

  it('is a distribution whose second dimension knows the first', () => {
    expect(first.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 9);
    const second = [0, 1, 2].map(a => rows[2 * a] / first[a]);
    expect(Math.max(...second) - Math.min(...second)).toBeGreaterThan(0.02);
    const apart = open(MOVES, { autoregressive: false });
    expect(apart.distribution.size).toBe(5);
    expect(apart.head.choice).toEqual({ kind: 'categorical', autoregressive: false });
  });

  it('decides the first dimension without the second', () => {
    const names = [...scope.table.keys()].filter(name => name.startsWith('head.1'));
    expect(names.length).toBeGreaterThan(0);
    const other = Object.fromEntries(names.map(name => [name, numbers[name as 'states'].map(v => -v)]));
    const changed = interpret({ outputs: { y: head.rows(outputs) } }, { ...numbers, ...other }).y;
    expect(changed[0] + changed[1]).toBeCloseTo(first[0], 9);
    expect(Math.abs(changed[0] - rows[0])).toBeGreaterThan(1e-3);
    expect(states.shape).toEqual(SHAPE);
  });
});

describe('targets', () => {
  const written = (space: Space, settings: Partial<HeadSettings>, label: number[]) => {
    const { distribution, writeTarget } = actionHead(space, { ...DEFAULT_HEAD, ...settings });
    const out = new Float32Array(distribution.size + 2);
    writeTarget(label, 0, out, 1);
    expect([out[0], out.at(-1)]).toEqual([0, 0]);
    return Array.from(out.slice(1, -1), v => Number(v.toFixed(4)));
  };

  it('of independent integers are marginals', () => {
    expect(written(MOVES, { autoregressive: false }, [0.1, 0.2, 0.3, 0, 0, 0.4])).toEqual([0.3, 0.3, 0.4, 0.4, 0.6]);
    expect(written(MOVES, {}, [0.1, 0.2, 0.3, 0, 0, 0.4])).toEqual([0.1, 0.2, 0.3, 0, 0, 0.4]);
  });

  it('of bins are the mass nearest to each, the outermost taking what lies beyond', () => {
    const line: Space = { kind: 'box', low: [-1], high: [1] };
    const bins = (label: number[]) => written(line, { kind: 'discretized', bins: 3 }, label);
    expect(bins([0.2, 0])).toEqual([0, 1, 0]);
    expect(bins([7, 0])).toEqual([0, 0, 1]);
    expect(bins([-0.5, 1])).toEqual([0.5, 0.3413, 0.1587]);
  });

  it('of several dimensions are products, or stand side by side', () => {
    const label = [-0.5, 2, 1, 0];
    expect(written(BOX, { kind: 'discretized', bins: 3, autoregressive: false }, label)).toEqual([0.5, 0.3413, 0.1587, 0, 1, 0]);
    expect(written(BOX, { kind: 'discretized', bins: 3 }, label)).toEqual([0, 0.5, 0, 0, 0.3413, 0, 0, 0.1587, 0]);
  });
});

it('are refused for actions of another kind, and for too many combinations to list', () => {
  const settings = (kind: HeadSettings['kind']) => ({ ...DEFAULT_HEAD, kind });
  expect(() => actionHead(BOX, settings('categorical'))).toThrow(failure('E_CONFIG', 'policy.head.kind', 'categorical', 2));
  expect(() => actionHead(MOVES, settings('gaussian'))).toThrow(failure('E_CONFIG', 'policy.head.kind', 'gaussian', '3 × 2'));
  const many: Space = { kind: 'box', low: Array(6).fill(0), high: Array(6).fill(1) };
  expect(() => actionHead(many, settings('discretized'))).toThrow(failure('E_CONFIG', 1771561));
  expect(actionHead(many, { ...settings('discretized'), autoregressive: false }).distribution.size).toBe(66);
  expect(spaceSize(many)).toBe(6);
});
