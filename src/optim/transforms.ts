/**
 * @file Gradient transforms as {init, update} over graph tensors, in the style of optax. All vectors are [P], one entry per parameter
 * element.
 */

import {
  add,
  broadcastTo,
  concat,
  cos,
  div,
  exp as exponentiate,
  maximum,
  minimum,
  mul,
  type Operand,
  reshape,
  sizeOf,
  slice,
  sqrt,
  sub,
  sum,
  type Tensor,
} from '../engine/index.ts';
import type { Packing } from './packing.ts';

/** What a transform may read besides the gradient. */
export interface TransformContext {
  /** [P] the parameters before the update. */
  readonly parameters: Tensor;
  /** Scalar: the number of this update, counted from 1. */
  readonly step: Tensor;
}

/** One stage of an optimizer. */
export interface Transform {
  /** Names of its [P] state vectors, which start at zero. */
  readonly init: readonly string[];
  /** Maps a gradient [P] and the state to an update [P], the next state, and metrics to report. */
  update(
    gradient: Tensor,
    state: readonly Tensor[],
    context: TransformContext,
  ): { update: Tensor; state: Tensor[]; metrics?: Record<string, Tensor> };
}

/**
 * Applies transforms one after another.
 *
 * @example chain(clipByGlobalNorm(1), adam(), decayWeights(1e-2), descend(warmupCosine({ peak: 3e-4, warmup: 100, total: 10_000 })))
 */
export function chain(...transforms: readonly Transform[]): Transform {
  return {
    init: transforms.flatMap(transform => transform.init),
    update(gradient, state, context) {
      let update = gradient;
      let at = 0;
      const next: Tensor[] = [];
      const metrics: Record<string, Tensor> = {};
      for (const transform of transforms) {
        const result = transform.update(update, state.slice(at, at + transform.init.length), context);
        at += transform.init.length;
        update = result.update;
        next.push(...result.state);
        Object.assign(metrics, result.metrics);
      }
      return { update, state: next, metrics };
    },
  };
}

/** Scales the gradient so that its norm is at most `limit` (Pascanu et al. 2013); reports the norm before clipping. */
export const clipByGlobalNorm = (limit: number): Transform => ({
  init: [],
  update(gradient) {
    const norm = sqrt(sum(mul(gradient, gradient)));
    return { update: mul(gradient, minimum(1, div(limit, maximum(norm, 1e-12)))), state: [], metrics: { gradientNorm: norm } };
  },
});

/**
 * Spreads [count] numbers, one per model, over a [P] vector: each entry gets the number of its model. Every parameter stacks the models
 * along its first axis.
 */
export const spreadOver = ({ size, entries }: Packing, each: Tensor): Tensor => {
  const [count] = each.shape;
  const column = reshape(each, [count, 1]);
  const parts = entries.map(({ shape }) => reshape(broadcastTo(column, [count, sizeOf(shape) / count]), [sizeOf(shape)]));
  return reshape(concat(parts, 0), [size]);
};

/** `clipByGlobalNorm` for each of `count` models that are stacked as in `spreadOver`: the norm of one model does not affect the others. */
export const clipByNormOfEach = (limit: number, count: number, layout: Packing): Transform => ({
  init: [],
  update(gradient) {
    const squares = layout.entries.map(({ offset, shape }) => {
      const part = reshape(slice(gradient, 0, offset, offset + sizeOf(shape)), [count, sizeOf(shape) / count]);
      return sum(mul(part, part), [1]);
    });
    const norm = sqrt(squares.reduce((total, each) => add(total, each)));
    const scale = minimum(1, div(limit, maximum(norm, 1e-12)));
    return { update: mul(gradient, spreadOver(layout, scale)), state: [], metrics: { gradientNorm: norm } };
  },
});

const power = (base: number, exponent: Tensor): Tensor => exponentiate(mul(exponent, Math.log(base)));

/** Default ε, which keeps Adam from dividing by zero. */
export const ADAM_EPSILON = 1e-8;

/** Adam's direction (Kingma and Ba 2015, algorithm 1), with the constants folded to pass over each vector as few times as possible. */
export const adam = ({ beta1 = 0.9, beta2 = 0.999, epsilon = ADAM_EPSILON } = {}): Transform => ({
  init: ['moment1', 'moment2'],
  update(gradient, [m, v], { step }) {
    const first = add(mul(m, beta1), mul(gradient, 1 - beta1));
    const second = add(mul(v, beta2), mul(mul(gradient, gradient), 1 - beta2));
    // m̂ / (√v̂ + ε) = m / (√v · (1 - β1ᵗ)/√(1 - β2ᵗ) + ε (1 - β1ᵗ))
    const correction1 = sub(1, power(beta1, step));
    const correction2 = sqrt(sub(1, power(beta2, step)));
    const denominator = add(mul(sqrt(second), div(correction1, correction2)), mul(correction1, epsilon));
    return { update: div(first, denominator), state: [first, second] };
  },
});

/** Decoupled weight decay (Loshchilov and Hutter 2019): adds `decay` · parameter; a vector `decay` [P] gives each entry its own rate. */
export const decayWeights = (decay: Operand): Transform => ({
  init: [],
  update: (gradient, _, { parameters }) => ({ update: add(gradient, mul(parameters, decay)), state: [] }),
});

/** Multiplies by −rate(step), and by `scale` [P] if parameters have rates of their own. */
export const descend = (schedule: (step: Tensor) => Tensor, scale?: Tensor): Transform => ({
  init: [],
  update(gradient, _, { step }) {
    const rate = schedule(step);
    const scaled = scale ? mul(gradient, scale) : gradient;
    return { update: mul(scaled, sub(0, rate)), state: [], metrics: { learningRate: rate } };
  },
});

/** Learning-rate schedule: linear warm-up over `warmup` steps, then a cosine from `peak` down to `final` · `peak` at step `total`. */
export const warmupCosine =
  ({ peak, warmup, total, final = 0 }: { peak: number; warmup: number; total: number; final?: number }) =>
  (step: Tensor): Tensor => {
    const rise = minimum(1, div(step, Math.max(1, warmup)));
    const progress = minimum(1, maximum(0, div(sub(step, warmup), Math.max(1, total - warmup))));
    const fall = add(final, mul(mul(add(1, cos(mul(progress, Math.PI))), 0.5), 1 - final));
    return mul(mul(rise, fall), peak);
  };
