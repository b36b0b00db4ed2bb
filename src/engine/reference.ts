/** @file The reference interpreter: every op in plain float64. Slow and simple; tests compare the executors with it. */

import { invariant } from '../util/errors.ts';
import { type Graph, nodesOf } from './graph.ts';
import { formatType, type Node, type ReferenceValue, sizeOf, type Tensor } from './tensor.ts';

/**
 * Evaluates the graph's outputs in float64.
 *
 * @param feeds row-major numbers of every input, by name.
 * @throws {CadenzaError} `E_SHAPE` if an input is missing or has the wrong length.
 * @example interpret({ outputs: { y: mul(input('x', [2]), 3) } }, { x: [1, 2] }).y // Float64Array [3, 6]
 */
export function interpret(graph: Graph, feeds: Readonly<Record<string, ArrayLike<number>>>): Record<string, Float64Array> {
  const values = new Map<Node, ReferenceValue[]>();
  const read = (tensor: Tensor) => values.get(tensor.node)![tensor.index];
  for (const node of nodesOf(graph)) {
    const name = node.op.name === 'input' ? (node.attributes.name as string) : undefined;
    const fed = name !== undefined && Object.hasOwn(feeds, name) ? feeds[name] : undefined;
    if (fed) {
      const [type] = node.outputs;
      invariant(fed.length === sizeOf(type.shape), `input "${name}": expected ${formatType(type)}, got ${fed.length} numbers.`);
    }
    const data = fed ? [Float64Array.from(fed)] : node.op.reference(node.inputs.map(read), node.attributes, node.outputs);
    values.set(
      node,
      node.outputs.map(({ shape, dtype }, i) => ({ shape, dtype, data: data[i] })),
    );
  }
  return Object.fromEntries(Object.entries(graph.outputs).map(([output, tensor]) => [output, read(tensor).data]));
}
