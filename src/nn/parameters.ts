/**
 * @file Named parameters, buffers and random inputs. Model code asks a scope for them; how they are stored (packed into vectors) and filled
 * is decided afterwards.
 */

import { type DType, formatType, input, type Shape, sameShape, sizeOf, type Tensor } from '../engine/index.ts';
import { invariant } from '../util/errors.ts';
import type { Random } from '../util/random.ts';

/** Fills a fresh parameter. */
export type Initializer = (random: Random, shape: Shape) => Float32Array;

export const zeroInit: Initializer = (_, shape) => new Float32Array(sizeOf(shape));

export const normalInit =
  (deviation: number): Initializer =>
  (random, shape) =>
    Float32Array.from({ length: sizeOf(shape) }, () => deviation * random.normal());

/** Deviation 1/√fan-in, so that a linear map keeps the variance of its input (LeCun et al. 1998, "Efficient BackProp"). */
export const linearInit: Initializer = (random, shape) => normalInit(1 / Math.sqrt(shape[0]))(random, shape);

export interface ParameterSpec {
  readonly name: string;
  readonly shape: Shape;
  readonly initializer: Initializer;
  readonly tensor: Tensor;
}

/** State that no gradient changes: a training step replaces it by `next`, inference reads it as it was left. */
export interface BufferSpec extends ParameterSpec {
  /** Its value after a training step; the same as before where nothing was assigned. */
  next: Tensor;
}

/** An input that training fills anew in every step from the stream of that step. */
export interface RandomSpec {
  readonly name: string;
  readonly tensor: Tensor;
  /** One number. */
  readonly draw: (random: Random) => number;
}

/** The parameters of a model by their full name, in the order in which they were declared. */
export type ParameterTable = Map<string, ParameterSpec>;

/** A place to declare parameters under a prefix: `scope.at('layer0').parameter('weight', [64, 64])` is called `layer0.weight`. */
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

  /** Declares a parameter, or gives the one declared before under this name. Throws `E_SHAPE` when the shapes differ. */
  parameter(name: string, shape: Shape, initializer: Initializer = linearInit): Tensor {
    return this.#declare(this.table, 'parameter', name, shape, 'float32', spec => ({ ...spec, shape, initializer }));
  }

  /** Declares a buffer, or gives the one declared before under this name. Throws `E_SHAPE` when the shapes differ. */
  buffer(name: string, shape: Shape, initializer: Initializer = zeroInit): Tensor {
    return this.#declare(this.buffers, 'buffer', name, shape, 'float32', spec => ({ ...spec, shape, initializer, next: spec.tensor }));
  }

  /** Says what a training step turns a buffer into. Throws `E_SHAPE` for what is no buffer, for another shape, and the second time. */
  assign(buffer: Tensor, next: Tensor): void {
    const spec = [...this.buffers.values()].find(({ tensor }) => tensor === buffer);
    invariant(spec !== undefined, `only a buffer of this scope can be assigned to, not ${formatType(buffer)}.`);
    invariant(
      sameShape(next.shape, buffer.shape),
      `buffer "${spec.name}": expected ${formatType(buffer)} to be assigned, got ${formatType(next)}.`,
    );
    invariant(spec.next === buffer, `buffer "${spec.name}" is assigned to twice in one step.`);
    spec.next = next;
  }

  /** Declares an input whose numbers training draws one by one in every step; inference must not depend on it. */
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
        `${what} "${full}" was declared as [${known.tensor.shape.join(', ')}] and is now asked for as [${shape.join(', ')}].`,
      );
      return known.tensor;
    }
    const taken = [this.table, this.buffers, this.randoms].some(others => others.has(full));
    invariant(!taken, `the name "${full}" of a ${what} is taken by something else.`);
    const tensor = input(full, shape, dtype);
    specs.set(full, make({ name: full, tensor }));
    return tensor;
  }

  #full(name: string): string {
    return this.prefix ? `${this.prefix}.${name}` : name;
  }
}

/** Fresh values for every parameter or buffer; each has its own stream, so adding one changes none of the others. */
export function initialize(specs: Iterable<ParameterSpec>, random: Random): Map<string, Float32Array> {
  return new Map(Array.from(specs, ({ name, shape, initializer }) => [name, initializer(random.split(name), shape)]));
}
