/** @file Reverse-mode differentiation: gradients are expressions in the same graph. */

import { invariant } from '../util/errors.ts';
import { topological } from './graph.ts';
import { add } from './ops/elementwise.ts';
import { GEMM, gemm, type ProductAttributes } from './ops/linear.ts';
import { concat } from './ops/movement.ts';
import { broadcastTo, constant } from './ops/structure.ts';
import { recomputing } from './recompute.ts';
import { formatType, type Node, type Tensor } from './tensor.ts';

/** Uses of a weight from which on its gradient is one product. It was measured at 512; weights with few uses keep their sums, bit for bit. */
const MANY_USES = 64;

/** The factors of Aᵀ B, which is what a weight's gradient is. */
function factors({ node }: Tensor): readonly Tensor[] | undefined {
  if (node.op.name !== GEMM.name || node.inputs.length > 2) return undefined;
  const { transposeA, transposeB, alpha } = node.attributes as ProductAttributes;
  return transposeA && !transposeB && alpha === 1 ? node.inputs : undefined;
}

/** The sum of what flowed back. Where a weight is used once per time step, A₁ᵀ B₁ + … + Aₙᵀ Bₙ is one product of all rows. */
function total(gradients: readonly Tensor[]): Tensor {
  const products = gradients.length < MANY_USES ? [] : gradients.map(factors);
  if (products.length === 0 || products.includes(undefined)) return gradients.reduce((earlier, gradient) => add(earlier, gradient));
  const [left, right] = [0, 1].map(i => concat(products.map(product => product![i]).reverse(), 0));
  return gemm(left, right, { transposeA: true });
}

/** How gradients are computed. */
export interface GradOptions {
  /** Whether parts of the graph that are `recomputable` are computed again for their gradients, instead of being kept until then. */
  readonly recompute?: boolean;
}

/**
 * d loss / d parameter for each of `parameters`, as graph expressions with the parameters' shapes. A parameter that the loss does not
 * depend on gets zeros.
 *
 * @throws {CadenzaError} `E_SHAPE` unless the loss is a float32 scalar.
 * @example
 * const w = input('w', [3]);
 * const [dw] = grad(sum(square(w)), [w]); // 2 w
 */
export function grad(loss: Tensor, parameters: readonly Tensor[], { recompute = false }: GradOptions = {}): Tensor[] {
  invariant(loss.shape.length === 0 && loss.dtype === 'float32', `grad: expected a float32 scalar loss, got ${formatType(loss)}.`);
  const order = topological([loss]);
  const wanted = new Set<Node>(parameters.map(parameter => parameter.node));
  // Only nodes between a parameter and the loss carry gradients; others (masks, targets) are skipped.
  const active = new Set<Node>();
  for (const node of order) {
    if (wanted.has(node) || (node.op.gradient !== 'none' && node.inputs.some(tensor => active.has(tensor.node)))) active.add(node);
  }
  const read = recompute ? recomputing() : (node: Node): Pick<Node, 'inputs' | 'outputs'> => node;
  const gradients = new Map<Tensor, Tensor[]>([[loss, [constant(1)]]]);
  const gradientOf = (tensor: Tensor) => {
    const found = gradients.get(tensor);
    return found ? total(found) : null;
  };
  for (const node of order.toReversed()) {
    if (!active.has(node) || node.op.gradient === 'none') continue;
    const upstream = node.outputs.map(gradientOf);
    const known = upstream.find(gradient => gradient !== null);
    if (!known) continue;
    const { attributes } = node;
    for (const [i, gradient] of node.op.gradient({ ...read(node, known), attributes, upstream }).entries()) {
      const target = node.inputs[i];
      if (!gradient || !active.has(target.node)) continue;
      const earlier = gradients.get(target);
      if (earlier) earlier.push(gradient);
      else gradients.set(target, [gradient]);
    }
  }
  return parameters.map(parameter => gradientOf(parameter) ?? broadcastTo(0, parameter.shape));
}
