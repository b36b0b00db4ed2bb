/** @file Ops with a fused kernel: softmax, normalization, attention, GELU. */

import { invariant } from '../../util/errors.ts';
import { apply, applyOne, broadcastShapes, formatType, type OpRecord, sameShape, sizeOf, type Tensor } from '../tensor.ts';
import { add, erf, exp, mul, sub } from './elementwise.ts';
import { matmul } from './linear.ts';
import { mean } from './reduce.ts';
import { broadcastStrides, constant, gatherStrided, sum, sumTo, transpose } from './structure.ts';

type NoAttributes = Record<string, never>;

/** Applies `f` to every row along the last axis. */
function rows(data: Float64Array, width: number, f: (row: Float64Array) => ArrayLike<number>): Float64Array {
  const out = new Float64Array(data.length);
  for (let at = 0; at < data.length; at += width) out.set(f(data.subarray(at, at + width)), at);
  return out;
}

function logSumExp(row: Float64Array): number {
  const top = row.reduce((a, b) => Math.max(a, b));
  return top + Math.log(row.reduce((total, v) => total + Math.exp(v - top), 0));
}

const softmaxRow = (row: Float64Array) => {
  const total = logSumExp(row);
  return row.map(v => Math.exp(v - total));
};

/** Op record of `softmax`. */
export const SOFTMAX: OpRecord<NoAttributes> = {
  name: 'softmax',
  infer: ([x]) => [x],
  gradient: ({ outputs: [y], upstream: [g] }) => [g && mul(y, sub(g, sum(mul(g, y), [-1], true)))],
  reference: ([x]) => [rows(x.data, x.shape.at(-1)!, softmaxRow)],
  lower: (c, { inputs: [x], outputs: [y] }) => c.emit('Softmax', [c.name(x)], [c.name(y)], { axis: -1 }),
  flops: ({ inputs: [x] }) => 5 * sizeOf(x.shape),
};

/** Softmax over the last axis. */
export const softmax = (x: Tensor): Tensor => applyOne(SOFTMAX, [x], {});

/** Op record of `logSoftmax`. */
export const LOG_SOFTMAX: OpRecord<NoAttributes> = {
  name: 'logSoftmax',
  infer: ([x]) => [x],
  gradient: ({ outputs: [y], upstream: [g] }) => [g && sub(g, mul(exp(y), sum(g, [-1], true)))],
  reference: ([x]) => [rows(x.data, x.shape.at(-1)!, row => row.map(v => v - logSumExp(row)))],
  lower: (c, { inputs: [x], outputs: [y] }) => c.emit('LogSoftmax', [c.name(x)], [c.name(y)], { axis: -1 }),
  flops: ({ inputs: [x] }) => 5 * sizeOf(x.shape),
};

/** Logarithm of the softmax over the last axis. */
export const logSoftmax = (x: Tensor): Tensor => applyOne(LOG_SOFTMAX, [x], {});

/** Added to the variance, the customary value. */
export const LAYER_NORM_EPSILON = 1e-5;

/** Op record of `layerNorm`. */
export const LAYER_NORM: OpRecord<NoAttributes> = {
  name: 'layerNorm',
  infer: ([x]) => [x, { shape: x.shape.with(-1, 1), dtype: x.dtype }],
  // dx = s (g - mean(g) - y mean(g y)), s = 1/σ (Ba, Kiros and Hinton 2016), and ds/dx = -s² y / D, which second derivatives need.
  gradient: ({ outputs: [y, inverse], upstream: [g, gInverse] }) => {
    const dx = g && mul(sub(sub(g, mean(g, [-1], true)), mul(y, mean(mul(g, y), [-1], true))), inverse);
    if (!gInverse) return [dx];
    const ds = mul(mul(gInverse, mul(inverse, inverse)), mul(y, -1 / y.shape.at(-1)!));
    return [dx ? add(dx, ds) : ds];
  },
  reference: ([x]) => {
    const width = x.shape.at(-1)!;
    const inverse: number[] = [];
    const y = rows(x.data, width, row => {
      const center = row.reduce((a, b) => a + b, 0) / width;
      const scale = 1 / Math.sqrt(row.reduce((a, b) => a + (b - center) ** 2, 0) / width + LAYER_NORM_EPSILON);
      inverse.push(scale);
      return row.map(v => (v - center) * scale);
    });
    return [y, Float64Array.from(inverse)];
  },
  lower: (c, { inputs: [x], outputs: [y, inverse] }) => {
    const width = x.shape.at(-1)!;
    const ones = c.float32(new Array(width).fill(1), [width]);
    const attributes = { axis: -1, epsilon: { float: LAYER_NORM_EPSILON } };
    c.emit('LayerNormalization', [c.name(x), ones], [c.name(y), c.fresh('mean'), c.name(inverse)], attributes);
  },
  flops: ({ inputs: [x] }) => 6 * sizeOf(x.shape),
};

/** (x - mean) / σ over the last axis, without gain and bias: a linear map always follows and can absorb both. */
export const layerNorm = (x: Tensor): Tensor => apply(LAYER_NORM, [x], {})[0];

/** x Φ(x) (Hendrycks and Gimpel 2016), from ops with their own gradients; ONNX Runtime fuses them. */
export const gelu = (x: Tensor): Tensor => mul(mul(x, 0.5), add(erf(mul(x, Math.SQRT1_2)), 1));

const swapLast = (x: Tensor): Tensor => {
  const rank = x.shape.length;
  return transpose(x, [...Array(rank - 2).keys(), rank - 1, rank - 2]);
};

/** Replaces −∞ in a mask: its exponential is exactly 0 in float32, and it cannot produce NaN. */
const MASKED = -1e9;

/** Op record of `attention`. */
export const ATTENTION: OpRecord<{ causal: boolean; scale: number }> = {
  name: 'attention',
  infer: ([q, k, v, bias], { causal }) => {
    const [rank, batch] = [q.shape.length, q.shape.slice(0, -2)];
    const fits =
      rank >= 3 &&
      k.shape.at(-1) === q.shape.at(-1) &&
      v.shape.at(-2) === k.shape.at(-2) &&
      [k, v].every(x => sameShape(x.shape.slice(0, -2), batch));
    invariant(fits, `attention: expected [.., T, K], [.., N, K], [.., N, V], got ${[q, k, v].map(formatType).join(', ')}.`);
    invariant(
      !causal || q.shape.at(-2)! <= k.shape.at(-2)!,
      `attention: with a causal mask the queries are the last positions, so there cannot be more queries than keys: got ${formatType(q)} and ${formatType(k)}.`,
    );
    const scores = [...q.shape.slice(0, -1), k.shape.at(-2)!];
    invariant(
      !bias || sameShape(broadcastShapes(scores, bias.shape, 'attention'), scores),
      `attention: expected a bias that fits the scores [${scores.join(', ')}], got ${bias && formatType(bias)}.`,
    );
    return [
      { shape: [...q.shape.slice(0, -1), v.shape.at(-1)!], dtype: q.dtype },
      { shape: scores, dtype: q.dtype },
    ];
  },
  // The row sums of P ∘ dP equal those of O ∘ dO, which are K wide instead of N (Dao et al. 2022, appendix B). dK and dV are computed
  // as their transposes: a kernel that reads the large T × N factor transposed takes half as long again.
  gradient: ({ inputs: [q, k, v, bias], outputs: [out, weights], attributes: { scale }, upstream: [g, gWeights] }) => {
    let [dWeights, rowSums] = g ? [matmul(g, v, { transposeB: true }), sum(mul(g, out), [-1], true)] : [gWeights!, constant(0)];
    if (gWeights) {
      if (g) dWeights = add(dWeights, gWeights);
      rowSums = add(rowSums, sum(mul(gWeights, weights), [-1], true));
    }
    const dScores = mul(weights, sub(dWeights, rowSums));
    return [
      matmul(dScores, k, { alpha: scale }),
      swapLast(matmul(q, dScores, { transposeA: true, alpha: scale })),
      g && swapLast(matmul(g, weights, { transposeA: true })),
      ...(bias ? [sumTo(dScores, bias.shape)] : []),
    ];
  },
  reference: ([q, k, v, bias], { causal, scale }, [, { shape }]) => {
    const added = bias && gatherStrided(bias.data, shape, broadcastStrides(bias.shape, shape));
    const [t, width, n, vWidth] = [q.shape.at(-2)!, q.shape.at(-1)!, k.shape.at(-2)!, v.shape.at(-1)!];
    const batch = sizeOf(q.shape.slice(0, -2));
    const weights = new Float64Array(batch * t * n);
    const out = new Float64Array(batch * t * vWidth);
    for (let row = 0; row < batch * t; row++) {
      const [b, i] = [Math.floor(row / t), row % t];
      const scores = new Float64Array(n).map((_, j) => {
        if (causal && j > i + n - t) return MASKED;
        let dot = 0;
        for (let w = 0; w < width; w++) dot += q.data[row * width + w] * k.data[(b * n + j) * width + w];
        return scale * dot + (added?.[row * n + j] ?? 0);
      });
      weights.set(softmaxRow(scores), row * n);
      for (let j = 0; j < n; j++)
        for (let w = 0; w < vWidth; w++) out[row * vWidth + w] += weights[row * n + j] * v.data[(b * n + j) * vWidth + w];
    }
    return [out, weights];
  },
  lower: (c, { inputs: [q, k, v, bias], outputs: [out, weights], attributes: { causal, scale } }) => {
    const [rank, t, n] = [q.shape.length, q.shape.at(-2)!, k.shape.at(-2)!];
    let scores = c.fresh('scores');
    if (c.standard) {
      const [turned, product] = [c.fresh('turned'), c.fresh('product')];
      c.emit('Transpose', [c.name(k)], [turned], { perm: [...Array(rank - 2).keys(), rank - 1, rank - 2] });
      c.emit('MatMul', [c.name(q), turned], [product]);
      c.emit('Mul', [product, c.float32([scale], [])], [scores]);
    } else c.emit('FusedMatMul', [c.name(q), c.name(k)], [scores], { transB: 1, alpha: { float: scale } }, 'com.microsoft');
    if (bias) {
      const biased = c.fresh('biased');
      c.emit('Add', [scores, c.name(bias)], [biased]);
      scores = biased;
    }
    if (causal) {
      const mask = c.float32(
        Array.from({ length: t * n }, (_, i) => (i % n > Math.floor(i / n) + n - t ? MASKED : 0)),
        [t, n],
      );
      const masked = c.fresh('masked');
      c.emit('Add', [scores, mask], [masked]);
      scores = masked;
    }
    c.emit('Softmax', [scores], [c.name(weights)], { axis: -1 });
    c.emit('MatMul', [c.name(weights), c.name(v)], [c.name(out)]);
  },
  flops: ({ inputs: [q, k, v, bias] }) => {
    const pairs = sizeOf(q.shape.slice(0, -1)) * k.shape.at(-2)!;
    return pairs * (2 * q.shape.at(-1)! + 2 * v.shape.at(-1)! + (bias ? 6 : 5));
  },
};

/**
 * softmax(scale · Q Kᵀ + bias) V (Vaswani et al. 2017, equation 1): Q [.., T, K], K [.., N, K], V [.., N, V] → output [.., T, V] and
 * weights [.., T, N]. The scale defaults to 1/√K. With `causal`, query i attends to keys 0 … i + N − T: the queries are the last T of the N
 * positions. A `bias` broadcasts to [.., T, N].
 *
 * @example const { out } = attention(q, k, v, { causal: true });
 */
export function attention(
  q: Tensor,
  k: Tensor,
  v: Tensor,
  { causal = false, scale = 1 / Math.sqrt(q.shape.at(-1)!), bias }: { causal?: boolean; scale?: number; bias?: Tensor } = {},
): { out: Tensor; weights: Tensor } {
  const [out, weights] = apply(ATTENTION, bias ? [q, k, v, bias] : [q, k, v], { causal, scale });
  return { out, weights };
}
