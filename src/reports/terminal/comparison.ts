/** @file Two rows of runs held against each other, as `cadenza compare` says it. */

import type { ComparedBy, Comparison, PairedDifference, Protocol, StageBudget } from '../../records/index.ts';
import {
  COMPARED,
  compareRows,
  describeSelection,
  expectComparable,
  finalEpisodes,
  type ReferenceSummary,
  referenceIn,
  rowsOf,
  VERDICT_RULE,
  wordsFor,
} from '../../records/index.ts';
import type { MeanScore } from '../../statistics/index.ts';
import { wantsColor } from '../../util/color.ts';
import { wrap } from '../../util/text.ts';
import { type OpenRun, rawTable } from '../open.ts';
import { returnInterval, score } from '../tables/format.ts';
import { describeBudget, describeSplit } from '../tables/integrity.ts';
import { estimate, signedScore } from '../tables/versus.ts';
import { table as grid, painter, type TerminalOptions } from './results.ts';

export const COMPARISON_FORMAT = 'cadenza-comparison-2';

/** A row of a run, by its name there. */
export interface RowOfRun {
  readonly run: OpenRun;
  /** A further table of the run; the experiment's own when left out. */
  readonly table?: string;
  readonly method: string;
}

/** What is said of one of the two rows. */
export interface ComparedSide {
  run: string;
  table: string;
  method: string;
  /** Training seeds. */
  seeds: number[];
  budget?: StageBudget[];
  /** Tasks on either side of the split, and how many are on both. */
  split: Protocol['split'];
  selection: Protocol['selection'];
  /** Mean raw return over the last episodes, where scores are not fractions of the oracle's. */
  return?: MeanScore;
}

/** The whole outcome: what `cadenza compare --json` prints. */
export interface ComparisonReport extends Comparison {
  format: typeof COMPARISON_FORMAT;
  before: ComparedSide;
  after: ComparedSide;
  /** Evaluated tasks, and in-context episodes in each. */
  tasks: number;
  episodes: number;
  side: Protocol['side'];
  /** What both rows are scored by. */
  reference: ReferenceSummary;
  /** What makes a verdict, in a sentence. */
  rule: string;
  /** What the interval is that the verdict goes by, in a sentence. */
  intervalNote: string;
}

/**
 * Compares two rows: what `after` is beside `before`.
 *
 * @throws `E_SPLIT` and `E_DATA` where they may not stand side by side, `E_DATA` where there are no raw returns or no such row.
 */
export function compareRuns(before: RowOfRun, after: RowOfRun, measure: ComparedBy): ComparisonReport {
  const [low, high] = [before, after].map(({ run, table = run.results.name, method }) => {
    const name = table === run.results.name ? run.folder : `${run.folder} (${table})`;
    return { run, method, name: table, rows: rowsOf(run.results, table, name), table: rawTable(run, table) };
  });
  expectComparable(low.run === high.run && low.name === high.name ? [low.rows] : [low.rows, high.rows]);
  const methodsOf = ({ run: { results }, name }: Pick<typeof low, 'run' | 'name'>) =>
    name === results.name ? results.methods : results.tables![name];
  const comparison = compareRows(low, high, measure);
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

/** What was subtracted from what, and what the interval bounds. */
function describeDifference({ by, pairs, seeds, resampled }: PairedDifference, tasks: number, side: string): string {
  const what =
    by === 'run'
      ? `Differences of ${pairs} pairs of runs (the same task, and training seed and stream of the same number)`
      : `Differences of the means on ${tasks} tasks, because the rows differ in seeds or streams`;
  const bound = seeds > 1 ? 'after training anew' : 'between the networks that were trained, not of training anew';
  const drawn = seeds > 1 ? `the ${seeds} training seeds and ` : '';
  return resampled === 'runs'
    ? `${what}; ${drawn}streams within each of ${tasks} ${side} tasks are resampled. The interval bounds the difference on these tasks ${bound}.`
    : `${what}; ${drawn}the ${tasks} ${side} tasks are resampled. The interval bounds the difference on further tasks of the same kind ${bound}.`;
}

/** The comparison on a terminal: who is who, the measures, and the verdict with its rule. */
export function formatComparison(report: ComparisonReport, options: TerminalOptions = {}): string {
  const { before, after, measures, measure, verdict, rule, intervalNote, tasks, episodes, side, reference } = report;
  const { width = process.stdout.columns ?? 80, color = wantsColor() } = options;
  const paint = painter(color);
  const compared = Object.keys(measures) as ComparedBy[];
  const rows = compared.map(name => {
    const { before, after, difference, improvement } = measures[name]!;
    const cells = [score(before), score(after), estimate(difference, signedScore), estimate(improvement, score)];
    return [name === measure ? `${name} *` : name, ...cells];
  });
  if (before.return && after.return) rows.push(['return', returnInterval(before.return), returnInterval(after.return), '', '']);
  const { scale, meaning } = wordsFor(reference);
  const notes = [
    `Returns on ${tasks} ${side} tasks, ${scale}; P: the probability that a run of B is better than one of A on the same task.`,
    reference.kind === 'oracle' ? '' : `${meaning} return: the mean raw return over ${finalEpisodes(episodes)}.`,
    ...compared.map(name => `${name === measure ? '* ' : ''}${name}: ${COMPARED[name].meaning(episodes)}.`),
    `${intervalNote} The verdict goes by *: ${rule}.`,
    // More than the method may make the difference.
    before.budget && after.budget && before.split.train !== after.split.train
      ? `The rows were trained on different numbers of tasks: A on ${before.split.train}, B on ${after.split.train}.`
      : '',
  ];
  const conclusion = verdict === 'not distinguishable' ? `A and B are ${verdict}.` : `B is ${verdict} than A.`;
  return `${[
    [aboutSide('A', before, side), aboutSide('B', after, side)].map(line => wrap(line, width)).join('\n'),
    grid(['', 'A', 'B', 'B − A [95%]', 'P [95%]'], rows, paint),
    notes
      .filter(Boolean)
      .map(line => wrap(line, width))
      .join('\n'),
    paint('bold', conclusion),
  ].join('\n\n')}\n`;
}

function aboutSide(letter: string, { run, table, method, seeds, budget, split, selection }: ComparedSide, side: Protocol['side']): string {
  const trained = [
    `seeds ${seeds.join(', ')}`,
    budget && describeBudget(budget),
    describeSplit({ side, split }),
    describeSelection(selection),
  ];
  return `${letter}: ${method} of ${table} in ${run} (${trained.filter(Boolean).join('; ')})`;
}
