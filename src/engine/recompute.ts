/**
 * @file Recomputation ("Training Deep Nets with Sublinear Memory Cost", Chen et al. 2016): what a part of a computation finds on its way is
 * computed again for its gradient, instead of being kept until then. It saves memory and costs one more forward pass of that part.
 */

import { topological } from './graph.ts';
import { less, select } from './ops/elementwise.ts';
import { slice } from './ops/movement.ts';
import { reshape } from './ops/structure.ts';
import { apply, type Node, nextSerial, type Tensor } from './tensor.ts';

/** A part of a graph: everything between one tensor and another. */
export interface RecomputablePart {
  /** The tensor that it depends on. */
  readonly from: Tensor;
  /** Each after its inputs; the last one gives the result. */
  readonly nodes: readonly Node[];
}

const PARTS = new WeakMap<Node, RecomputablePart>();

/** The part that a node is in; undefined if none. */
export const recomputablePart = (node: Node): RecomputablePart | undefined => PARTS.get(node);

/**
 * `compute(x)`, as a part that `grad` computes again if it is asked to. Otherwise it changes nothing.
 *
 * @param compute may read other tensors than x. What it finds on its way should have no use elsewhere, since that would keep it in memory.
 * @example
 * const w = input('w', [3, 3]);
 * const y = recomputable(input('x', [2, 3]), x => tanh(gemm(x, w)));
 * const [gradient] = grad(sum(y), [w], { recompute: true });
 */
export function recomputable(x: Tensor, compute: (x: Tensor) => Tensor): Tensor {
  const since = nextSerial();
  const y = compute(x);
  const dependent = new Set<Node>([x.node]);
  const nodes = topological([y], since).filter(node => {
    if (!node.inputs.some(tensor => dependent.has(tensor.node))) return false;
    dependent.add(node);
    return true;
  });
  const part = { from: x, nodes };
  for (const node of nodes) if (!PARTS.has(node)) PARTS.set(node, part);
  return y;
}

/** x itself, but not before `earlier` is known: or else a runtime would find that it has computed the part already. */
const after = (x: Tensor, earlier: Tensor): Tensor => select(less(reshape(slice(reshape(earlier, [-1]), 0, 0, 1), []), 0), x, x);

/** Computes parts again, each as soon as it is known what flows back to it. Gives a node as its gradient should read it. */
export function recomputing(): (node: Node, upstream: Tensor) => Pick<Node, 'inputs' | 'outputs'> {
  const repeated = new Map<RecomputablePart, (tensor: Tensor) => Tensor>();
  return (node, upstream) => {
    const part = PARTS.get(node);
    if (!part) return node;
    let again = repeated.get(part);
    if (!again) {
      const made = new Map<Node, readonly Tensor[]>();
      const from = after(part.from, upstream);
      again = tensor => (tensor === part.from ? from : (made.get(tensor.node)?.[tensor.index] ?? tensor));
      for (const each of part.nodes) made.set(each, apply(each.op, each.inputs.map(again), each.attributes));
      repeated.set(part, again);
    }
    return { inputs: node.inputs.map(again), outputs: node.outputs.map(again) };
  };
}
