/** @file Named parameters. Model code asks a scope for them; how they are stored (packed into one vector) is decided afterwards. */

import { input, type Shape, sameShape, sizeOf, type Tensor } from '../engine/index.ts';
import { expect } from '../util/errors.ts';
import type { Random } from '../util/random.ts';

/** Fills a fresh parameter. */
export type Initialiser = (random: Random, shape: Shape) => Float32Array;

export const zeroInit: Initialiser = (_, shape) => new Float32Array(sizeOf(shape));

export const normalInit =
  (deviation: number): Initialiser =>
  (random, shape) =>
    Float32Array.from({ length: sizeOf(shape) }, () => deviation * random.normal());

/** Deviation 1/√fan-in, so that a linear map keeps the variance of its input (LeCun et al. 1998, "Efficient BackProp"). */
export const linearInit: Initialiser = (random, shape) => normalInit(1 / Math.sqrt(shape[0]))(random, shape);

export interface ParameterSpec {
  readonly name: string;
  readonly shape: Shape;
  readonly initialiser: Initialiser;
  readonly tensor: Tensor;
}

/** The parameters of a model by their full name, in the order in which they were declared. */
export type ParameterTable = Map<string, ParameterSpec>;

/** A place to declare parameters under a prefix: `scope.at('layer0').parameter('weight', [64, 64])` is called `layer0.weight`. */
export class Scope {
  readonly table: ParameterTable;
  readonly prefix: string;

  constructor(table: ParameterTable = new Map(), prefix = '') {
    this.table = table;
    this.prefix = prefix;
  }

  at(name: string | number): Scope {
    return new Scope(this.table, this.#full(String(name)));
  }

  /** Declares a parameter, or gives the one declared before under this name. Throws `E_SHAPE` when the shapes differ. */
  parameter(name: string, shape: Shape, initialiser: Initialiser = linearInit): Tensor {
    const full = this.#full(name);
    const known = this.table.get(full);
    if (known) {
      expect(
        sameShape(known.shape, shape),
        `parameter "${full}" was declared as [${known.shape.join(', ')}] and is now asked for as [${shape.join(', ')}].`,
      );
      return known.tensor;
    }
    const tensor = input(full, shape);
    this.table.set(full, { name: full, shape, initialiser, tensor });
    return tensor;
  }

  #full(name: string): string {
    return this.prefix ? `${this.prefix}.${name}` : name;
  }
}

/** Fresh values for every parameter; each has its own stream, so adding one changes none of the others. */
export function initialise(specs: Iterable<ParameterSpec>, random: Random): Map<string, Float32Array> {
  return new Map(Array.from(specs, ({ name, shape, initialiser }) => [name, initialiser(random.split(name), shape)]));
}
