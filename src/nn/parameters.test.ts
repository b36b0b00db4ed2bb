import { describe, expect, it } from 'vitest';
import { failure } from '../../test/helpers/failure.ts';
import { add, input } from '../engine/index.ts';
import { Random } from '../util/random.ts';
import { initialize, normalInit, Scope } from './parameters.ts';

describe('buffers', () => {
  it('are declared once, apart from the parameters, with first values of their own stream', () => {
    const scope = new Scope().at('norm');
    const mean = scope.buffer('mean', [3], normalInit(1));
    expect(scope.buffer('mean', [3])).toBe(mean);
    expect([[...scope.table.keys()], [...scope.buffers.keys()]]).toEqual([[], ['norm.mean']]);
    const other = new Scope();
    other.buffer('first', [2]);
    other.at('norm').buffer('mean', [3], normalInit(1));
    const values = (of: Scope) => initialize(of.buffers.values(), Random.seeded(1)).get('norm.mean');
    expect(values(other)).toEqual(values(scope));
    expect(() => scope.buffer('mean', [4])).toThrow(failure('E_SHAPE', '"norm.mean"', '[3]', '[4]'));
  });

  it('stay as they are until something is assigned, once and of the same shape', () => {
    const scope = new Scope();
    const buffer = scope.buffer('count', [2]);
    expect(scope.buffers.get('count')!.next).toBe(buffer);
    const next = add(buffer, 1);
    expect(() => scope.assign(buffer, input('x', [3]))).toThrow(failure('E_SHAPE', '"count"', 'float32[2]', 'float32[3]'));
    // From any scope of the same model.
    scope.at('deep').assign(buffer, next);
    expect(scope.buffers.get('count')!.next).toBe(next);
    expect(() => scope.assign(buffer, next)).toThrow(failure('E_SHAPE', '"count"'));
    expect(() => scope.assign(scope.parameter('p', [2]), next)).toThrow(failure('E_SHAPE'));
  });
});

describe('random inputs', () => {
  it('keep their shape, dtype and what draws them', () => {
    const scope = new Scope().at('z');
    const rows = scope.random('rows', [2, 3], random => random.integer(5), 'int32');
    expect(rows).toMatchObject({ shape: [2, 3], dtype: 'int32' });
    expect(scope.random('rows', [2, 3], () => 0, 'int32')).toBe(rows);
    const [spec] = scope.randoms.values();
    expect([spec.name, spec.draw(Random.seeded(1))]).toEqual(['z.rows', Random.seeded(1).integer(5)]);
  });

  it('share no name with a parameter or a buffer', () => {
    const scope = new Scope();
    scope.parameter('a', [1]);
    scope.buffer('b', [1]);
    expect(() => scope.random('a', [1], () => 0)).toThrow(failure('E_SHAPE', '"a"'));
    expect(() => scope.parameter('b', [1])).toThrow(failure('E_SHAPE', '"b"'));
    expect(() => scope.buffer('a', [1])).toThrow(failure('E_SHAPE', '"a"'));
  });
});
