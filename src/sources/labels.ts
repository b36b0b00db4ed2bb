/** @file The labels of a history: the distributions over actions that queries are trained on. */

/** Learners whose distributions over actions a history can record. */
export const LABELS = ['recorded', 'final'] as const;
/** One of `LABELS`: `recorded`, as the learner was at that step, or `final`, as it is at the end of its history. */
export type Labels = (typeof LABELS)[number];

/**
 * The first step whose label may be the final learner's: the one after the first reward that differs from those before it. Until then the
 * history does not identify its task, so the final policy would teach an agent to act on information that it cannot have.
 *
 * @param reward [T] rewards of a history.
 * @returns an index into the T steps, or T if all rewards are equal.
 */
export function firstInformed(reward: Float32Array): number {
  const first = reward.findIndex(value => value !== reward[0]);
  return first < 0 ? reward.length : first + 1;
}
