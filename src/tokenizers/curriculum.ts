/**
 * @file A curriculum over histories: training begins with easy ones and draws from more and more of them, as in "Competence-based curriculum
 * learning for neural machine translation" (Platanios et al. 2019, arXiv 1903.09848), with a share that rises linearly.
 */

import { type EnvFamily, episodeStarts, type History } from '../rl/index.ts';
import { CadenzaError } from '../util/errors.ts';
import type { Draws } from './batches.ts';

/** What makes a history hard: its number of transitions, or how often its task changes. */
export const CURRICULUM_ORDERS = ['length', 'changes'] as const;

/** Easy histories first, then more and more of them. */
export interface Curriculum {
  /** What makes a history hard. */
  readonly order: (typeof CURRICULUM_ORDERS)[number];
  /** Fraction of the histories that batch 0 is drawn from. */
  readonly from: number;
  /** The batch from which on all histories are drawn. */
  readonly steps: number;
}

type Family = Pick<EnvFamily, 'id' | 'changes'>;

const stepsOf = (history: History): number => episodeStarts(history).at(-1)!;

const HARDNESS: Readonly<Record<Curriculum['order'], (history: History, family: Family) => number>> = {
  length: stepsOf,
  changes: (history, { changes }) => (changes?.(history.task) ?? []).filter(step => step > 0 && step < stepsOf(history)).length,
};

/**
 * Checks that some histories of these tasks are harder than others.
 *
 * @throws {CadenzaError} `E_CONFIG` if the order is `changes`, and tasks never change.
 */
export function checkCurriculum({ order }: Curriculum, { id, changes }: Family): void {
  if (order !== 'changes' || changes) return;
  throw new CadenzaError(
    'E_CONFIG',
    `queries.curriculum.order is changes, but tasks of ${id} never change. Set it to length, or choose an environment whose tasks change, such as key-to-door-life.`,
  );
}

/**
 * Draws histories in the order of a curriculum: in batch s, uniformly from the easiest ⌈N · min(1, from + (1 − from) · s / steps)⌉ of N
 * histories. Histories that are equally hard keep their order.
 */
export function drawnInOrder(
  { order, from, steps }: Curriculum,
  histories: readonly History[],
  family: Family,
): NonNullable<Draws['history']> {
  const hardness = histories.map(history => HARDNESS[order](history, family));
  const sorted = Array.from(histories.keys()).sort((a, b) => hardness[a] - hardness[b] || a - b);
  return (random, step) => {
    const share = step >= steps ? 1 : from + (1 - from) * (step / steps);
    return sorted[random.integer(Math.max(1, Math.ceil(share * sorted.length)))];
  };
}
