/** @file Matrix products. Transposes, a scale and a bias are part of the kernel. */

import { invariant } from '../../util/errors.ts';
import type { LoweringContext } from '../tensor.ts';
import {
  applyOne,
  formatType,
  type Node,
  type OpRecord,
  type ReferenceValue,
  sameShape,
  sizeOf,
  type Tensor,
  type TensorType,
} from '../tensor.ts';
import { broadcastTo, repeatedRow, reshape, sumTo } from './structure.ts';

/** Attributes of a matrix product alpha · op(A) op(B). */
export interface ProductAttributes extends Record<string, unknown> {
  /** Whether A is transposed. */
  readonly transposeA: boolean;
  /** Whether B is transposed. */
  readonly transposeB: boolean;
  /** Factor on the product. */
  readonly alpha: number;
}

const PLAIN: ProductAttributes = { transposeA: false, transposeB: false, alpha: 1 };

/** Sizes [.., M, K] and [.., K, N] after the transposes. */
function productDims(a: TensorType, b: TensorType, { transposeA, transposeB }: ProductAttributes, what: string) {
  const [m, k] = transposeA ? [a.shape.at(-1)!, a.shape.at(-2)!] : [a.shape.at(-2)!, a.shape.at(-1)!];
  const [k2, n] = transposeB ? [b.shape.at(-1)!, b.shape.at(-2)!] : [b.shape.at(-2)!, b.shape.at(-1)!];
  const batch = a.shape.slice(0, -2);
  invariant(
    k === k2 && a.shape.length >= 2 && sameShape(batch, b.shape.slice(0, -2)) && a.dtype === 'float32' && b.dtype === 'float32',
    `${what}: ${formatType(a)}${transposeA ? ' transposed' : ''} and ${formatType(b)}${transposeB ? ' transposed' : ''} cannot be multiplied.`,
  );
  return { batch, m, k, n };
}

function productReference(a: ReferenceValue, b: ReferenceValue, attributes: ProductAttributes): Float64Array {
  const { batch, m, k, n } = productDims(a, b, attributes, 'product');
  const [aRow, aCol] = attributes.transposeA ? [1, m] : [k, 1];
  const [bRow, bCol] = attributes.transposeB ? [1, k] : [n, 1];
  const out = new Float64Array(sizeOf(batch) * m * n);
  for (let s = 0; s < sizeOf(batch); s++)
    for (let i = 0; i < m; i++)
      for (let p = 0; p < k; p++) {
        const left = attributes.alpha * a.data[s * m * k + i * aRow + p * aCol];
        for (let j = 0; j < n; j++) out[s * m * n + i * n + j] += left * b.data[s * k * n + p * bRow + j * bCol];
      }
  return out;
}

/** Gradients of alpha · op(A) op(B): each is one more product with flags, whatever was transposed. */
function productGradients(
  product: typeof matmul,
  g: Tensor,
  a: Tensor,
  b: Tensor,
  { transposeA, transposeB, alpha }: ProductAttributes,
): [Tensor, Tensor] {
  const da = transposeA
    ? product(b, g, { transposeA: transposeB, transposeB: true, alpha })
    : product(g, b, { transposeA: false, transposeB: !transposeB, alpha });
  const db = transposeB
    ? product(g, a, { transposeA: true, transposeB: transposeA, alpha })
    : product(a, g, { transposeA: !transposeA, transposeB: false, alpha });
  return [da, db];
}

const productFlops = (node: Node<ProductAttributes>) => {
  const { batch, m, k, n } = productDims(node.inputs[0], node.inputs[1], node.attributes, 'product');
  return 2 * sizeOf(batch) * m * k * n;
};

/** Above this many numbers, the runtime's own bias (one thread copies it into the result first) is slower than a separate addition. */
const WIDE = 1 << 20;

/** Op record of `gemm`. */
export const GEMM: OpRecord<ProductAttributes> = {
  name: 'gemm',
  infer: ([a, b, c], attributes) => {
    const { batch, m, n } = productDims(a, b, attributes, 'gemm');
    invariant(batch.length === 0, `gemm: expected matrices, got ${formatType(a)} and ${formatType(b)}.`);
    invariant(!c || sameShape(c.shape, [n]), `gemm: expected a bias of shape [${n}], got ${c && formatType(c)}.`);
    return [{ shape: [m, n], dtype: 'float32' }];
  },
  gradient: ({ inputs: [a, b, c], attributes, upstream: [g] }) => {
    if (!g) return [null, null, null];
    return [...productGradients(gemm, g, a, b, attributes), ...(c ? [sumTo(g, c.shape)] : [])];
  },
  reference: ([a, b, c], attributes, [y]) => {
    const out = productReference(a, b, attributes);
    return [c ? out.map((v, i) => v + c.data[i % y.shape[1]]) : out];
  },
  lower: (context, { inputs: [a, b, c], outputs: [y], attributes: { transposeA, transposeB, alpha } }) => {
    const flags = { transA: Number(transposeA), transB: Number(transposeB), alpha: { float: alpha } };
    const factors = [a, b].map(context.name);
    if (c && (context.standard || sizeOf(y.shape) < WIDE)) context.emit('Gemm', [...factors, context.name(c)], [context.name(y)], flags);
    else {
      const product = c ? context.fresh('product') : context.name(y);
      context.emit('Gemm', factors, [product], flags);
      if (c) context.emit('Add', [product, context.name(c)], [context.name(y)]);
    }
  },
  flops: node => productFlops(node) + (node.inputs[2] ? sizeOf(node.outputs[0].shape) : 0),
};

/** alpha · op(A) op(B) + c for matrices [M, K] and [K, N]; c [N] is added to every row. */
export function gemm(a: Tensor, b: Tensor, attributes: Partial<ProductAttributes> = {}, c?: Tensor): Tensor {
  return applyOne(GEMM, c ? [a, b, c] : [a, b], { ...PLAIN, ...attributes });
}

/** Standard ONNX has no transpose flags on MatMul, so an exported model has Transpose nodes. */
function lowerPlain(context: LoweringContext, { inputs, outputs: [y], attributes }: Node<ProductAttributes>): void {
  const names = inputs.map((x, i) => {
    if (!(i === 0 ? attributes.transposeA : attributes.transposeB)) return context.name(x);
    const rank = x.shape.length;
    const turned = context.fresh('turned');
    context.emit('Transpose', [context.name(x)], [turned], { perm: [...Array(rank - 2).keys(), rank - 1, rank - 2] });
    return turned;
  });
  const scaled = attributes.alpha !== 1;
  const product = scaled ? context.fresh('product') : context.name(y);
  context.emit('MatMul', names, [product]);
  if (scaled) context.emit('Mul', [product, context.float32([attributes.alpha], [])], [context.name(y)]);
}

/** Op record of `matmul`. */
export const MATMUL: OpRecord<ProductAttributes> = {
  name: 'matmul',
  infer: ([a, b], attributes) => {
    const { batch, m, n } = productDims(a, b, attributes, 'matmul');
    return [{ shape: [...batch, m, n], dtype: 'float32' }];
  },
  gradient: ({ inputs: [a, b], attributes, upstream: [g] }) => (g ? productGradients(matmul, g, a, b, attributes) : [null, null]),
  reference: ([a, b], attributes) => [productReference(a, b, attributes)],
  lower: (context, node) => {
    const { transposeA, transposeB, alpha } = node.attributes;
    const plain = !transposeA && !transposeB && alpha === 1;
    if (context.standard || plain) return lowerPlain(context, node);
    const flags = { transA: Number(transposeA), transB: Number(transposeB), alpha: { float: alpha } };
    context.emit('FusedMatMul', node.inputs.map(context.name), [context.name(node.outputs[0])], flags, 'com.microsoft');
  },
  flops: productFlops,
};

/**
 * alpha · op(A) op(B) over equal leading axes: [.., M, K] × [.., K, N] → [.., M, N].
 *
 * @example matmul(input('a', [8, 2, 3]), input('b', [8, 5, 3]), { transposeB: true }) // [8, 2, 5]
 */
export function matmul(a: Tensor, b: Tensor, attributes: Partial<ProductAttributes> = {}): Tensor {
  return applyOne(MATMUL, [a, b], { ...PLAIN, ...attributes });
}

/** y = x W + b over the last axis: x [.., K], W [K, N], b [N] → [.., N]. Of equal rows of a batch, one is multiplied. */
export function linear(x: Tensor, weight: Tensor, bias?: Tensor): Tensor {
  const k = x.shape.at(-1)!;
  const row = repeatedRow(x);
  if (row) return broadcastTo(linear(row, weight, bias), [...x.shape.slice(0, -1), weight.shape[1]]);
  const y = gemm(reshape(x, [sizeOf(x.shape) / k, k]), weight, {}, bias);
  return reshape(y, [...x.shape.slice(0, -1), weight.shape[1]]);
}
