/** @file Checks for code built on the engine: `grad` against finite differences, an executor against the interpreter. */

import type { Data, Executor, Feeds, HostTensor } from '../engine/executors/executor.ts';
import { newData } from '../engine/executors/executor.ts';
import { grad } from '../engine/grad.ts';
import { type Graph, inputsOf } from '../engine/graph.ts';
import { toOnnx } from '../engine/onnx/lower.ts';
import { mul } from '../engine/ops/elementwise.ts';
import { input, sum } from '../engine/ops/structure.ts';
import { interpret } from '../engine/reference.ts';
import { sizeOf, type Tensor } from '../engine/tensor.ts';

/** Row-major numbers of a graph's inputs, by name. */
export type Numbers = Readonly<Record<string, ArrayLike<number>>>;

/** Converts plain numbers to feeds for a graph's inputs. */
export function hostFeeds(graph: Graph, numbers: Numbers): Feeds {
  const feeds: Record<string, HostTensor> = {};
  for (const [name, { shape, dtype }] of inputsOf(graph)) {
    const data: Data = newData(dtype, sizeOf(shape));
    data.set(numbers[name]);
    feeds[name] = { data, shape, dtype };
  }
  return feeds;
}

/** Largest |a − b| / (1 + |b|) over all entries; NaN if only one of two entries is NaN. */
export function largestError(found: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (found.length !== expected.length) return Number.NaN;
  let worst = 0;
  for (let i = 0; i < expected.length; i++) {
    const error = found[i] === expected[i] ? 0 : Math.abs(found[i] - expected[i]) / (1 + Math.abs(expected[i]));
    if (!(error <= worst)) worst = error;
    if (Number.isNaN(worst)) return worst;
  }
  return worst;
}

/** Runs the graph on the executor and in the interpreter, and returns the largest error of each output. */
export async function compareWithInterpreter(
  executor: Executor,
  graph: Graph,
  numbers: Numbers,
  options: { standard?: boolean } = {},
): Promise<Record<string, number>> {
  const program = await executor.compile(toOnnx(graph, options));
  const found = await program.run(hostFeeds(graph, numbers), Object.keys(graph.outputs));
  await program.dispose();
  const expected = interpret(graph, numbers);
  return Object.fromEntries(Object.entries(expected).map(([name, data]) => [name, largestError(found[name].data, data)]));
}

const UPSTREAM = 'upstream';

/** d(Σ upstream · y)/dx for each of `inputs`, as a graph with the additional input `upstream`. */
export function pullback(y: Tensor, inputs: readonly Tensor[]): Graph {
  const gradients = grad(sum(mul(y, input(UPSTREAM, y.shape))), inputs);
  return { outputs: Object.fromEntries(gradients.map((gradient, i) => [`d${i}`, gradient])) };
}

/**
 * Compares the Jacobian of y by each input, computed by `grad` and by central differences, both in float64, and returns the largest error.
 * The numbers should be at least `step` away from every kink.
 */
export function jacobianError(y: Tensor, inputs: readonly Tensor[], numbers: Numbers, step = 1e-5): number {
  const backward = pullback(y, inputs);
  const size = sizeOf(y.shape);
  const rows = Array.from({ length: size }, (_, i) => {
    const upstream = new Float64Array(size);
    upstream[i] = 1;
    return interpret(backward, { ...numbers, [UPSTREAM]: upstream });
  });
  let worst = 0;
  for (const [i, x] of inputs.entries()) {
    const name = x.node.attributes.name as string;
    for (let at = 0; at < sizeOf(x.shape); at++) {
      const [above, below] = [step, -step].map(delta => {
        const moved = Float64Array.from(numbers[name]);
        moved[at] += delta;
        return interpret({ outputs: { y } }, { ...numbers, [name]: moved }).y;
      });
      const expected = above.map((v, j) => (v - below[j]) / (2 * step));
      const error = largestError(
        Float64Array.from(rows, row => row[`d${i}`][at]),
        expected,
      );
      if (!(error <= worst)) worst = error;
    }
  }
  return worst;
}
