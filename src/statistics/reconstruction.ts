/**
 * @file Scores of reconstructed contexts compared with their raw values, by field and by age of the transition.
 * Shape key: N tokens per context, F numbers per token.
 */

import { invariant } from '../util/errors.ts';

/** A field of a token in the layout of its tokenizer; the field is absent if the number at `presence` is 0. */
export interface ScoredField {
  readonly name: string;
  /** `categorical`: one-hot, reconstructed as scores with the largest as the prediction. Otherwise real numbers. */
  readonly kind: string;
  /** First column of the field. */
  readonly offset: number;
  readonly size: number;
  /** Column of its presence flag. */
  readonly presence: number;
  /** Whether it is a reward. */
  readonly reward?: boolean;
}

/** A measure: the accuracy or the squared error of a field, or the recall of reward events. */
export interface Measured {
  readonly name: string;
  /** What the score measures. */
  readonly measure: 'accuracy' | 'squared error' | 'recall';
}

/** The measures of fields; for a reward, also the share of transitions with r > 0 that are reconstructed as more than r / 2. */
export const measuresOf = (fields: readonly ScoredField[]): Measured[] =>
  fields.flatMap(({ name, kind, reward }): Measured[] => [
    { name, measure: kind === 'categorical' ? 'accuracy' : 'squared error' },
    ...(reward ? [{ name: `${name} events`, measure: 'recall' } as const] : []),
  ]);

/** Sums over contexts for every measure and every token. */
export class ReconstructionScore {
  readonly #fields: readonly ScoredField[];
  readonly #tokens: number;
  readonly #width: number;
  /** [measures][N] */
  readonly #sums: readonly Float64Array[];
  readonly #counts: readonly Float64Array[];

  constructor({ fields, width }: { fields: readonly ScoredField[]; width: number }, tokens: number) {
    this.#fields = fields;
    this.#tokens = tokens;
    this.#width = width;
    const zeros = () => measuresOf(fields).map(() => new Float64Array(tokens));
    [this.#sums, this.#counts] = [zeros(), zeros()];
  }

  /**
   * Adds contexts [.., N, F] and their reconstructions.
   *
   * @throws {CadenzaError} `E_SHAPE` for arrays of different lengths, or incomplete contexts.
   */
  add(predicted: ArrayLike<number>, actual: ArrayLike<number>): void {
    const row = this.#tokens * this.#width;
    invariant(
      predicted.length === actual.length && actual.length % row === 0,
      `reconstructions: expected contexts of ${this.#tokens} × ${this.#width} numbers and reconstructions of the same shape, found ${actual.length} and ${predicted.length} numbers.`,
    );
    for (let token = 0; token < actual.length / this.#width; token++) this.#token(predicted, actual, token);
  }

  #token(predicted: ArrayLike<number>, actual: ArrayLike<number>, token: number): void {
    const at = token * this.#width;
    const n = token % this.#tokens;
    let m = 0;
    const note = (value: number) => {
      this.#sums[m][n] += value;
      this.#counts[m][n]++;
    };
    for (const { kind, offset, size, presence, reward } of this.#fields) {
      const there = actual[at + presence] !== 0;
      const from = at + offset;
      if (there && kind === 'categorical') note(Number(largest(predicted, from, size) === largest(actual, from, size)));
      else if (there) note(squares(predicted, actual, from, size));
      m++;
      if (!reward) continue;
      if (there && actual[from] > 0) note(Number(predicted[from] > actual[from] / 2));
      m++;
    }
  }

  /** [measures][bins] means over the tokens of each bin, and over all (`null` if the field was absent); `bin` maps a token to its bin. */
  means(bins: number, bin: (token: number) => number): { all: number | null; bins: (number | null)[] }[] {
    return this.#sums.map((sums, m) => {
      const [total, count] = [new Float64Array(bins), new Float64Array(bins)];
      for (let n = 0; n < this.#tokens; n++) {
        total[bin(n)] += sums[n];
        count[bin(n)] += this.#counts[m][n];
      }
      const mean = (sum: number, count: number) => (count > 0 ? sum / count : null);
      const over = (values: Float64Array) => values.reduce((a, b) => a + b, 0);
      return { all: mean(over(total), over(count)), bins: Array.from(total, (sum, b) => mean(sum, count[b])) };
    });
  }
}

/** The mean of contexts [.., N, F] by token: the best constant prediction. */
export class MeanContext {
  readonly #sum: Float64Array;
  readonly #count: Float64Array;
  readonly #fields: readonly ScoredField[];
  readonly #width: number;

  constructor({ fields, width }: { fields: readonly ScoredField[]; width: number }, tokens: number) {
    this.#sum = new Float64Array(tokens * width);
    this.#count = new Float64Array(tokens * width);
    this.#fields = fields;
    this.#width = width;
  }

  add(contexts: ArrayLike<number>): void {
    for (let at = 0; at < contexts.length; at += this.#width) {
      const to = at % this.#sum.length;
      for (const { offset, size, presence } of this.#fields) {
        if (contexts[at + presence] === 0) continue;
        for (let k = offset; k < offset + size; k++) {
          this.#sum[to + k] += contexts[at + k];
          this.#count[to + k]++;
        }
      }
    }
  }

  /** [N × F] */
  mean(): Float64Array {
    return this.#sum.map((sum, k) => sum / Math.max(this.#count[k], 1));
  }
}

function largest(values: ArrayLike<number>, from: number, size: number): number {
  let best = 0;
  for (let k = 1; k < size; k++) if (values[from + k] > values[from + best]) best = k;
  return best;
}

function squares(a: ArrayLike<number>, b: ArrayLike<number>, from: number, size: number): number {
  let sum = 0;
  for (let k = from; k < from + size; k++) sum += (a[k] - b[k]) ** 2;
  return sum;
}
