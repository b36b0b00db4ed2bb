/**
 * @file The content of a token: named fields in one row of numbers. Categorical fields are one-hot, so a row is ready for a matrix product.
 */

import { type EnvFamily, type ImageSpace, type Space, spaceSize, type Transitions } from '../rl/index.ts';
import { CadenzaError } from '../util/errors.ts';

/** One part of a token. If its presence flag is 0, the field is absent and all its numbers are 0. */
export interface Field {
  readonly name: string;
  /**
   * `categorical`: `size` numbers, one of them 1. `scalar`: one number, the raw value. `vector`: `size` raw values. `image`: `size`
   * brightness values.
   */
  readonly kind: 'categorical' | 'scalar' | 'vector' | 'image';
  /** Whether it is a reward: rewards may be bucketed, and are counted as events in reconstruction. */
  readonly reward?: boolean;
  /** Column of the transitions that a vector comes from, over which its statistics are computed. */
  readonly column?: Column;
  /** The shape of an image. */
  readonly image?: Pick<ImageSpace, 'height' | 'width' | 'channels'>;
  /** First column. */
  readonly offset: number;
  readonly size: number;
  /** Column of the flag that says whether the field is present. */
  readonly presence: number;
}

/** Columns of transitions that hold elements of a space. */
export type Column = 'observation' | 'action' | 'nextObservation';

/** Column that is 1 in the first token of every transition, in every layout; where it is 0 throughout, there is no transition. */
export const PRESENCE = 0;

/** The columns of a token row. */
export interface TokenLayout {
  /** Numbers per token (F). */
  readonly width: number;
  /** The parts of a token. */
  readonly fields: readonly Field[];
}

/** Lays out fields one after another, after `flags` columns of presence flags. */
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

  /**
   * The fields of one element of a space, found in `column` of the transitions. Factors stay separate: they generalize where one joint
   * index does not (docs/LOG.md).
   */
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

/**
 * Writes the raw values of fields, read consecutively from `from`, into a row that is otherwise zero.
 *
 * @throws {CadenzaError} `E_DATA` for a category outside a field's range.
 */
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
      throw new CadenzaError('E_DATA', `field "${fields[i].name}" must be an integer from 0 to ${size - 1}, but is ${value}.`);
    row[at + offset + value] = 1;
  }
}

/** What a query may say about earlier steps. */
export type Past = Pick<Transitions, 'observation' | 'action' | 'reward'>;

/** The past before the first step of a segment. */
export const NO_PAST: Past = { observation: [], action: [], reward: [] };

/** Converts a trajectory to tokens (method 1.2). Rows are written into buffers that are zero before. */
export interface Tokenizer {
  readonly id: string;
  /** Tokens per past transition. */
  readonly tokensPerTransition: number;
  /** Columns of a context token. */
  readonly context: TokenLayout;
  /** Writes transition `t` of `transitions` as the tokens that start at `row` (an index of numbers, not tokens). */
  writeTransition(out: Float32Array, row: number, transitions: Transitions, t: number): void;

  /** Number of tokens of a running segment with `steps` states. */
  queryTokens(steps: number): number;
  /** Every query token holds the current state only: tokens must not attend to each other, and one is enough to act. */
  readonly stateOnly?: boolean;
  /** Columns of a query token. */
  readonly query: TokenLayout;
  /** The few-shot prompt before the running segment, if there is room for one. Its tokens are part of the query. */
  readonly prompt?: {
    /** Number of tokens that it takes, whatever its content. */
    readonly tokens: number;
    /**
     * Writes the episodes of `shown` into the query's rows that start at `row`.
     *
     * @throws {CadenzaError} `E_SHAPE` for more episodes than there is room for.
     */
    write(out: Float32Array, row: number, shown: Transitions): void;
  };
  /** Index of the token at which the action of step `t` is predicted. */
  predictionIndex(t: number): number;
  /**
   * Writes what becomes known at step `t` of the running segment (action and reward of step t - 1, then the state) into the segment's rows
   * that start at `row`. The observation is read at `from`. Step t - 1 is step `last` of `past`, which is not read at t = 0.
   */
  writeQuery(out: Float32Array, row: number, t: number, observation: ArrayLike<number>, from: number, past: Past, last: number): void;
}

/** Creates a tokenizer for a family of tasks. */
export type MakeTokenizer = (family: Pick<EnvFamily, 'observationSpace' | 'actionSpace'>) => Tokenizer;

/** A registered tokenizer. */
export interface TokenizerKind {
  readonly id: string;
  /** Creates it for a family of tasks. */
  readonly make: MakeTokenizer;
}

/** Steps of an episode that one call of an acting model sees: one is enough if tokens do not attend to each other. */
export const stepsSeen = ({ stateOnly }: Pick<Tokenizer, 'stateOnly'>, horizon: number): number => (stateOnly ? 1 : horizon);
