/**
 * @file Counter-based random streams (Philox4x32-10, Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"). A stream is a pure
 * function of its key: it can be split by label, passed on, and rebuilt after a resume without replaying draws.
 */

const M0 = 0xd2511f53;
const M1 = 0xcd9e8d57;
const W0 = 0x9e3779b9;
const W1 = 0xbb67ae85;

/**
 * High half of the 64-bit product of the unsigned 32-bit integers aHigh · 2¹⁶ + aLow and b, as a signed integer, by products of 16-bit
 * halves: no sum of them exceeds 32 bits. `| 0` and plain variables, because unsigned results and arrays took seven times as long: the
 * compiler made them floating-point numbers.
 */
function multiplyHigh(aHigh: number, aLow: number, b: number): number {
  const bHigh = b >>> 16;
  const bLow = b & 0xffff;
  const middle1 = (Math.imul(aHigh, bLow) + (Math.imul(aLow, bLow) >>> 16)) | 0;
  const middle2 = (Math.imul(aLow, bHigh) + (middle1 & 0xffff)) | 0;
  return (Math.imul(aHigh, bHigh) + (middle1 >>> 16) + (middle2 >>> 16)) | 0;
}

/** One Philox4x32-10 block: 4 counter words and 2 key words in, 4 random words out (written into `out`). */
export function philox4x32(counter: ArrayLike<number>, key: ArrayLike<number>, out: Uint32Array): Uint32Array {
  let c0 = counter[0] | 0;
  let c1 = counter[1] | 0;
  let c2 = counter[2] | 0;
  let c3 = counter[3] | 0;
  let k0 = key[0] | 0;
  let k1 = key[1] | 0;
  for (let round = 0; round < 10; round++) {
    const high0 = multiplyHigh(M0 >>> 16, M0 & 0xffff, c0);
    const low0 = Math.imul(M0, c0);
    const high1 = multiplyHigh(M1 >>> 16, M1 & 0xffff, c2);
    const low1 = Math.imul(M1, c2);
    c0 = high1 ^ c1 ^ k0;
    c1 = low1;
    c2 = high0 ^ c3 ^ k1;
    c3 = low0;
    k0 = (k0 + W0) | 0;
    k1 = (k1 + W1) | 0;
  }
  out[0] = c0;
  out[1] = c1;
  out[2] = c2;
  out[3] = c3;
  return out;
}

/** FNV-1a hash of a label, 32 bits: turns a label into a counter word. */
function hashLabel(label: string | number): number {
  const text = `${typeof label}:${label}`;
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193) >>> 0;
  return hash;
}

/**
 * A stream of random numbers. Equal keys give equal streams; `split` gives independent ones.
 *
 * @example
 * const random = Random.seeded(0).split('evaluation', 3);
 * random.integer(6); // uniform in 0 … 5, the same in every run
 */
export class Random {
  readonly #key: Uint32Array;
  readonly #counter = new Uint32Array(4);
  readonly #block = new Uint32Array(4);
  #used = 4;

  private constructor(key: Uint32Array) {
    this.#key = key;
  }

  /** The root stream of an integer seed (53 bits). */
  static seeded(seed: number): Random {
    return new Random(Uint32Array.of(seed >>> 0, Math.floor(Math.abs(seed) / 2 ** 32) >>> 0));
  }

  /** The independent stream with these labels below this one. It does not depend on how many numbers were drawn here. */
  split(...labels: (string | number)[]): Random {
    let key: Uint32Array = this.#key;
    for (const label of labels) {
      // The last counter word separates these blocks from those that generate this stream's own numbers.
      const block = philox4x32([hashLabel(label), 0, 0, 0x5eed], key, new Uint32Array(4));
      key = block.slice(0, 2);
    }
    return new Random(key);
  }

  /** Uniform integer in [0, 2³²). */
  uint32(): number {
    if (this.#used === 4) {
      philox4x32(this.#counter, this.#key, this.#block);
      if (++this.#counter[0] === 0x100000000) this.#counter[1]++;
      this.#used = 0;
    }
    return this.#block[this.#used++];
  }

  /** Uniform real in [0, 1), 32 random bits. */
  uniform(): number {
    return this.uint32() / 2 ** 32;
  }

  /** Uniform integer in [0, n), n ≤ 2³². */
  integer(n: number): number {
    return Math.floor(this.uniform() * n);
  }

  /** Standard normal variate (Box and Muller 1958; the second of each pair is dropped, so that every draw uses the same count). */
  normal(): number {
    const radius = Math.sqrt(-2 * Math.log(1 - this.uniform()));
    return radius * Math.cos(2 * Math.PI * this.uniform());
  }

  /** Index drawn with probability proportional to `weights[offset … offset + n)`, whose sum must be positive. */
  categorical(weights: ArrayLike<number>, offset = 0, n: number = weights.length - offset): number {
    let total = 0;
    for (let i = 0; i < n; i++) total += weights[offset + i];
    let threshold = this.uniform() * total;
    for (let i = 0; i < n; i++) {
      threshold -= weights[offset + i];
      if (threshold < 0) return i;
    }
    // Rounding can leave a small remainder: it goes to the last index with positive weight.
    for (let i = n - 1; i > 0; i--) if (weights[offset + i] > 0) return i;
    return 0;
  }

  /** A shuffled copy (Fisher and Yates). */
  shuffled<T>(items: readonly T[]): T[] {
    const copy = [...items];
    for (let i = copy.length - 1; i > 0; i--) {
      const j = this.integer(i + 1);
      [copy[i], copy[j]] = [copy[j], copy[i]];
    }
    return copy;
  }
}
