/**
 * @file Moves reshapes towards the outputs, so that they meet and cancel. Products of linear layers are matrices [n, w]; what follows sees
 * them as [.., w], and the next layer as a matrix again. Every reshape is one more kernel to start, and it hides an activation behind a
 * product from the runtime, which has one kernel for both.
 */

import { type Graph, rewrite } from './graph.ts';
import { RESHAPE, reshape } from './ops/index.ts';
import { ELEMENTWISE, LAST_AXIS, REDUCTIONS } from './ops/kinds.ts';
import { apply, applyOne, type Node, type Shape, sameShape, sizeOf, type Tensor } from './tensor.ts';

/** The matrix [n, w] of which the tensor [.., w] is a reshape; undefined if it is none. */
function matrixOf({ node, shape }: Tensor): Tensor | undefined {
  const [source] = node.inputs;
  return node.op.name === RESHAPE.name && source.shape.length === 2 && shape.length > 2 && source.shape[1] === shape.at(-1)
    ? source
    : undefined;
}

/** An operand as it broadcasts to the matrix [n, w] instead of `shape` [.., w]; undefined if it repeats along another axis than the last. */
function flatOperand(operand: Tensor, shape: Shape): Tensor | undefined {
  if (operand.shape.length <= 1) return operand;
  const whole = operand.shape.length === shape.length && sameShape(operand.shape.slice(0, -1), shape.slice(0, -1));
  return whole ? (matrixOf(operand) ?? reshape(operand, [sizeOf(shape.slice(0, -1)), operand.shape.at(-1)!])) : undefined;
}

function sunk({ op, attributes, outputs }: Node, inputs: readonly Tensor[]): readonly Tensor[] | undefined {
  const [first] = inputs;
  if (op.name === RESHAPE.name) {
    const source = first.node.op.name === RESHAPE.name ? first.node.inputs[0] : first;
    return [reshape(source, outputs[0].shape)];
  }
  const { shape } = outputs[0];
  if (ELEMENTWISE.includes(op.name)) {
    if (!inputs.some(matrixOf)) return undefined;
    const operands = inputs.map(operand => flatOperand(operand, shape));
    if (!operands.every(operand => operand !== undefined)) return undefined;
    return [reshape(applyOne(op, operands, attributes), shape)];
  }
  const matrix = first && matrixOf(first);
  if (!matrix) return undefined;
  const restored = (results: readonly Tensor[]) => results.map((result, i) => reshape(result, outputs[i].shape));
  if (LAST_AXIS.includes(op.name)) return restored(apply(op, [matrix], attributes));
  if (!REDUCTIONS.includes(op.name)) return undefined;
  const axes = attributes.axes as readonly number[];
  const last = first.shape.length - 1;
  if (axes.length === 1 && axes[0] === last) return restored(apply(op, [matrix], { ...attributes, axes: [1] }));
  if (axes.length === last && !axes.includes(last)) return restored(apply(op, [matrix], { ...attributes, axes: [0] }));
  return undefined;
}

/** Moves reshapes of matrices behind ops that work row by row, and merges consecutive reshapes. */
export const sinkReshapes = (graph: Graph): Graph => rewrite(graph, sunk);
