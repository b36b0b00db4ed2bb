/**
 * @file Symbolic tensors. A Tensor is a value in a graph that has not been computed: a static shape, a dtype, and the node that produces
 * it. Everything the engine knows about an op is in one OpRecord; an incomplete record does not compile.
 */

import { CadenzaError, invariant } from '../util/errors.ts';

/** Type of a tensor's elements. */
export type DType = 'float32' | 'int32' | 'bool';
/** Sizes of the axes of a tensor; all are static. */
export type Shape = readonly number[];

/** Shape and dtype of a tensor. */
export interface TensorType {
  /** Sizes of its axes. */
  readonly shape: Shape;
  /** Type of its elements. */
  readonly dtype: DType;
}

/** Attributes of a node: small plain values, and typed arrays for constants. */
export type Attributes = Readonly<Record<string, unknown>>;

/** One application of an op in a graph. */
export interface Node<A extends Attributes = Attributes> {
  /** The op. */
  readonly op: OpRecord<A>;
  /** The tensors that it reads. */
  readonly inputs: readonly Tensor[];
  /** Its attributes. */
  readonly attributes: A;
  /** The tensors that it produces. */
  readonly outputs: readonly Tensor[];
  /** When it was made: larger than that of every node made before. */
  readonly serial: number;
}

/** A symbolic tensor: output `index` of `node`. */
export interface Tensor extends TensorType {
  /** The node that produces it. */
  readonly node: Node;
  /** Which output of the node it is. */
  readonly index: number;
}

/** A computed value in the reference interpreter: always float64, whatever the dtype. */
export interface ReferenceValue extends TensorType {
  /** Row-major elements. */
  readonly data: Float64Array;
}

/** What an op's gradient is computed from. */
export interface GradientContext<A extends Attributes> {
  /** Inputs of the node. */
  readonly inputs: readonly Tensor[];
  /** Outputs of the node. */
  readonly outputs: readonly Tensor[];
  /** Attributes of the node. */
  readonly attributes: A;
  /** Gradient with respect to each output; null if the loss does not depend on it. */
  readonly upstream: readonly (Tensor | null)[];
}

/** Value of an attribute of an ONNX node; `{ float }` marks a number that is not an integer. */
export type OnnxAttribute = number | readonly number[] | string | { readonly float: number };

/** Builds the ONNX nodes of one op. */
export interface LoweringContext {
  /** True if only standard ai.onnx ops may be used, so that any ONNX runtime loads the model. */
  readonly standard: boolean;
  /** Name of a tensor's value in the ONNX graph. */
  name(tensor: Tensor): string;
  /** A unique name for an intermediate value. */
  fresh(hint: string): string;
  /** Adds an int64 constant, for shapes, axes and bounds; returns its name. */
  int64(values: readonly number[]): string;
  /** Adds a float32 constant; returns its name. */
  float32(values: readonly number[], shape: readonly number[]): string;
  /** Appends an ONNX node. A `domain` other than '' adds that operator set to the model. */
  emit(
    type: string,
    inputs: readonly string[],
    outputs: readonly string[],
    attributes?: Record<string, OnnxAttribute>,
    domain?: string,
  ): void;
}

/** Everything the engine knows about one op. */
export interface OpRecord<A extends Attributes = Attributes> {
  readonly name: string;
  /**
   * Types of the outputs.
   *
   * @throws {CadenzaError} `E_SHAPE` if the inputs do not fit.
   */
  readonly infer: (inputs: readonly TensorType[], attributes: A) => TensorType[];
  /** Gradients with respect to each input, as graph expressions (null: none), or 'none' for an op without gradients. */
  readonly gradient: 'none' | ((context: GradientContext<A>) => (Tensor | null)[]);
  /** Evaluates the op in float64. */
  readonly reference: (inputs: readonly ReferenceValue[], attributes: A, outputs: readonly TensorType[]) => Float64Array[];
  /** Emits its ONNX nodes. */
  readonly lower: (context: LoweringContext, node: Node<A>) => void;
  /** Floating-point operations of one evaluation (a multiply-add counts as two). */
  readonly flops: (node: Node<A>) => number;
}

/** Number of elements of a shape. */
export const sizeOf = (shape: Shape): number => shape.reduce((product, n) => product * n, 1);

/** Whether two shapes are equal. */
export const sameShape = (a: Shape, b: Shape): boolean => a.length === b.length && a.every((n, i) => n === b[i]);

/** A type as text: `float32[8, 64]`. */
export const formatType = (type: TensorType): string => `${type.dtype}[${type.shape.join(', ')}]`;

let serial = 0;

/** The serial of the next node. */
export const nextSerial = (): number => serial;

/** Appends a node to the graph and returns its outputs. */
export function apply<A extends Attributes>(op: OpRecord<A>, inputs: readonly Tensor[], attributes: A): readonly Tensor[] {
  const types = op.infer(inputs, attributes);
  const outputs: Tensor[] = [];
  const node: Node<A> = { op, inputs, attributes, outputs, serial: serial++ };
  // Erases the record's attribute type: from here on only the record itself reads its attributes.
  for (const [index, type] of types.entries()) outputs.push({ ...type, node: node as unknown as Node, index });
  return outputs;
}

/** `apply` for ops with one output. */
export function applyOne<A extends Attributes>(op: OpRecord<A>, inputs: readonly Tensor[], attributes: A): Tensor {
  return apply(op, inputs, attributes)[0];
}

/**
 * Resolves a negative axis.
 *
 * @throws {CadenzaError} `E_SHAPE` if the axis does not exist.
 */
export function axisOf(shape: Shape, axis: number, what: string): number {
  const normal = axis < 0 ? axis + shape.length : axis;
  invariant(normal >= 0 && normal < shape.length, `${what}: axis ${axis} does not exist in a tensor of shape [${shape.join(', ')}].`);
  return normal;
}

/**
 * The shape that both operands broadcast to, by NumPy's rule.
 *
 * @throws {CadenzaError} `E_SHAPE` if they do not broadcast.
 */
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

/** Row-major strides of a shape. */
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
 * Checks a tensor's shape against named axes and binds their sizes. Numbers in the pattern stand for themselves.
 *
 * @param dims sizes of names that are already bound; new ones are added.
 * @returns `dims`
 * @throws {CadenzaError} `E_SHAPE` if the rank differs or a name already has another size.
 * @example const { B, T } = expectShape(input('x', [8, 20, 64]), 'B T D'); // B is 8, T is 20
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
