/**
 * @file What returns are scored by: the oracle, two given returns, or what random choice and the source were measured to earn. The only place that
 * measures a reference, and the only one that puts it into words.
 */

import { mean } from '../statistics/bootstrap.ts';
import { FINAL_EPISODES } from '../statistics/learning.ts';
import { oracleScales, type ReferenceKind, type Scale, type Scales, scaleOf } from '../statistics/reference.ts';
import { CadenzaError, invariant } from '../util/errors.ts';
import type { MethodTable, RowReference, TaskScore } from './results-format.ts';
import type { ReturnsTable, SeedReturns } from './returns-format.ts';

/** How the returns of some tasks become scores, and who says so. */
export interface Reference {
  /** What 0 and 1 stand for. */
  readonly kind: ReferenceKind;
  /** The returns that score 0 and 1, by task. */
  readonly scales: Scales;
}

/** The same as a report needs it: the returns that score 0 and 1, on average over the tasks. */
export interface ReferenceSummary extends Scale {
  /** What 0 and 1 stand for. */
  readonly kind: ReferenceKind;
}

/** The oracle's returns by task key. */
export const oracleReference = (oracle: Iterable<readonly [task: string, high: number]>): Reference => ({
  kind: 'oracle',
  scales: oracleScales(oracle),
});

/** Two returns, the same for all tasks. */
export const givenReference = (tasks: readonly string[], { low, high }: Scale): Reference => ({
  kind: 'given',
  scales: new Map(tasks.map(task => [task, { low, high }])),
});

/** The rollouts of the two rows that a reference is measured on, seed by seed. */
export interface MeasuredRows {
  /** Returns of random play. */
  readonly random: readonly SeedReturns[];
  /** Returns of the source. */
  readonly source: readonly SeedReturns[];
  readonly episodes: number;
  /** What the table is called in messages, where it is not that of the experiment. */
  readonly table?: string;
}

/**
 * On each task 0 is the mean return of random choice over all episodes, and 1 lies above it by the mean over tasks of what the source earns more than
 * that in its last `FINAL_EPISODES` episodes. The distance is one for all tasks: divided by a distance of its own, a task on which the source
 * is hardly better than chance would outweigh all others, and one on which it is worse would turn scores round. So a mean score is
 * the mean return in other units, and random choice and the source at its end score 0 and 1 on average.
 *
 * @throws `E_DATA` where the source is not better than random choice.
 */
export function measuredReference({ random, source, episodes, table }: MeasuredRows): Reference {
  const low = meansByTask(random, episodes, episodes);
  const high = meansByTask(source, episodes, FINAL_EPISODES);
  const [zero, one] = [low, high].map(means => mean([...means.values()]));
  if (!(one > zero))
    throw new CadenzaError(
      'E_DATA',
      `scores${table ? ` of ${table}` : ''} cannot be normalized by the source: its mean return over its last episodes is ${one}, and that of random choice is ${zero}. ` +
        'Set evaluate.reference to two returns, low and high, that score 0 and 1; nothing is trained again. Or choose a source that learns more.',
    );
  return { kind: 'measured', scales: new Map(Array.from(low, ([task, low]) => [task, { low, high: low + (one - zero) }])) };
}

/** By task, the mean return over the last episodes of all streams of all seeds. */
function meansByTask(seeds: readonly SeedReturns[], episodes: number, last: number): Map<string, number> {
  const found = new Map<string, number[]>();
  for (const { returns, tasks } of seeds)
    for (const [stream, task] of tasks.entries()) {
      const own = Array.from({ length: Math.min(last, episodes) }, (_, e) => returns[(stream + 1) * episodes - 1 - e]);
      found.set(task, [...(found.get(task) ?? []), mean(own)]);
    }
  return new Map(Array.from(found, ([task, means]) => [task, mean(means)]));
}

/**
 * What a table of raw returns is scored by.
 *
 * @throws {CadenzaError} `E_SHAPE` unless there is one reference per task.
 */
export function referenceOf({ tasks, oracle, reference }: Pick<ReturnsTable, 'tasks' | 'oracle' | 'reference'>): Reference {
  const { kind, low, high } = reference ?? { kind: 'oracle', low: tasks.map(() => 0), high: oracle! };
  invariant(
    low.length === tasks.length && high.length === tasks.length,
    `expected a reference for each of ${tasks.length} tasks, got ${low.length} and ${high.length}.`,
  );
  return { kind, scales: new Map(tasks.map((task, t) => [task, { low: low[t], high: high[t] }])) };
}

/** The part of a table of raw returns that says it, for tasks in this order. */
export function recordedReference(tasks: readonly string[], { kind, scales }: Reference): Pick<ReturnsTable, 'oracle' | 'reference'> {
  const all = tasks.map(task => scaleOf(scales, task, 'evaluation'));
  const [low, high] = [all.map(({ low }) => low), all.map(({ high }) => high)];
  return kind === 'oracle' ? { oracle: high } : { reference: { kind, low, high } };
}

/** The returns of a task that score 0 and 1, as its entry in the results has them. */
export const scaleOfTask = ({ oracle, low = 0, high = oracle! }: Pick<TaskScore, 'oracle' | 'low' | 'high'>): Scale => ({ low, high });

/** What the entry of a task says of its scale. */
export const scaleFields = (kind: ReferenceKind, { low, high }: Scale): Pick<TaskScore, 'oracle' | 'low' | 'high'> =>
  kind === 'oracle' ? { oracle: high } : { low, high };

/** What a row says of its reference: nothing of the oracle. */
export function rowReference({ kind, scales }: Reference, tasks: readonly string[]): RowReference | undefined {
  if (kind === 'oracle') return undefined;
  const all = tasks.map(task => scales.get(task)!);
  return { kind, low: mean(all.map(({ low }) => low)), high: mean(all.map(({ high }) => high)) };
}

/**
 * What the rows of a table of results are scored by.
 *
 * @throws {CadenzaError} `E_SHAPE` for a table without methods.
 */
export function referenceIn(methods: MethodTable): ReferenceSummary {
  const [first] = Object.values(methods);
  invariant(first !== undefined, 'expected a table with at least one method, got none.');
  const { reference, perTask } = first;
  return reference ?? { kind: 'oracle', low: 0, high: mean(perTask.map(task => scaleOfTask(task).high)) };
}

/** A reference in words. */
export interface ReferenceWords {
  /** What scores 0 and 1, in a word or as a number. */
  readonly zero: string;
  /** What scores 1, in a word or as a number. */
  readonly one: string;
  /** What a score is. */
  readonly noun: string;
  /** What it is, after "return". */
  readonly scale: string;
  /** What a difference of 1 is. */
  readonly unit: string;
  /** Labels of the axes of scores, and of thresholds in percent. */
  readonly axis: string;
  /** Label of scores in percent. */
  readonly percent: string;
  /** What scores 0 and 1 are, in sentences. */
  readonly meaning: string;
}

/** The words for a reference; `low` and `high` are its numbers as they are to be written. */
export function referenceWords(kind: ReferenceKind, [low, high]: readonly [low: string, high: string]): ReferenceWords {
  switch (kind) {
    case 'oracle':
      return {
        zero: '0',
        one: 'oracle',
        noun: 'return',
        scale: "as a fraction of the oracle's",
        unit: 'the return of the oracle',
        axis: 'return ÷ oracle return',
        percent: '% of the oracle’s',
        meaning: `Returns are divided by what the oracle, an optimal player who knows the task, earns on it, so that one is optimal; the oracle earns ${high} on average.`,
      };
    case 'given':
      return normalizedWords(`return ${low}`, `return ${high}`, {
        scale: 'normalized by two given returns',
        unit: 'the difference between the two given returns',
        meaning: `Returns are normalized by two that the configuration gives (evaluate.reference). Zero is a return of ${low}, and one is a return of ${high}.`,
      });
    case 'measured':
      return normalizedWords('random', 'source', {
        scale: 'normalized by random choice and the source',
        unit: 'the average advantage of the source over random choice',
        meaning:
          'Returns are normalized by what was measured on the evaluated tasks. Zero is the mean return of random choice on each task; one is that plus the average ' +
          `advantage of the source, in its last episodes, over random choice. On average over tasks, zero is a return of ${low} and one is a return of ${high}. ` +
          'Intervals treat both as exact.',
      });
  }
}

const normalizedWords = (zero: string, one: string, words: Pick<ReferenceWords, 'scale' | 'unit' | 'meaning'>): ReferenceWords => ({
  zero,
  one,
  noun: 'normalized return',
  axis: `normalized return (0 = ${zero}, 1 = ${one})`,
  percent: `% of the way from ${zero} to ${one}`,
  ...words,
});

/** What a score is, after "return", where no numbers are known. */
export const scaleWords = (kind: ReferenceKind = 'oracle'): string => referenceWords(kind, ['', '']).scale;

/** The words for a reference, its numbers to three decimals. */
export const wordsFor = ({ kind, low, high }: ReferenceSummary): ReferenceWords =>
  referenceWords(kind, [String(+low.toFixed(3)), String(+high.toFixed(3))]);

/**
 * The words for what the rows of a table are scored by.
 *
 * @throws {CadenzaError} `E_SHAPE` for a table without methods.
 */
export const wordsOf = (methods: MethodTable): ReferenceWords => wordsFor(referenceIn(methods));
