/** @file The contract of executors: the numbers of the graph, independent of earlier runs. */

import {
  add,
  cast,
  type Executor,
  grad,
  type HostTensor,
  input,
  less,
  matmul,
  mul,
  type Program,
  softmax,
  square,
  sum,
  type Tensor,
  toOnnx,
  zeros,
} from '../engine/index.ts';
import { Random } from '../util/random.ts';
import { type Check, checksOf, expectEqual, expectRefusal, expectThat, normals, type Rule } from './check.ts';
import { compareWithInterpreter } from './engine.ts';

const host = (data: number[]): HostTensor => ({ data: Float32Array.from(data), shape: [2, 2], dtype: 'float32' });
const x = input('x', [2, 2]);

/** Compiles outputs, and disposes of the program at the end. */
async function withProgram(executor: Executor, outputs: Record<string, Tensor>, use: (program: Program) => Promise<void>): Promise<void> {
  const program = await executor.compile(toOnnx({ outputs }));
  try {
    await use(program);
  } finally {
    await program.dispose();
  }
}

const RULES: readonly Rule<Executor>[] = [
  {
    name: 'outputs: the requested ones, with their shapes and types',
    check: executor =>
      withProgram(executor, { square: matmul(x, x), total: sum(add(x, 1)), whole: cast(x, 'int32'), small: less(x, 3) }, async program => {
        const found = await program.run({ x: host([1, 2, 3, 4]) }, ['square', 'total', 'whole', 'small']);
        const expected = {
          square: { data: [7, 10, 15, 22], shape: [2, 2], dtype: 'float32' },
          total: { data: [14], shape: [], dtype: 'float32' },
          whole: { data: [1, 2, 3, 4], shape: [2, 2], dtype: 'int32' },
          small: { data: [1, 1, 0, 0], shape: [2, 2], dtype: 'bool' },
        };
        const plain = Object.entries(found).map(([name, { data, shape, dtype }]) => [
          name,
          { data: Array.from(data), shape: [...shape], dtype },
        ]);
        expectEqual(Object.fromEntries(plain), expected, 'outputs');
        for (const [name, type] of [
          ['square', Float32Array],
          ['whole', Int32Array],
          ['small', Uint8Array],
        ] as const)
          expectThat(found[name].data instanceof type, `data of ${name}`, type.name, found[name].data);
        expectEqual(Object.keys(await program.run({ x: host([1, 2, 3, 4]) }, ['total'])), ['total'], 'names of one output');
      }),
  },
  {
    name: 'feeds: earlier contents of a tensor have no effect',
    check: executor =>
      withProgram(executor, { double: mul(x, 2) }, async program => {
        const feed = host([0, 0, 0, 0]);
        await program.run({ x: feed }, ['double']);
        feed.data.set([1, 0, 0, 5]);
        const { double } = await program.run({ x: feed }, ['double']);
        expectEqual(Array.from(double.data), [2, 0, 0, 10], 'output of the second run');
      }),
  },
  {
    name: 'into: the result is returned, whether or not the given buffers are filled',
    check: executor =>
      withProgram(executor, { square: matmul(x, x), double: mul(x, 2) }, async program => {
        const { square, double } = await program.run({ x: host([2, 0, 0, 3]) }, ['square', 'double'], { square: zeros([2, 2]) });
        expectEqual(
          [square, double].map(({ data }) => Array.from(data)),
          [
            [4, 0, 0, 9],
            [4, 0, 0, 6],
          ],
          'outputs',
        );
      }),
  },
  {
    name: 'numbers: a training step equals that of the interpreter',
    async check(executor) {
      const [data, weight] = [input('data', [5, 8]), input('weight', [8, 6])];
      const loss = sum(square(softmax(matmul(data, weight))));
      const random = Random.seeded(1);
      const feeds = { data: normals(40, random), weight: normals(48, random) };
      for (const standard of [false, true]) {
        const errors = await compareWithInterpreter(executor, { outputs: { loss, gradient: grad(loss, [weight])[0] } }, feeds, {
          standard,
        });
        for (const [name, error] of Object.entries(errors))
          expectThat(error < 1e-5, `relative error of ${name}`, 'less than 0.00001', error);
      }
    },
  },
  {
    name: 'load: an invalid model throws E_EXECUTOR',
    check: executor => expectRefusal('E_EXECUTOR', 'a model of three bytes', () => executor.compile(Uint8Array.of(1, 2, 3))),
  },
];

/**
 * The contract of executors.
 *
 * @example
 * import { test } from 'node:test';
 * for (const { name, run } of executorChecks(myExecutor())) test(name, run);
 */
export const executorChecks = (executor: Executor): Check[] => checksOf(RULES, executor);
