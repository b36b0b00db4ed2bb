/** @file Reverse-mode differentiation: gradients are expressions in the same graph. */

import { invariant } from '../util/errors.ts';
import { topological } from './graph.ts';
import { add } from './ops/elementwise.ts';
import { broadcastTo, constant } from './ops/structure.ts';
import { formatType, type Node, type Tensor } from './tensor.ts';

/**
 * d loss / d parameter for each of `parameters`, as graph expressions with the parameters' shapes. A parameter that the loss does not
 * depend on gets zeros.
 *
 * @throws {CadenzaError} `E_SHAPE` unless the loss is a float32 scalar.
 * @example
 * const w = input('w', [3]);
 * const [dw] = grad(sum(square(w)), [w]); // 2 w
 */
export function grad(loss: Tensor, parameters: readonly Tensor[]): Tensor[] {
  invariant(loss.shape.length === 0 && loss.dtype === 'float32', `grad: expected a float32 scalar loss, got ${formatType(loss)}.`);
  const order = topological([loss]);
  const wanted = new Set<Node>(parameters.map(parameter => parameter.node));
  // Only nodes between a parameter and the loss carry gradients; others (masks, targets) are skipped.
  const active = new Set<Node>();
  for (const node of order) {
    if (wanted.has(node) || (node.op.gradient !== 'none' && node.inputs.some(tensor => active.has(tensor.node)))) active.add(node);
  }
  const gradients = new Map<Tensor, Tensor>([[loss, constant(1)]]);
  for (const node of order.toReversed()) {
    if (!active.has(node) || node.op.gradient === 'none') continue;
    const upstream = node.outputs.map(output => gradients.get(output) ?? null);
    if (upstream.every(gradient => gradient === null)) continue;
    const { inputs, outputs, attributes } = node;
    for (const [i, gradient] of node.op.gradient({ inputs, outputs, attributes, upstream }).entries()) {
      const target = inputs[i];
      if (!gradient || !active.has(target.node)) continue;
      const earlier = gradients.get(target);
      gradients.set(target, earlier ? add(earlier, gradient) : gradient);
    }
  }
  return parameters.map(parameter => gradients.get(parameter) ?? broadcastTo(0, parameter.shape));
}
