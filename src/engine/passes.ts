/** @file Passes that make a graph smaller without changing its results. The verifier runs after each. */

import { type Graph, nodesOf, rewrite, verify } from './graph.ts';
import {
  BROADCAST,
  CONCAT,
  concat,
  constant,
  gemm,
  MATMUL,
  MULTIPLY,
  mul,
  PAD,
  type ProductAttributes,
  pad,
  reshape,
  SUM,
  sum,
  TRANSPOSE,
  transpose,
} from './ops/index.ts';
import { interpret } from './reference.ts';
import { sinkReshapes } from './reshapes.ts';
import { applyOne, type Node, sameShape, sizeOf, type Tensor } from './tensor.ts';

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

/** A transpose, in the simplest form: one that only moves axes of size 1 moves no numbers. */
function transposed(x: Tensor, permutation: readonly number[]): Tensor {
  if (permutation.every((axis, i) => axis === i)) return x;
  const long = permutation.filter(axis => x.shape[axis] !== 1);
  const keepsOrder = long.every((axis, i) => i === 0 || axis > long[i - 1]);
  return keepsOrder
    ? reshape(
        x,
        permutation.map(axis => x.shape[axis]),
      )
    : transpose(x, permutation);
}

/**
 * Simplifies x + 0, x · 1 and x / 1 to x, if the other operand does not widen it, and merges consecutive transposes, or removes them.
 */
export function simplify(graph: Graph): Graph {
  const neutral: Record<string, number> = { add: 0, sub: 0, mul: 1, div: 1 };
  return rewrite(graph, (node, inputs) => {
    if (node.op.name === TRANSPOSE.name) {
      const outer = permutationOf(node);
      const [source, permutation] =
        inputs[0].node.op.name === TRANSPOSE.name
          ? [inputs[0].node.inputs[0], outer.map(axis => permutationOf(inputs[0].node)[axis])]
          : [inputs[0], outer];
      return [transposed(source, permutation)];
    }
    if (!(node.op.name in neutral)) return undefined;
    const [a, b] = inputs;
    const keeps = (x: Tensor) => sizeOf(x.shape) === sizeOf(node.outputs[0].shape) && x.shape.length === node.outputs[0].shape.length;
    if (scalarOf(b) === neutral[node.op.name] && keeps(a)) return [a];
    if (['add', 'mul'].includes(node.op.name) && scalarOf(a) === neutral[node.op.name] && keeps(b)) return [b];
    return undefined;
  });
}

/** Ops whose kernels repeat an operand as fast as they read it. */
const REPEATING = ['add', 'sub', 'mul', 'div', 'maximum', 'minimum', 'less', 'equal'];

/** Reads an operand that was repeated to the shape of the other one without repeating it first. */
export function dropBroadcasts(graph: Graph): Graph {
  return rewrite(graph, (node, inputs) => {
    if (!REPEATING.includes(node.op.name)) return undefined;
    const repeated = inputs.findIndex(
      (x, i) => x.node.op.name === BROADCAST.name && sameShape(inputs[1 - i].shape, node.outputs[0].shape) && inputs[1 - i] !== x,
    );
    return repeated < 0 ? undefined : [applyOne(node.op, inputs.with(repeated, inputs[repeated].node.inputs[0]), node.attributes)];
  });
}

/**
 * Moves scalar factors out of products: (x · s) · c becomes x · (s · c), and (x · s)² becomes x² · s², where no other node reads x · s. An
 * optimizer that clips a long gradient then never writes the clipped one.
 */
export function gatherScalars(graph: Graph): Graph {
  const scaled = ({ node, shape }: Tensor) => {
    const at = node.op.name === MULTIPLY.name ? node.inputs.findIndex(({ shape }) => shape.length === 0) : -1;
    return at >= 0 && shape.length > 0 ? { x: node.inputs[1 - at], scale: node.inputs[at] } : undefined;
  };
  const elsewhere = new Set(Object.values(graph.outputs).map(({ node }) => node));
  for (const { op, inputs } of nodesOf(graph)) {
    const [a, b] = inputs;
    const absorbs = op.name === MULTIPLY.name && (a === b || inputs.some(({ shape }) => shape.length === 0));
    if (!absorbs) for (const { node } of inputs) elsewhere.add(node);
  }
  const product = (a: Tensor, b: Tensor) => {
    const known = [a, b].map(scalarOf);
    return known.every(value => value !== undefined) ? constant(known[0]! * known[1]!) : mul(a, b);
  };
  return rewrite(graph, (node, [a, b]) => {
    if (node.op.name !== MULTIPLY.name || node.outputs[0].shape.length === 0) return undefined;
    const inner = node.inputs.find(({ shape }) => shape.length > 0)!;
    const factors = elsewhere.has(inner.node) ? undefined : scaled(a.shape.length > 0 ? a : b);
    if (!factors) return undefined;
    const { x, scale } = factors;
    if (a === b) return [mul(mul(x, x), product(scale, scale))];
    const other = a.shape.length === 0 ? a : b;
    return other.shape.length === 0 ? [mul(x, product(scale, other))] : undefined;
  });
}

/** Below this many numbers, a sum takes no longer than a product. */
const LARGE = 4096;

/**
 * Turns sums over the first axes into a product of a row of ones with a matrix: the runtime's own reduction takes up to four times as long,
 * with several threads or with further axes.
 */
export function sumsToProducts(graph: Graph): Graph {
  const rowsOfOnes = new Map<number, Tensor>();
  return rewrite(graph, (node, [x]) => {
    if (node.op.name !== SUM.name) return undefined;
    const { axes, keep } = node.attributes as { axes: readonly number[]; keep: boolean };
    const leading = axes.filter((axis, i) => axis === i).length;
    const kept = x.shape.slice(leading);
    const [rows, width] = [sizeOf(x.shape.slice(0, leading)), sizeOf(kept)];
    if (rows === 1 || width === 1 || sizeOf(x.shape) < LARGE || x.dtype !== 'float32') return undefined;
    const ones = rowsOfOnes.get(rows) ?? constant(new Float32Array(rows).fill(1), [1, rows]);
    rowsOfOnes.set(rows, ones);
    const others = axes.slice(leading).map(axis => axis - leading);
    const total = sum(reshape(gemm(ones, reshape(x, [rows, width])), kept), others, keep);
    return [reshape(total, node.outputs[0].shape)];
  });
}

/** Makes one concatenation of a sum of adjacent pieces, each padded to the whole: the gradient of slices. */
export function joinPads(graph: Graph): Graph {
  return rewrite(graph, (node, inputs) => {
    if (node.op.name !== 'add' || !inputs.every(x => x.node.op.name === PAD.name)) return undefined;
    const pieces = inputs.map(({ node: { inputs, attributes } }) => ({
      piece: inputs[0],
      ...(attributes as { axis: number; before: number; after: number }),
    }));
    const [first, second] = pieces.sort((a, b) => a.before - b.before);
    const { axis } = first;
    if (axis !== second.axis || first.before + first.piece.shape[axis] !== second.before) return undefined;
    if (!sameShape(inputs[0].shape, inputs[1].shape)) return undefined;
    const parts = pieces.flatMap(({ piece }) =>
      piece.node.op.name === CONCAT.name && piece.node.attributes.axis === axis ? piece.node.inputs : [piece],
    );
    return [pad(concat(parts, axis), axis, first.before, second.after)];
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

const PASSES = {
  foldConstants,
  simplify,
  gatherScalars,
  dropBroadcasts,
  joinPads,
  sumsToProducts,
  sinkReshapes,
  foldIntoProducts,
  shareSubexpressions,
};

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
