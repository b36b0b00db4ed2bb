/** @file What a token is made of: named fields in one row of numbers. Categorical fields are one-hot, so a row is ready for a matrix product. */

import type { EnvFamily, Space } from '../rl/index.ts';
import { CadenzaError } from '../util/errors.ts';

/** One part of a token. A field is absent from a row when its presence flag is 0; all its numbers are then 0 too. */
export interface Field {
  readonly name: string;
  /** `categorical`: `size` numbers, one of them 1. `scalar`: one number, the raw value. */
  readonly kind: 'categorical' | 'scalar';
  readonly offset: number;
  readonly size: number;
  /** Column of the flag that says whether the field is there. */
  readonly presence: number;
}

/** The columns of a token row. */
export interface TokenLayout {
  readonly width: number;
  readonly fields: readonly Field[];
}

/** Lays fields out one behind the other after `flags` columns of presence flags. */
export class LayoutBuilder {
  readonly #fields: Field[] = [];
  #width: number;

  constructor(flags: number) {
    this.#width = flags;
  }

  #push(name: string, kind: Field['kind'], size: number, presence: number): Field {
    const field: Field = { name, kind, size, presence, offset: this.#width };
    this.#width += size;
    this.#fields.push(field);
    return field;
  }

  categorical(name: string, size: number, presence = 0): Field {
    return this.#push(name, 'categorical', size, presence);
  }

  scalar(name: string, presence = 0): Field {
    return this.#push(name, 'scalar', 1, presence);
  }

  /** The fields of one element of a space. Factors stay apart: they generalise where one joint index does not (docs/LOG.md). */
  space(name: string, space: Space, presence = 0): Field[] {
    switch (space.kind) {
      case 'discrete':
        return [this.categorical(name, space.n, presence)];
      case 'multi-discrete':
        return space.nvec.map((n, i) => this.categorical(`${name}.${i}`, n, presence));
      case 'box':
        return space.low.map((_, i) => this.scalar(`${name}.${i}`, presence));
    }
  }

  build(): TokenLayout {
    return { width: this.#width, fields: this.#fields };
  }
}

/** Writes values into a row; expects the row to be zero where it is not written. */
export function writeFields(row: Float32Array, at: number, fields: readonly Field[], values: ArrayLike<number>, from = 0): void {
  for (let i = 0; i < fields.length; i++) {
    const { kind, offset, size } = fields[i];
    const value = values[from + i];
    if (kind === 'scalar') row[at + offset] = value;
    else if (value >= 0 && value < size) row[at + offset + value] = 1;
    else throw new CadenzaError('E_DATA', `field "${fields[i].name}" takes integers from 0 to ${size - 1}, got ${value}.`);
  }
}

/** Transitions in columns, as a History has them. */
export interface Transitions {
  readonly observation: ArrayLike<number>;
  readonly action: ArrayLike<number>;
  readonly reward: ArrayLike<number>;
  readonly nextObservation: ArrayLike<number>;
  readonly terminated: ArrayLike<number>;
  readonly truncated: ArrayLike<number>;
}

/** How a trajectory becomes tokens (method 1.2). Rows are written into buffers that are zero before. */
export interface Tokenizer {
  readonly id: string;
  /** Tokens of one past transition. */
  readonly tokensPerTransition: number;
  readonly context: TokenLayout;
  /** Writes transition `t` of `transitions` as the tokens that start at `row` (an index in numbers, not tokens). */
  writeTransition(out: Float32Array, row: number, transitions: Transitions, t: number): void;

  /** Tokens of the running episode once all its `horizon` states are there. */
  queryTokens(horizon: number): number;
  readonly query: TokenLayout;
  /** Index of the token at which the action of step `t` is predicted. */
  predictionIndex(t: number): number;
  /**
   * Writes what becomes known at step `t` of the running episode (the action and reward of step t - 1, then the state) into the episode's
   * rows that start at `row`. `observation` is read at `from`.
   */
  writeQuery(
    out: Float32Array,
    row: number,
    t: number,
    observation: ArrayLike<number>,
    from: number,
    previousAction: number,
    previousReward: number,
  ): void;
}

export type MakeTokenizer = (family: Pick<EnvFamily, 'observationSpace' | 'actionSpace'>) => Tokenizer;
