/** @file Kinds of labels: how a prediction of each is scored, and what can be said without looking at the inputs. */

import type { Examples, LabelKind } from './problem.ts';

export interface LabelRecord {
  /** Name of the score. */
  readonly score: string;
  readonly better: 'lower' | 'higher';
  /** Score of the prediction that starts at `at`: its first `size` numbers are the expected value, or rank the classes. */
  measure(predictions: ArrayLike<number>, at: number, size: number, label: number): number;
  /** The predictor that looks at no input. */
  readonly blind: {
    readonly name: string;
    /** One prediction of `size` numbers, for every query. */
    predict(examples: Examples, size: number): Float64Array;
  };
}

/** Index of the largest of `size` numbers from `at` on; the first among equals. */
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
    // Every problem with real labels has labels of mean zero over its tasks.
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

/** The record of a kind of label, by its common interface. */
export const labelRecord = (kind: LabelKind): LabelRecord => LABELS[kind];
