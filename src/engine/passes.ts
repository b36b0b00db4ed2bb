/** @file Passes that make a graph smaller without changing its results. The verifier runs after each. */

import { type Graph, nodesOf, rewrite, verify } from './graph.ts';
import { constant, MATMUL, type ProductAttributes, TRANSPOSE, transpose } from './ops/index.ts';
import { interpret } from './reference.ts';
import { applyOne, type Node, sizeOf, type Tensor } from './tensor.ts';

/** Larger constants are computed at run time: folding them would only bloat the model file. */
const FOLD_LIMIT = 4096;

const isConstant = (tensor: Tensor) => tensor.node.op.name === 'constant';

/** The value of a scalar constant, or undefined. */
const scalarOf = (tensor: Tensor): number | undefined =>
  isConstant(tensor) && sizeOf(tensor.shape) === 1 ? (tensor.node.attributes.data as ArrayLike<number>)[0] : undefined;

/** Evaluates nodes whose inputs are all constants. */
export function foldConstants(graph: Graph): Graph {
  return rewrite(graph, (node, inputs) => {
    const small = node.outputs.every(output => sizeOf(output.shape) <= FOLD_LIMIT);
    if (inputs.length === 0 || !small || !inputs.every(isConstant)) return undefined;
    return node.outputs.map(({ index, shape, dtype }) => {
      const folded = { ...node.outputs[index], node: { ...node, inputs } };
      return constant(interpret({ outputs: { folded } }, {}).folded, shape, dtype);
    });
  });
}

const permutationOf = (node: Node) => node.attributes.permutation as readonly number[];

/** Simplifies x + 0, x · 1 and x / 1 to x, if the other operand does not widen it, and merges or removes consecutive transposes. */
export function simplify(graph: Graph): Graph {
  const neutral: Record<string, number> = { add: 0, sub: 0, mul: 1, div: 1 };
  return rewrite(graph, (node, inputs) => {
    if (node.op.name === TRANSPOSE.name) {
      const outer = permutationOf(node);
      const [source, permutation] =
        inputs[0].node.op.name === TRANSPOSE.name
          ? [inputs[0].node.inputs[0], outer.map(axis => permutationOf(inputs[0].node)[axis])]
          : [inputs[0], outer];
      return [permutation.every((axis, i) => axis === i) ? source : transpose(source, permutation)];
    }
    if (!(node.op.name in neutral)) return undefined;
    const [a, b] = inputs;
    const keeps = (x: Tensor) => sizeOf(x.shape) === sizeOf(node.outputs[0].shape) && x.shape.length === node.outputs[0].shape.length;
    if (scalarOf(b) === neutral[node.op.name] && keeps(a)) return [a];
    if (['add', 'mul'].includes(node.op.name) && scalarOf(a) === neutral[node.op.name] && keeps(b)) return [b];
    return undefined;
  });
}

/** Merges equal nodes with equal inputs. */
export function shareSubexpressions(graph: Graph): Graph {
  const ids = new Map<object, number>();
  const idOf = (thing: object) => ids.get(thing) ?? ids.set(thing, ids.size).get(thing)!;
  const seen = new Map<string, readonly Tensor[]>();
  return rewrite(graph, (node, inputs) => {
    const data = node.attributes.data as ArrayLike<number> | undefined;
    const content = data && (data.length <= 64 ? Array.from(data).join() : `#${idOf(data as object)}`);
    const type = node.outputs.map(output => `${output.dtype}${output.shape.join('x')}`).join();
    const operands = inputs.map(tensor => `${idOf(tensor.node)}.${tensor.index}`).join();
    const key = `${node.op.name}(${operands}) ${content ?? JSON.stringify(node.attributes)} ${type}`;
    const earlier = seen.get(key);
    if (earlier) return earlier;
    const fresh = inputs.every((tensor, i) => tensor === node.inputs[i]) ? node.outputs : rebuild(node, inputs);
    seen.set(key, fresh);
    return fresh;
  });
}

function rebuild(node: Node, inputs: readonly Tensor[]): readonly Tensor[] {
  const outputs: Tensor[] = [];
  const copy: Node = { ...node, inputs, outputs };
  for (const output of node.outputs) outputs.push({ ...output, node: copy });
  return outputs;
}

/** Turns swaps of the last two axes, and scaling by a constant, into flags of an adjacent matrix product. */
export function foldIntoProducts(graph: Graph): Graph {
  const uses = new Map<Node, number>();
  for (const node of nodesOf(graph)) for (const { node: used } of node.inputs) uses.set(used, (uses.get(used) ?? 0) + 1);
  for (const { node } of Object.values(graph.outputs)) uses.set(node, (uses.get(node) ?? 0) + 1);
  const swapsLast = ({ node }: Tensor) => {
    if (node.op.name !== TRANSPOSE.name) return false;
    const permutation = permutationOf(node);
    const rank = permutation.length;
    return permutation.every((axis, i) => axis === (i === rank - 1 ? rank - 2 : i === rank - 2 ? rank - 1 : i));
  };
  const single = new Set<Node>();
  return rewrite(graph, (node, inputs) => {
    const remember = (outputs: readonly Tensor[]) => {
      if (uses.get(node) === 1) single.add(outputs[0].node);
      return outputs;
    };
    if (node.op.name === 'gemm' || node.op.name === MATMUL.name) {
      const attributes = { ...(node.attributes as unknown as ProductAttributes) };
      let [a, b, ...bias] = inputs;
      while (swapsLast(a)) [a, attributes.transposeA] = [a.node.inputs[0], !attributes.transposeA];
      while (swapsLast(b)) [b, attributes.transposeB] = [b.node.inputs[0], !attributes.transposeB];
      return remember([applyOne(node.op, [a, b, ...bias], attributes)]);
    }
    if (node.op.name === 'mul') {
      const [product, factor] = scalarOf(inputs[1]) === undefined ? [inputs[1], scalarOf(inputs[0])] : [inputs[0], scalarOf(inputs[1])];
      const fits =
        factor !== undefined &&
        single.has(product.node) &&
        product.node.inputs.length === 2 &&
        product.shape.length === node.outputs[0].shape.length;
      if (!fits) return undefined;
      const attributes = product.node.attributes as unknown as ProductAttributes;
      return remember([applyOne(product.node.op, product.node.inputs, { ...attributes, alpha: attributes.alpha * factor })]);
    }
    return undefined;
  });
}

const PASSES = { foldConstants, simplify, foldIntoProducts, shareSubexpressions };

/** Runs every pass once. Dead code needs no pass: a graph contains only what its outputs depend on. */
export function optimize(graph: Graph): Graph {
  verify(graph, 'building');
  let current = graph;
  for (const [name, pass] of Object.entries(PASSES)) {
    current = pass(current);
    verify(current, name);
  }
  return current;
}
