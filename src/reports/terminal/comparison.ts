/** @file Comparison of two methods, as printed by `cadenza compare`. */

import type { ComparedBy, Comparison, PairedDifference, Protocol, StageBudget } from '../../records/index.ts';
import {
  COMPARED,
  comparableTable,
  compareMethods,
  describeSelection,
  expectComparable,
  finalEpisodes,
  type ReferenceSummary,
  referenceIn,
  VERDICT_RULE,
  wordsFor,
} from '../../records/index.ts';
import type { MeanScore } from '../../statistics/index.ts';
import { wantsColor } from '../../util/color.ts';
import { terminalWidth, wrap } from '../../util/text.ts';
import { type OpenRun, rawTable } from '../open.ts';
import { returnInterval, score } from '../tables/format.ts';
import { describeBudget, describeSplit } from '../tables/integrity.ts';
import { estimate, signedScore } from '../tables/versus.ts';
import { table as grid, painter, type TerminalOptions } from './results.ts';

export const COMPARISON_FORMAT = 'cadenza-comparison-2';

/** A method of a run. */
export interface MethodOfRun {
  readonly run: OpenRun;
  /** Name of the results table. Default: the main table. */
  readonly table?: string;
  readonly method: string;
}

/** Facts about one of the two methods. */
export interface ComparedSide {
  run: string;
  table: string;
  method: string;
  /** Training seeds. */
  seeds: number[];
  budget?: StageBudget[];
  /** Number of tasks on each side of the split, and in both. */
  split: Protocol['split'];
  selection: Protocol['selection'];
  /** Mean raw return over the last episodes, if scores are not fractions of the oracle's. */
  return?: MeanScore;
}

/** The complete comparison, as printed by `cadenza compare --json`. */
export interface ComparisonReport extends Comparison {
  format: typeof COMPARISON_FORMAT;
  before: ComparedSide;
  after: ComparedSide;
  /** Number of evaluated tasks, and of in-context episodes. */
  tasks: number;
  episodes: number;
  side: Protocol['side'];
  /** Reference of the scores of both methods. */
  reference: ReferenceSummary;
  /** Rule of the verdict, in a sentence. */
  rule: string;
  /** Meaning of the interval behind the verdict, in a sentence. */
  intervalNote: string;
}

/**
 * Compares two methods: `after` relative to `before`.
 *
 * @throws `E_SPLIT` or `E_DATA` if the methods are not comparable, `E_DATA` if there are no raw returns or no such method.
 */
export function compareRuns(before: MethodOfRun, after: MethodOfRun, measure: ComparedBy): ComparisonReport {
  const [low, high] = [before, after].map(({ run, table = run.results.name, method }) => {
    const name = table === run.results.name ? run.folder : `${run.folder} (${table})`;
    return { run, method, name: table, rows: comparableTable(run.results, table, name), table: rawTable(run, table) };
  });
  expectComparable(low.run === high.run && low.name === high.name ? [low.rows] : [low.rows, high.rows]);
  const methodsOf = ({ run: { results }, name }: Pick<typeof low, 'run' | 'name'>) =>
    name === results.name ? results.methods : results.tables![name];
  const comparison = compareMethods(low, high, measure);
  const sideOf = ({ run, name, method, rows, table }: typeof low): ComparedSide => {
    const { budget, return: earned } = methodsOf({ run, name })[method];
    const { split, selection } = rows.protocol;
    return { run: run.folder, table: name, method, seeds: table.methods[method].seeds, budget, split, selection, return: earned };
  };
  const { side, episodes } = low.rows.protocol;
  const tasks = low.rows.tasks.length;
  return {
    format: COMPARISON_FORMAT,
    before: sideOf(low),
    after: sideOf(high),
    ...comparison,
    tasks,
    episodes,
    side,
    reference: referenceIn(methodsOf(low)),
    rule: VERDICT_RULE,
    intervalNote: describeDifference(comparison.measures[measure]!.difference, tasks, side),
  };
}

/** How differences are formed, and what the interval covers. */
function describeDifference({ by, pairs, seeds, resampled }: PairedDifference, tasks: number, side: string): string {
  const what =
    by === 'run'
      ? `Paired differences of ${pairs} streams (same task, training seed and stream number)`
      : `Differences of task means on ${tasks} tasks, because the methods differ in seeds or streams`;
  const resamples = [
    ...(seeds > 1 ? [`${seeds} training seeds`] : []),
    resampled === 'runs' ? 'streams within each task' : `${tasks} ${side} tasks`,
  ];
  const seedsCovered = seeds > 1 ? '' : ' It does not cover variation between training seeds.';
  const tasksCovered = resampled === 'runs' ? ` It applies to these ${tasks} ${side} tasks.` : '';
  return `${what}. The 95% bootstrap interval resamples ${resamples.join(' and ')}.${tasksCovered}${seedsCovered}`;
}

/** The comparison as text: verdict, table, and notes. */
export function formatComparison(report: ComparisonReport, options: TerminalOptions = {}): string {
  const { before, after, measures, measure, verdict, rule, intervalNote, tasks, episodes, side, reference } = report;
  const { width = terminalWidth(), color = wantsColor() } = options;
  const paint = painter(color);
  const compared = Object.keys(measures) as ComparedBy[];
  const rows = compared.map(name => {
    const { before, after, difference, improvement } = measures[name]!;
    const cells = [score(before), score(after), estimate(difference, signedScore), estimate(improvement, score)];
    return [name === measure ? `${name} *` : name, ...cells];
  });
  if (before.return && after.return) rows.push(['return', returnInterval(before.return), returnInterval(after.return), '', '']);
  const words = wordsFor(reference);
  const { scale, meaning } = words;
  const notes = [
    `Scores are returns on ${tasks} ${side} tasks, ${scale}. P(B > A): probability that a stream of B scores better than one of A on the same task.`,
    reference.kind === 'oracle' ? '' : `${meaning} return: mean raw return over ${finalEpisodes(episodes, words)}.`,
    ...compared.map(name => `${name === measure ? '* ' : ''}${name}: ${COMPARED[name].meaning(episodes, words)}.`),
    intervalNote,
    `Verdict, by the score marked *: ${rule}.`,
    // The number of training tasks may explain a difference.
    before.budget && after.budget && before.split.train !== after.split.train
      ? `Note: A and B were trained on different numbers of tasks (${before.split.train} and ${after.split.train}).`
      : '',
  ];
  const conclusion = verdict === 'not distinguishable' ? `A and B are ${verdict}.` : `B is ${verdict} than A.`;
  return `${[
    paint('bold', conclusion),
    aboutSides(before, after, side)
      .map(line => wrap(line, width))
      .join('\n'),
    grid(['score', 'A', 'B', 'B − A [95% CI]', 'P(B > A) [95% CI]'], rows, paint),
    notes
      .filter(Boolean)
      .map(line => wrap(line, width))
      .join('\n'),
  ].join('\n\n')}\n`;
}

/** One line for each method, and one for what both have in common. */
function aboutSides(before: ComparedSide, after: ComparedSide, side: Protocol['side']): string[] {
  const [a, b] = [before, after].map(({ seeds, budget, split, selection }) =>
    [
      `${seeds.length === 1 ? 'seed' : 'seeds'} ${seeds.join(', ')}`,
      budget && describeBudget(budget),
      describeSplit({ side, split }),
      describeSelection(selection),
    ].filter(fact => fact !== undefined),
  );
  const line = (letter: string, { run, table, method }: ComparedSide, own: string[]) =>
    `${letter}: ${method} of ${table} in ${run}${own.length > 0 ? ` (${own.join('; ')})` : ''}`;
  const common = a.filter(fact => b.includes(fact));
  return [
    line(
      'A',
      before,
      a.filter(fact => !common.includes(fact)),
    ),
    line(
      'B',
      after,
      b.filter(fact => !common.includes(fact)),
    ),
    ...(common.length > 0 ? [`Both: ${common.join('; ')}`] : []),
  ];
}
