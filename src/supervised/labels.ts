/** @file Kinds of labels: how a prediction is scored, and the best prediction without looking at the inputs. */

import type { Examples, LabelKind } from './problem.ts';

/** One kind of label. */
export interface LabelRecord {
  /** Name of the score. */
  readonly score: string;
  /** Which direction of the score is better. */
  readonly better: 'lower' | 'higher';
  /** Score of the prediction that starts at `at`: its `size` numbers are the expected value, or class scores. */
  measure(predictions: ArrayLike<number>, at: number, size: number, label: number): number;
  /** The best predictor that ignores the inputs. */
  readonly blind: {
    readonly name: string;
    /** One prediction of `size` numbers, for every query. */
    predict(examples: Examples, size: number): Float64Array;
  };
}

/** Index of the largest of `size` numbers from `at` on; the first if several are equal. */
function largest(values: ArrayLike<number>, at: number, size: number): number {
  let best = 0;
  for (let i = 1; i < size; i++) if (values[at + i] > values[at + best]) best = i;
  return best;
}

const LABELS: Record<LabelKind, LabelRecord> = {
  real: {
    score: 'squared error',
    better: 'lower',
    measure: (predictions, at, _, label) => (predictions[at] - label) ** 2,
    // Labels of every problem with real labels have mean zero over its tasks.
    blind: { name: 'zero', predict: (_, size) => new Float64Array(size) },
  },
  class: {
    score: 'accuracy',
    better: 'higher',
    measure: (predictions, at, size, label) => Number(largest(predictions, at, size) === label),
    blind: {
      name: 'majority',
      predict({ labels }, size) {
        const votes = new Float64Array(size);
        for (const label of labels) votes[label]++;
        return votes;
      },
    },
  },
};

/** The record of a kind of label. */
export const labelRecord = (kind: LabelKind): LabelRecord => LABELS[kind];
