/**
 * @file Mean attention weights of a policy over streams and steps, for selected episodes.
 * Shape key: L layers, J heads, C keys.
 */

import { invariant } from '../util/errors.ts';

/** Weights of one episode, averaged over streams and steps. */
export interface EpisodeAttention {
  /** In-context episode, from 1. */
  readonly episode: number;
  /** [L][J][C] each row sums to 1. */
  readonly weights: readonly (readonly (readonly number[])[])[];
  /** [L][J] mean entropy of the weights of a step, relative to its maximum: 0 for a single key, 1 for uniform weights. */
  readonly entropy: readonly (readonly number[])[];
}

/** Sizes of attention weights. */
export interface AttentionShape {
  /** Layers that attend. */
  readonly layers: number;
  /** Heads per layer. */
  readonly heads: number;
}

/** Averages weights [L · J · C] by episode. */
export class AttentionMean {
  readonly #shape: AttentionShape;
  readonly #episodes: Map<number, { weights: Float64Array; entropy: Float64Array; count: number }>;

  /** `episodes` (from 1) are the selected ones; others are ignored. */
  constructor(shape: AttentionShape, episodes: readonly number[]) {
    this.#shape = shape;
    this.#episodes = new Map(episodes.map(episode => [episode, { weights: new Float64Array(0), entropy: new Float64Array(0), count: 0 }]));
  }

  /**
   * Adds the weights of one step.
   *
   * @throws {CadenzaError} `E_SHAPE` for another number of weights.
   */
  add(episode: number, weights: ArrayLike<number>): void {
    const sums = this.#episodes.get(episode);
    if (!sums) return;
    const rows = this.#shape.layers * this.#shape.heads;
    invariant(
      weights.length > 0 && weights.length % rows === 0,
      `attention: expected rows for ${rows} heads, found ${weights.length} numbers.`,
    );
    const width = weights.length / rows;
    if (sums.count++ === 0) [sums.weights, sums.entropy] = [new Float64Array(weights.length), new Float64Array(rows)];
    for (let row = 0; row < rows; row++) {
      let entropy = 0;
      for (let c = row * width; c < (row + 1) * width; c++) {
        sums.weights[c] += weights[c];
        if (weights[c] > 0) entropy -= weights[c] * Math.log(weights[c]);
      }
      sums.entropy[row] += width > 1 ? entropy / Math.log(width) : 0;
    }
  }

  /** Means of the selected episodes that occurred. */
  means(): EpisodeAttention[] {
    const { layers, heads } = this.#shape;
    const perHead = <T>(of: (row: number) => T) =>
      Array.from({ length: layers }, (_, l) => Array.from({ length: heads }, (_, j) => of(l * heads + j)));
    return [...this.#episodes].flatMap(([episode, { weights, entropy, count }]) => {
      if (count === 0) return [];
      const width = weights.length / (layers * heads);
      return [
        {
          episode,
          weights: perHead(row => Array.from(weights.subarray(row * width, (row + 1) * width), sum => sum / count)),
          entropy: perHead(row => entropy[row] / count),
        },
      ];
    });
  }
}
