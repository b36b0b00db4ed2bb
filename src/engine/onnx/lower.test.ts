import { describe, expect, it } from 'vitest';
import { failure } from '../../../test/helpers/failure.ts';
import { compareWithInterpreter } from '../../testing/engine.ts';
import { nodeExecutor } from '../executors/node.ts';
import type { Graph } from '../graph.ts';
import { add, constant, exp, input, split } from '../ops/index.ts';
import { toOnnx } from './lower.ts';

const x = input('x', [2, 2]);
const agrees = async (graph: Graph, numbers: Record<string, number[]> = { x: [1, 2, 3, 4] }) => {
  for (const error of Object.values(await compareWithInterpreter(nodeExecutor({ threads: 1 }), graph, numbers)))
    expect(error).toBeLessThan(1e-6);
};

describe('toOnnx', () => {
  it('gives equal bytes for equal graphs', () => {
    const build = () => toOnnx({ outputs: { y: add(exp(input('x', [2])), 1) } });
    expect(build()).toEqual(build());
  });

  it('lets an output be an input, a constant, or a value that has another name too', async () => {
    const y = exp(x);
    await agrees({ outputs: { same: x, fixed: constant([1, 2]), first: y, second: y, later: add(y, 1) } });
    const [left, right] = split(x, 1, 2);
    await agrees({ outputs: { right, left } });
  });

  it('keeps inputs and outputs apart from the names that it makes up', async () => {
    const odd = input('exp_0', [2]);
    await agrees({ outputs: { add_1: exp(add(exp(odd), 1)), exp_2: add(odd, 2) } }, { exp_0: [1, 2] });
    expect(() => toOnnx({ outputs: { x: exp(x) } })).toThrow(failure('E_SHAPE'));
  });
});
