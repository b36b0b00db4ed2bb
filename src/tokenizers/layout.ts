/** @file What a token is made of: named fields in one row of numbers. Categorical fields are one-hot, so a row is ready for a matrix product. */

import { type EnvFamily, type ImageSpace, type Space, spaceSize } from '../rl/index.ts';
import { CadenzaError } from '../util/errors.ts';

/** One part of a token. A field is absent from a row when its presence flag is 0; all its numbers are then 0 too. */
export interface Field {
  readonly name: string;
  /**
   * `categorical`: `size` numbers, one of them 1. `scalar`: one number, the raw value. `vector`: `size` raw values. `image`: `size` brightnesses.
   */
  readonly kind: 'categorical' | 'scalar' | 'vector' | 'image';
  /** Whether it is a reward: rewards may be embedded by buckets, and are counted as events in reconstruction. */
  readonly reward?: boolean;
  /** Column of the transitions that a vector comes from: what its statistics are taken over. */
  readonly column?: Column;
  /** The shape of an image. */
  readonly image?: Pick<ImageSpace, 'height' | 'width' | 'channels'>;
  readonly offset: number;
  readonly size: number;
  /** Column of the flag that says whether the field is there. */
  readonly presence: number;
}

/** Columns of transitions that hold elements of a space. */
export type Column = 'observation' | 'action' | 'nextObservation';

/** Column that is 1 in the first token of every transition, in every layout: where it is 0 throughout, nothing is there. */
export const PRESENCE = 0;

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

  #push(field: Omit<Field, 'offset'>): Field {
    const placed: Field = { ...field, offset: this.#width };
    this.#width += field.size;
    this.#fields.push(placed);
    return placed;
  }

  categorical(name: string, size: number, presence = 0): Field {
    return this.#push({ name, kind: 'categorical', size, presence });
  }

  scalar(name: string, presence = 0): Field {
    return this.#push({ name, kind: 'scalar', size: 1, presence });
  }

  reward(name: string, presence = 0): Field {
    return this.#push({ name, kind: 'scalar', size: 1, presence, reward: true });
  }

  /** The fields of one element of a space, which stands in `column` of the transitions. Factors stay apart: they generalize where one joint index does not (docs/LOG.md). */
  space(name: string, space: Space, presence: number, column: Column): Field[] {
    switch (space.kind) {
      case 'discrete':
        return [this.categorical(name, space.n, presence)];
      case 'multi-discrete':
        return space.nvec.map((n, i) => this.categorical(`${name}.${i}`, n, presence));
      case 'box':
        return [this.#push({ name, kind: 'vector', size: spaceSize(space), presence, column })];
      case 'image':
        return [this.#push({ name, kind: 'image', size: spaceSize(space), presence, image: space })];
    }
  }

  build(): TokenLayout {
    return { width: this.#width, fields: this.#fields };
  }
}

/** Writes the raw values of fields, read one behind the other at `from`, into a row; expects the row to be zero where it is not written. */
export function writeFields(row: Float32Array, at: number, fields: readonly Field[], values: ArrayLike<number>, from = 0): void {
  let next = from;
  for (let i = 0; i < fields.length; i++) {
    const { kind, offset, size } = fields[i];
    if (kind !== 'categorical') {
      for (let k = 0; k < size; k++) row[at + offset + k] = values[next++];
      continue;
    }
    const value = values[next++];
    if (!(value >= 0 && value < size))
      throw new CadenzaError('E_DATA', `field "${fields[i].name}" takes integers from 0 to ${size - 1}, got ${value}.`);
    row[at + offset + value] = 1;
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

  /** Tokens of a running segment once all its `steps` states are there. */
  queryTokens(steps: number): number;
  /** Every query token stands for the current state alone: tokens must not see each other, and one is enough to act. */
  readonly stateOnly?: boolean;
  readonly query: TokenLayout;
  /** The few-shot prompt that stands before the running segment, where there is room for one. Its tokens count among those of the query. */
  readonly prompt?: {
    /** Tokens that it takes, whatever is in it. */
    readonly tokens: number;
    /** Writes the episodes of `shown` into the query's rows that start at `row`. Throws `E_SHAPE` for more episodes than there is room for. */
    write(out: Float32Array, row: number, shown: Transitions): void;
  };
  /** Index of the token at which the action of step `t` is predicted. */
  predictionIndex(t: number): number;
  /**
   * Writes what becomes known at step `t` of the running segment (the action and reward of step t - 1, then the state) into the segment's
   * rows that start at `row`. `observation` is read at `from`, the action of step t - 1 at `actions[actionFrom …]`.
   */
  writeQuery(
    out: Float32Array,
    row: number,
    t: number,
    observation: ArrayLike<number>,
    from: number,
    actions: ArrayLike<number>,
    actionFrom: number,
    previousReward: number,
  ): void;
}

export type MakeTokenizer = (family: Pick<EnvFamily, 'observationSpace' | 'actionSpace'>) => Tokenizer;

/** A tokenizer by its name. */
export interface TokenizerKind {
  readonly id: string;
  readonly make: MakeTokenizer;
}

/** Steps of an episode that one call of an acting model sees: one is enough where tokens do not see each other. */
export const stepsSeen = ({ stateOnly }: Pick<Tokenizer, 'stateOnly'>, horizon: number): number => (stateOnly ? 1 : horizon);
