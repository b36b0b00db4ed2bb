/** @file The score of an agent in the page: the mean over the last episodes on held-out tasks. */

/** Episodes of a stream in an evaluation, and the last ones that count. */
export const [EPISODES, LAST] = [20, 5];

/** The mean of the last episodes of a curve. */
export const scoreOf = (curve: readonly number[]): number => {
  const last = curve.slice(-LAST);
  return last.reduce((sum, value) => sum + value, 0) / last.length;
};
