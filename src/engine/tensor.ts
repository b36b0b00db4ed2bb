/**
 * @file Symbolic tensors. A Tensor is a value in a graph that has not been computed: a static shape, a dtype, and the node that makes it.
 * Everything the engine knows about an op stands in one OpRecord; leaving a part of it out does not compile.
 */

import { CadenzaError, invariant } from '../util/errors.ts';

export type DType = 'float32' | 'int32' | 'bool';
export type Shape = readonly number[];

export interface TensorType {
  readonly shape: Shape;
  readonly dtype: DType;
}

/** Attributes of a node: small plain values, and typed arrays for constants. */
export type Attributes = Readonly<Record<string, unknown>>;

export interface Node<A extends Attributes = Attributes> {
  readonly op: OpRecord<A>;
  readonly inputs: readonly Tensor[];
  readonly attributes: A;
  readonly outputs: readonly Tensor[];
}

/** Output `index` of `node`. */
export interface Tensor extends TensorType {
  readonly node: Node;
  readonly index: number;
}

/** A computed value in the reference interpreter: always float64, whatever the dtype. */
export interface ReferenceValue extends TensorType {
  readonly data: Float64Array;
}

export interface GradientContext<A extends Attributes> {
  readonly inputs: readonly Tensor[];
  readonly outputs: readonly Tensor[];
  readonly attributes: A;
  /** Gradient with respect to each output; null where the loss does not depend on it. */
  readonly upstream: readonly (Tensor | null)[];
}

export type OnnxAttribute = number | readonly number[] | string | { readonly float: number };

/** What an op record sees while it is turned into ONNX nodes. */
export interface LoweringContext {
  /** True when only standard ai.onnx ops may be used, so that any ONNX runtime loads the model. */
  readonly standard: boolean;
  /** Name of a tensor's value in the ONNX graph. */
  name(tensor: Tensor): string;
  /** A fresh name for an intermediate value. */
  fresh(hint: string): string;
  /** An int64 constant, for shapes, axes and bounds. */
  int64(values: readonly number[]): string;
  /** A float32 constant. */
  float32(values: readonly number[], shape: readonly number[]): string;
  /** Appends an ONNX node. A name in `domain` other than '' makes the model need that operator set. */
  emit(
    type: string,
    inputs: readonly string[],
    outputs: readonly string[],
    attributes?: Record<string, OnnxAttribute>,
    domain?: string,
  ): void;
}

/** All that the engine knows about one op. */
export interface OpRecord<A extends Attributes = Attributes> {
  readonly name: string;
  /** Types of the outputs; throws `E_SHAPE` when the inputs do not fit. */
  readonly infer: (inputs: readonly TensorType[], attributes: A) => TensorType[];
  /** Gradients with respect to each input, as graph expressions (null: none flows), or 'none' for an op that nothing flows through. */
  readonly gradient: 'none' | ((context: GradientContext<A>) => (Tensor | null)[]);
  /** Evaluation in float64. */
  readonly reference: (inputs: readonly ReferenceValue[], attributes: A, outputs: readonly TensorType[]) => Float64Array[];
  /** Emits ONNX nodes. */
  readonly lower: (context: LoweringContext, node: Node<A>) => void;
  /** Floating-point operations of one evaluation (a multiply-add counts as two). */
  readonly flops: (node: Node<A>) => number;
}

export const sizeOf = (shape: Shape): number => shape.reduce((product, n) => product * n, 1);

export const sameShape = (a: Shape, b: Shape): boolean => a.length === b.length && a.every((n, i) => n === b[i]);

export const formatType = (type: TensorType): string => `${type.dtype}[${type.shape.join(', ')}]`;

/** Appends a node to the graph and gives its outputs. */
export function apply<A extends Attributes>(op: OpRecord<A>, inputs: readonly Tensor[], attributes: A): readonly Tensor[] {
  const types = op.infer(inputs, attributes);
  const outputs: Tensor[] = [];
  const node: Node<A> = { op, inputs, attributes, outputs };
  // The record's own attribute type is erased here: from now on only the record itself looks into it.
  for (const [index, type] of types.entries()) outputs.push({ ...type, node: node as unknown as Node, index });
  return outputs;
}

/** `apply` for ops with one output. */
export function applyOne<A extends Attributes>(op: OpRecord<A>, inputs: readonly Tensor[], attributes: A): Tensor {
  return apply(op, inputs, attributes)[0];
}

/** Normalizes a possibly negative axis; throws `E_SHAPE` when it does not exist. */
export function axisOf(shape: Shape, axis: number, what: string): number {
  const normal = axis < 0 ? axis + shape.length : axis;
  invariant(normal >= 0 && normal < shape.length, `${what}: axis ${axis} does not exist in a tensor of shape [${shape.join(', ')}].`);
  return normal;
}

/** The shape both operands broadcast to (NumPy's rule); throws `E_SHAPE` when they do not. */
export function broadcastShapes(a: Shape, b: Shape, what: string): number[] {
  const rank = Math.max(a.length, b.length);
  const shape = new Array<number>(rank);
  for (let i = 1; i <= rank; i++) {
    const m = a[a.length - i] ?? 1;
    const n = b[b.length - i] ?? 1;
    if (m !== n && m !== 1 && n !== 1)
      throw new CadenzaError('E_SHAPE', `${what}: shapes [${a.join(', ')}] and [${b.join(', ')}] do not broadcast (${m} against ${n}).`);
    shape[rank - i] = m === 1 ? n : m;
  }
  return shape;
}

/** Row-major strides. */
export function stridesOf(shape: Shape): number[] {
  const strides = new Array<number>(shape.length);
  let stride = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    strides[i] = stride;
    stride *= shape[i];
  }
  return strides;
}

/**
 * Checks a tensor against named axes and binds the letters: `expectShape(x, 'B T D', dims)` throws `E_SHAPE` when the rank differs or a
 * letter already has another size. Numbers may stand for themselves.
 */
export function expectShape(tensor: TensorType, pattern: string, dims: Record<string, number> = {}): Record<string, number> {
  const letters = pattern.split(' ').filter(Boolean);
  const bound = { ...dims };
  for (const [i, letter] of letters.entries()) {
    if (/^\d+$/.test(letter)) bound[letter] = Number(letter);
    else bound[letter] ??= tensor.shape[i];
  }
  const fits = letters.length === tensor.shape.length && letters.every((letter, i) => bound[letter] === tensor.shape[i]);
  const known = letters.map(letter => (letter in dims ? `${letter}=${dims[letter]}` : letter)).join(' ');
  invariant(fits, `expected a tensor of shape [${known}], got [${tensor.shape.join(', ')}].`);
  return bound;
}
