/** @file Scores to probabilities. */

/** Probabilities proportional to the exponentials of scores. */
export function softmax(scores: Float64Array): Float64Array {
  const most = scores.reduce((a, b) => Math.max(a, b), -Infinity);
  const powers = scores.map(score => Math.exp(score - most));
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers.map(power => power / sum);
}

/** Probabilities of K classes for a row [P]: class k has the score weights[k] · row + weights[k][P]. */
export const softmaxOf = (weights: readonly ArrayLike<number>[], row: ArrayLike<number>): Float64Array =>
  softmax(
    Float64Array.from(weights, own => {
      let score = own[row.length];
      for (let p = 0; p < row.length; p++) score += own[p] * row[p];
      return score;
    }),
  );
