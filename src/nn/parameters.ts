/**
 * @file Named parameters, buffers and random inputs. Model code declares them in a scope; how they are stored (packed into vectors) and
 * initialized is decided later.
 */

import { type DType, formatType, input, type Shape, sameShape, sizeOf, type Tensor } from '../engine/index.ts';
import { invariant } from '../util/errors.ts';
import type { Random } from '../util/random.ts';

/** Returns the initial numbers of a parameter with this shape. */
export type Initializer = (random: Random, shape: Shape) => Float32Array;

/** Zeros. */
export const zeroInit: Initializer = (_, shape) => new Float32Array(sizeOf(shape));

/** Normal with mean 0 and this standard deviation. */
export const normalInit =
  (deviation: number): Initializer =>
  (random, shape) =>
    Float32Array.from({ length: sizeOf(shape) }, () => deviation * random.normal());

/**
 * Normal with standard deviation 1/√fan-in, so that a linear map preserves the variance of its input (LeCun et al. 1998, "Efficient
 * BackProp").
 */
export const linearInit: Initializer = (random, shape) => normalInit(1 / Math.sqrt(shape[0]))(random, shape);

/** A declared parameter. */
export interface ParameterSpec {
  readonly name: string;
  /** Sizes of its axes. */
  readonly shape: Shape;
  /** Gives its initial numbers. */
  readonly initializer: Initializer;
  /** The graph input that stands for it. */
  readonly tensor: Tensor;
}

/** State without gradients: a training step replaces it by `next`; inference reads the last value. */
export interface BufferSpec extends ParameterSpec {
  /** Its value after a training step; unchanged if nothing is assigned. */
  next: Tensor;
}

/** The updated buffers, as graph outputs. */
export const nextOf = (buffers: readonly BufferSpec[]) => Object.fromEntries(buffers.map(({ name, next }) => [`next.${name}`, next]));

/** An input that training fills with new random numbers in every step. */
export interface RandomSpec {
  readonly name: string;
  /** The graph input. */
  readonly tensor: Tensor;
  /** Draws one number. */
  readonly draw: (random: Random) => number;
}

/** The parameters of a model by full name, in the order of declaration. */
export type ParameterTable = Map<string, ParameterSpec>;

/**
 * Declares parameters under a prefix: `scope.at('layer0').parameter('weight', [64, 64])` is named `layer0.weight`.
 *
 * @example
 * const scope = new Scope();
 * const y = linear(scope.at('out'), input('x', [8, 64]), 4);
 * [...scope.table.keys()]; // ['out.weight', 'out.bias']
 */
export class Scope {
  readonly table: ParameterTable;
  readonly buffers: Map<string, BufferSpec>;
  readonly randoms: Map<string, RandomSpec>;
  readonly prefix: string;

  constructor(root?: Pick<Scope, 'table' | 'buffers' | 'randoms'>, prefix = '') {
    this.table = root?.table ?? new Map();
    this.buffers = root?.buffers ?? new Map();
    this.randoms = root?.randoms ?? new Map();
    this.prefix = prefix;
  }

  at(name: string | number): Scope {
    return new Scope(this, this.#full(String(name)));
  }

  /**
   * Declares a parameter, or returns the one already declared with this name.
   *
   * @throws {CadenzaError} `E_SHAPE` if the shapes differ.
   */
  parameter(name: string, shape: Shape, initializer: Initializer = linearInit): Tensor {
    return this.#declare(this.table, 'parameter', name, shape, 'float32', spec => ({ ...spec, shape, initializer }));
  }

  /**
   * Declares a buffer, or returns the one already declared with this name.
   *
   * @throws {CadenzaError} `E_SHAPE` if the shapes differ.
   */
  buffer(name: string, shape: Shape, initializer: Initializer = zeroInit): Tensor {
    return this.#declare(this.buffers, 'buffer', name, shape, 'float32', spec => ({ ...spec, shape, initializer, next: spec.tensor }));
  }

  /**
   * Sets the value of a buffer after a training step.
   *
   * @throws {CadenzaError} `E_SHAPE` if it is not a buffer, for another shape, or if it is already assigned.
   */
  assign(buffer: Tensor, next: Tensor): void {
    const spec = [...this.buffers.values()].find(({ tensor }) => tensor === buffer);
    invariant(spec !== undefined, `expected a buffer of this scope to assign to, got ${formatType(buffer)}.`);
    invariant(
      sameShape(next.shape, buffer.shape),
      `buffer "${spec.name}": expected ${formatType(buffer)} to be assigned, got ${formatType(next)}.`,
    );
    invariant(spec.next === buffer, `buffer "${spec.name}" is assigned to twice in one step.`);
    spec.next = next;
  }

  /** Declares an input that training fills with random numbers in every step; inference must not depend on it. */
  random(name: string, shape: Shape, draw: (random: Random) => number, dtype: DType = 'float32'): Tensor {
    return this.#declare(this.randoms, 'random input', name, shape, dtype, spec => ({ ...spec, draw }));
  }

  #declare<T extends { readonly tensor: Tensor }>(
    specs: Map<string, T>,
    what: string,
    name: string,
    shape: Shape,
    dtype: DType,
    make: (spec: { name: string; tensor: Tensor }) => T,
  ): Tensor {
    const full = this.#full(name);
    const known = specs.get(full);
    if (known) {
      invariant(
        sameShape(known.tensor.shape, shape),
        `${what} "${full}" was declared with shape [${known.tensor.shape.join(', ')}] and is now declared with [${shape.join(', ')}].`,
      );
      return known.tensor;
    }
    const taken = [this.table, this.buffers, this.randoms].some(others => others.has(full));
    invariant(!taken, `the name "${full}" of a ${what} is already taken.`);
    const tensor = input(full, shape, dtype);
    specs.set(full, make({ name: full, tensor }));
    return tensor;
  }

  #full(name: string): string {
    return this.prefix ? `${this.prefix}.${name}` : name;
  }
}

/** Initial values for every parameter or buffer, by name. Each has its own random stream, so that adding one changes none of the others. */
export function initialize(specs: Iterable<ParameterSpec>, random: Random): Map<string, Float32Array> {
  return new Map(Array.from(specs, ({ name, shape, initializer }) => [name, initializer(random.split(name), shape)]));
}
