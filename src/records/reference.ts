/**
 * @file References of scores: the oracle, two given returns, the measured returns of random choice and of the source, or none. References are measured
 * here only, and all words for scores come from here: what is scored, by what, and how it is normalized.
 */

import { mean } from '../statistics/bootstrap.ts';
import { FINAL_EPISODES } from '../statistics/learning.ts';
import { oracleScales, type ReferenceKind, type Scale, type Scales, scaleOf } from '../statistics/reference.ts';
import { CadenzaError, invariant } from '../util/errors.ts';
import type { Window } from './life-format.ts';
import type { MethodReference, MethodTable, TaskScore } from './results-format.ts';
import type { ReturnsTable, SeedReturns } from './returns-format.ts';

/** The scales of some tasks, and where they come from. */
export interface Reference {
  /** What 0 and 1 stand for. */
  readonly kind: ReferenceKind;
  /** The returns that score 0 and 1, by task. */
  readonly scales: Scales;
}

/** The same for reports: the raw returns that score 0 and 1, averaged over tasks. */
export interface ReferenceSummary extends Scale {
  /** What 0 and 1 stand for. */
  readonly kind: ReferenceKind;
  /** What is scored, if it is a window instead of an episode. */
  readonly window?: Window;
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

/** Scores that are not normalized: returns as they are. */
export const rawReference = (tasks: readonly string[]): Reference => ({ ...givenReference(tasks, { low: 0, high: 1 }), kind: 'raw' });

/** The rollouts of the two methods that define a measured reference, by seed. */
export interface MeasuredRows {
  /** Returns of random play. */
  readonly random: readonly SeedReturns[];
  /** Returns of the source. */
  readonly source: readonly SeedReturns[];
  readonly episodes: number;
  /** Name of the table in messages, if it is not that of the experiment. */
  readonly table?: string;
}

/**
 * On each task, 0 is the mean return of random choice over all episodes. 1 is that plus the mean over tasks of the source's advantage over random choice
 * in its last `FINAL_EPISODES` episodes. All tasks share this difference, because with its own difference a task where the source is hardly better than
 * chance would outweigh all others, and one where it is worse would flip the sign. So a mean score is the mean return in other units, and random choice
 * and the source at its end score 0 and 1 on average.
 *
 * @throws `E_DATA` if the source is not better than random choice.
 */
export function measuredReference({ random, source, episodes, table }: MeasuredRows): Reference {
  const low = meansByTask(random, episodes, episodes);
  const high = meansByTask(source, episodes, FINAL_EPISODES);
  const [zero, one] = [low, high].map(means => mean([...means.values()]));
  if (!(one > zero))
    throw new CadenzaError(
      'E_DATA',
      `scores${table ? ` of ${table}` : ''} cannot be normalized by the source: its mean return over the last episodes is ${one}, not above that of random choice, ${zero}. ` +
        'Set evaluate.reference to two returns, low and high, that score 0 and 1; nothing is trained again. Or choose a better source.',
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
 * The reference of a table of raw returns.
 *
 * @throws {CadenzaError} `E_SHAPE` unless there is one reference per task.
 */
export function referenceOf({ tasks, oracle, reference }: Pick<ReturnsTable, 'tasks' | 'oracle' | 'reference'>): Reference {
  const { kind, low, high } = reference ?? { kind: 'oracle', low: tasks.map(() => 0), high: oracle! };
  invariant(
    low.length === tasks.length && high.length === tasks.length,
    `expected a reference for each of ${tasks.length} tasks, found ${low.length} and ${high.length}.`,
  );
  return { kind, scales: new Map(tasks.map((task, t) => [task, { low: low[t], high: high[t] }])) };
}

/** The fields of a table of raw returns for a reference, for tasks in this order. */
export function recordedReference(tasks: readonly string[], { kind, scales }: Reference): Pick<ReturnsTable, 'oracle' | 'reference'> {
  const all = tasks.map(task => scaleOf(scales, task, 'evaluation'));
  const [low, high] = [all.map(({ low }) => low), all.map(({ high }) => high)];
  return kind === 'oracle' ? { oracle: high } : { reference: { kind, low, high } };
}

/** The raw returns that score 0 and 1 on a task, from its entry in the results. */
export const scaleOfTask = ({ oracle, low = 0, high = oracle! }: Pick<TaskScore, 'oracle' | 'low' | 'high'>): Scale => ({ low, high });

/** The fields of a task's entry for its scale. */
export const scaleFields = (kind: ReferenceKind, { low, high }: Scale): Pick<TaskScore, 'oracle' | 'low' | 'high'> =>
  kind === 'oracle' ? { oracle: high } : { low, high };

/** The reference of a method; undefined for the oracle. */
export function methodReference({ kind, scales }: Reference, tasks: readonly string[]): MethodReference | undefined {
  if (kind === 'oracle') return undefined;
  const all = tasks.map(task => scales.get(task)!);
  return { kind, low: mean(all.map(({ low }) => low)), high: mean(all.map(({ high }) => high)) };
}

/**
 * The reference of a table of results.
 *
 * @throws {CadenzaError} `E_SHAPE` for a table without methods.
 */
export function referenceIn(methods: MethodTable): ReferenceSummary {
  const [first] = Object.values(methods);
  invariant(first !== undefined, 'expected a table with at least one method, found none.');
  const { reference, perTask, window } = first;
  const summary = reference ?? { kind: 'oracle' as const, low: 0, high: mean(perTask.map(task => scaleOfTask(task).high)) };
  return window ? { ...summary, window } : summary;
}

/** What one score is of, in words. */
export interface PeriodWords {
  /** A point of a learning curve: episode, or window. */
  readonly period: string;
  /** Several of them. */
  readonly periods: string;
  /** The abbreviation of a point, for headers. */
  readonly short: string;
  /** A point in full, for axes. */
  readonly place: string;
  /** Several of them, in full. */
  readonly places: string;
  /** What is counted: the return, or an outcome. */
  readonly outcome: string;
  /** What is scored: the return of an episode, or the sum of an outcome over a window. */
  readonly quantity: string;
}

/** The words for what is scored. `calls` may be a text, for a paper that cites it. */
export function periodWords(window?: { readonly calls: number | string; readonly outcome: string }): PeriodWords {
  if (!window)
    return {
      period: 'episode',
      periods: 'episodes',
      short: 'ep',
      place: 'in-context episode',
      places: 'in-context episodes',
      outcome: 'return',
      quantity: 'return',
    };
  const of = `of ${window.calls} calls`;
  const quantity = `${window.outcome} per ${window.calls} calls`;
  return {
    period: 'window',
    periods: 'windows',
    short: 'win',
    place: `window ${of}`,
    places: `windows ${of}`,
    outcome: window.outcome,
    quantity,
  };
}

/** A reference in words. */
export interface ReferenceWords extends PeriodWords {
  /** Names of what scores 0 and 1, or their returns. */
  readonly zero: string;
  /** What scores 1, in a word or as a number. */
  readonly one: string;
  /** Name of a score. */
  readonly noun: string;
  /** The normalization, to be used after "return". */
  readonly scale: string;
  /** What a score is, with its normalization. */
  readonly scored: string;
  /** Unit of a difference of scores. */
  readonly unit: string;
  /** The unit of a difference of scores, with its preposition. */
  readonly difference: string;
  /** Axis labels of scores, and of thresholds in percent. */
  readonly axis: string;
  /** Label of scores in percent. */
  readonly percent: string;
  /** Explains scores of 0 and 1 in sentences. */
  readonly meaning: string;
}

/** The words for a reference; `low` and `high` are its returns as text. */
export function referenceWords(
  kind: ReferenceKind,
  [low, high]: readonly [low: string, high: string],
  window?: Parameters<typeof periodWords>[0],
): ReferenceWords {
  const period = periodWords(window);
  const { quantity } = period;
  const whole = window
    ? ` A return is the sum of ${window.outcome === 'return' ? 'rewards' : window.outcome} over ${window.calls} calls.`
    : '';
  switch (kind) {
    case 'oracle': {
      const scale = "as a fraction of the oracle's";
      return {
        ...period,
        zero: '0',
        one: 'oracle',
        noun: 'return',
        scale,
        scored: `${quantity} ${scale}`,
        unit: "the oracle's return",
        difference: "as a fraction of the oracle's return",
        axis: `${quantity} ÷ ${window ? 'that of the oracle' : 'oracle return'}`,
        percent: '% of the oracle’s',
        meaning: `Returns are divided by the return of the oracle, an optimal player that knows the task, so that one is optimal; the oracle's mean return is ${high}.${whole}`,
      };
    }
    case 'given':
      return normalizedWords(period, [`return ${low}`, `return ${high}`], {
        scale: 'normalized by two given returns',
        unit: 'the difference between the two given returns',
        meaning: `Returns are normalized by two returns from the configuration (evaluate.reference): zero is a return of ${low}, and one is a return of ${high}.${whole}`,
      });
    case 'measured':
      return normalizedWords(period, ['random', 'source'], {
        scale: 'normalized by random choice and the source',
        unit: "the source's mean advantage over random choice",
        meaning:
          'Returns are normalized by measured returns on the evaluated tasks. Zero is the mean return of random choice on each task; one is that plus the mean ' +
          `advantage of the source over random choice in its last ${period.period}s. On average over tasks, zero is a return of ${low} and one is a return of ${high}. ` +
          `Intervals treat both as exact.${whole}`,
      });
    case 'raw':
      return {
        ...period,
        zero: '0',
        one: '1',
        noun: 'return',
        scale: 'not normalized',
        scored: quantity,
        unit: 'a return of 1',
        difference: `in ${quantity}`,
        axis: quantity,
        percent: '%',
        meaning: `Returns are not normalized.${whole}`,
      };
  }
}

const normalizedWords = (
  period: PeriodWords,
  [zero, one]: readonly [zero: string, one: string],
  words: Pick<ReferenceWords, 'scale' | 'unit' | 'meaning'>,
): ReferenceWords => ({
  ...period,
  zero,
  one,
  noun: 'normalized return',
  scored: `${period.quantity} ${words.scale}`,
  axis: `normalized ${period.quantity} (0 = ${zero}, 1 = ${one})`,
  percent: `% of the way from ${zero} to ${one}`,
  difference: `as a fraction of ${words.unit}`,
  ...words,
});

/** The normalization, to be used after "return", without numbers. */
export const scaleWords = (kind: ReferenceKind = 'oracle'): string => referenceWords(kind, ['', '']).scale;

/** The words for a reference, with its returns rounded to three decimals. */
export const wordsFor = ({ kind, low, high, window }: ReferenceSummary): ReferenceWords =>
  referenceWords(kind, [String(+low.toFixed(3)), String(+high.toFixed(3))], window);

/**
 * The words for the reference of a table.
 *
 * @throws {CadenzaError} `E_SHAPE` for a table without methods.
 */
export const wordsOf = (methods: MethodTable): ReferenceWords => wordsFor(referenceIn(methods));
