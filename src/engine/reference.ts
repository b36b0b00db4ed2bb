/** @file The reference interpreter: every op in plain float64. Slow and simple, so that the fast path has something to be held against. */

import { type Graph, nodesOf } from './graph.ts';
import type { Node, ReferenceValue, Tensor } from './tensor.ts';

/** Evaluates the graph's outputs for the given inputs. Throws `E_SHAPE` when an input is missing. */
export function interpret(graph: Graph, feeds: Readonly<Record<string, ArrayLike<number>>>): Record<string, Float64Array> {
  const values = new Map<Node, ReferenceValue[]>();
  const read = (tensor: Tensor) => values.get(tensor.node)![tensor.index];
  for (const node of nodesOf(graph)) {
    const name = node.op.name === 'input' ? (node.attributes.name as string) : undefined;
    const data =
      name !== undefined && name in feeds
        ? [Float64Array.from(feeds[name])]
        : node.op.reference(node.inputs.map(read), node.attributes, node.outputs);
    values.set(
      node,
      node.outputs.map(({ shape, dtype }, i) => ({ shape, dtype, data: data[i] })),
    );
  }
  return Object.fromEntries(Object.entries(graph.outputs).map(([output, tensor]) => [output, read(tensor).data]));
}
