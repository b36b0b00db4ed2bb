/** @file How much of a discrete alphabet a model uses. */

/** Use of the codes of one model. */
export interface CodeUse {
  /** Fraction of the alphabet that was ever used, averaged over the groups. */
  used: number;
  /** exp of the entropy of the code frequencies, averaged over the groups: the effective number of equally frequent codes. */
  perplexity: number;
}

/** Counts codes by group. */
export class CodeCounter {
  readonly #groups: number;
  readonly #size: number;
  readonly #counts: Float64Array;

  constructor({ groups, size }: { groups: number; size: number }) {
    this.#groups = groups;
    this.#size = size;
    this.#counts = new Float64Array(groups * size);
  }

  /** Codes [.., groups], each below `size`. */
  count(codes: ArrayLike<number>): void {
    for (let i = 0; i < codes.length; i++) this.#counts[(i % this.#groups) * this.#size + codes[i]]++;
  }

  /** Use of the codes counted so far; zeros before any. */
  use(): CodeUse {
    let [used, perplexity] = [0, 0];
    for (let g = 0; g < this.#groups; g++) {
      const counts = this.#counts.subarray(g * this.#size, (g + 1) * this.#size).filter(n => n > 0);
      if (counts.length === 0) continue;
      const total = counts.reduce((a, b) => a + b, 0);
      used += counts.length / this.#size / this.#groups;
      perplexity += Math.exp(counts.reduce((sum, n) => sum - (n / total) * Math.log(n / total), 0)) / this.#groups;
    }
    return { used, perplexity };
  }
}
