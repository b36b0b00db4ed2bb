/** @file How much of a discrete alphabet a model uses: codes are counted as they are made. */

/** Use of the codes of one model. */
export interface CodeUse {
  /** Fraction of the alphabet that was ever used, averaged over the groups. */
  used: number;
  /** exp of the entropy of the codes' frequencies, averaged over the groups: as many equally frequent codes would have it. */
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

  /** Of what was counted so far; zeros before anything was. */
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
