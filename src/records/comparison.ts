/**
 * @file Two rows held against each other: paired differences, probability of improvement, and a verdict by a rule that is stated.
 * Shape key: T tasks, N runs of a task in one row, M in the other.
 */

import type { Scores } from '../statistics/aggregates.ts';
import type { Estimate, Resampled } from '../statistics/bootstrap.ts';
import { bootstrapInterval, drawCounts, drawRuns, mean, overResamples, percentiles } from '../statistics/bootstrap.ts';
import { CadenzaError, invariant } from '../util/errors.ts';
import { atOnce, type Pieces } from '../util/pieces.ts';
import { Random } from '../util/random.ts';
import { type Run, runScore, runsOf } from './raw-returns.ts';
import type { ComparedBy, Comparison, MeasureComparison, PairedDifference, Versus } from './results-format.ts';
import type { ReturnsTable } from './returns-format.ts';
import { MEASURES } from './study.ts';

/** How bootstrap intervals are computed. */
export interface BootstrapOptions {
  random: Random;
  /** By default runs. */
  resampled?: Resampled;
  /** Number of resamples (default 2000). */
  resamples?: number;
  /** Confidence level (default 0.95). */
  confidence?: number;
}

/** How many training seeds the runs of either row come from: within a task they lie seed by seed, equally many of each. */
export interface SeedCounts {
  /** Training seeds of the row compared. */
  after: number;
  /** Training seeds of the row that it is compared with. */
  before: number;
}

/**
 * The probability that a run of `after` scores higher than one of `before` on the same task, chosen at random; ties count one half, tasks count
 * alike. Mann and Whitney's U over N · M, averaged over tasks (Agarwal et al. 2021). The runs of the two are resampled as `drawRuns` does,
 * independently of each other; or tasks, each with all of its runs, and the training seeds of either row.
 *
 * @throws {CadenzaError} `E_SHAPE` unless both rows have the same number of tasks, at least one.
 */
export function probabilityOfImprovement(
  after: Scores,
  before: Scores,
  {
    random,
    resampled = 'runs',
    resamples = 2000,
    confidence = 0.95,
    seeds = { after: 1, before: 1 },
  }: BootstrapOptions & { seeds?: SeedCounts },
): Estimate {
  invariant(
    after.length === before.length && after.length > 0,
    `probabilityOfImprovement: expected the same tasks twice, got ${after.length} and ${before.length}.`,
  );
  const wins = after.map((runs, t) => winMatrix(runs, before[t]));
  const value = mean(wins.map(rows => mean(rows.flat())));
  if (resampled === 'tasks') {
    const bySeed = wins.map(rows => seedMeans(rows, seeds));
    const draw = (n: number) => (n > 1 ? drawCounts(n, random) : ONCE);
    const drawn = Float64Array.from({ length: resamples }, () => {
      const ofTask = drawCounts(bySeed.length, random);
      const [ofAfter, ofBefore] = [draw(seeds.after), draw(seeds.before)];
      let total = 0;
      for (const [t, rows] of bySeed.entries())
        for (const [k, row] of rows.entries())
          for (const [l, share] of row.entries()) total += ofTask[t] * ofAfter[k] * ofBefore[l] * share;
      return total / (bySeed.length * seeds.after * seeds.before);
    });
    return { value, ...percentiles(drawn, confidence) };
  }
  const draw = (scores: Scores, row: keyof SeedCounts) => {
    const cells = scores.map(({ length }) => new Array<number>(seeds[row]).fill(length / seeds[row]));
    return drawRuns(cells, 'runs', resamples, random.split(row));
  };
  const others = draw(before, 'before');
  let r = 0;
  const values = overResamples(draw(after, 'after'), counts =>
    improvement(wins, counts, others.counts.subarray(others.runs * r, others.runs * ++r)),
  );
  return { value, ...percentiles(values, confidence) };
}

const ONCE = Uint16Array.of(1);

/** [K][L] the share of pairs that seed k of one row wins against seed l of the other. */
function seedMeans(rows: readonly number[][], { after, before }: SeedCounts): number[][] {
  const [height, width] = [rows.length / after, rows[0].length / before];
  const block = (k: number, l: number) => rows.slice(k * height, (k + 1) * height).flatMap(row => row.slice(l * width, (l + 1) * width));
  return Array.from({ length: after }, (_, k) => Array.from({ length: before }, (_, l) => mean(block(k, l))));
}

/** [N][M] 1 where the run of the row wins, ½ where they tie. */
const winMatrix = (after: ArrayLike<number>, before: ArrayLike<number>): number[][] =>
  Array.from(after, x => Array.from(before, y => (x > y ? 1 : x === y ? 0.5 : 0)));

/** The mean over tasks, with every run as often as it was drawn. */
function improvement(wins: readonly number[][][], after: ArrayLike<number>, before: ArrayLike<number>): number {
  let [total, i, from] = [0, 0, 0];
  for (const rows of wins) {
    const columns = rows[0].length;
    let sum = 0;
    for (const row of rows) {
      const count = after[i++];
      if (count === 0) continue;
      for (let j = 0; j < columns; j++) sum += count * before[from + j] * row[j];
    }
    total += sum / (rows.length * columns);
    from += columns;
  }
  return total / wins.length;
}

/**
 * `after` − `before`. Runs are paired where both rows have the same seeds and streams on every task; otherwise the means of each task are. Pairs are
 * resampled as `drawRuns` does: training seeds, and streams within each task; or, where tasks are themselves a sample or have but one pair each,
 * training seeds and tasks.
 *
 * @throws `E_DATA` where there is a single pair, which has no interval.
 */
export function pairedDifference(
  after: readonly (readonly Run[])[],
  before: readonly (readonly Run[])[],
  score: (run: Run) => number,
  { random, resampled = 'runs', resamples = 2000, confidence = 0.95 }: BootstrapOptions,
): PairedDifference {
  invariant(
    after.length === before.length && after.length > 0,
    `pairedDifference: expected the same tasks twice, got ${after.length} and ${before.length}.`,
  );
  const paired = after.every((runs, t) => pairsUp(runs, before[t]));
  // [T][K] lists: by task, then by training seed; where runs have no partners, one difference of means a task.
  const seeds = paired ? [...new Set(after.flat().map(({ seed }) => seed))] : [0];
  const differences = after.map((runs, t) =>
    paired
      ? seeds.map(seed =>
          runs.filter(run => run.seed === seed).map(run => score(run) - score(before[t].find(other => sameRun(run, other))!)),
        )
      : [[mean(runs.map(score)) - mean(before[t].map(score))]],
  );
  const all = differences.flat(2);
  if (all.length === 1)
    throw new CadenzaError(
      'E_DATA',
      'there is one pair to compare, and one difference has no interval; evaluate more tasks (split.heldOut) or more streams (evaluate.streams).',
    );
  const cells = differences.map(ofTask => ofTask.map(({ length }) => length));
  const drawn: Resampled =
    resampled === 'tasks' || cells.every(([size, ...others]) => size === 1 && others.length === 0) ? 'tasks' : 'runs';
  return {
    value: mean(all),
    ...bootstrapInterval(all, mean, drawRuns(cells, drawn, resamples, random), confidence),
    by: paired ? 'run' : 'task',
    pairs: all.length,
    seeds: seeds.length,
    resampled: drawn,
  };
}

const sameRun = (a: Run, b: Run) => a.seed === b.seed && a.stream === b.stream;
const pairsUp = (a: readonly Run[], b: readonly Run[]) => a.length === b.length && a.every(run => b.some(other => sameRun(run, other)));

/** What a paired interval says about two rows. */
export type Verdict = 'better' | 'worse' | 'not distinguishable';

/** Differences of scores up to this are rounding. */
const ROUNDING = 1e-12;

/** How a verdict comes about, as a part of a sentence. */
export const VERDICT_RULE =
  'better where the 95% interval of the difference lies above 0 (of regret, below), worse where it lies on the other side, and not distinguishable otherwise';

/** The verdict by that rule, for a measure that is the better the higher it is; of regret, `lower` turns it round. */
export function verdictOf({ low, high }: Pick<Estimate, 'low' | 'high'>, better: 'higher' | 'lower' = 'higher'): Verdict {
  if (low <= ROUNDING && high >= -ROUNDING) return 'not distinguishable';
  return low > 0 === (better === 'higher') ? 'better' : 'worse';
}

/** What rows are compared by; `meaning` says it of runs of so many episodes. */
export const COMPARED = {
  area: { meaning: MEASURES.area, of: runScore.area, better: 'higher' },
  final: { meaning: MEASURES.final, of: runScore.final, better: 'higher' },
  regret: {
    meaning: () => 'cumulative regret of a run in units of reward, the lower the better',
    of: ({ regret }: Run) => regret!,
    better: 'lower',
  },
} as const satisfies Record<ComparedBy, { meaning: (episodes: number) => string; of: (run: Run) => number; better: 'higher' | 'lower' }>;

/** One row of a table of returns. */
export interface ComparedRow {
  /** The table that the row is in. */
  readonly table: ReturnsTable;
  /** The row. */
  readonly method: string;
}

/**
 * Compares two rows that may stand side by side (see integrity.ts, which says whether they may).
 *
 * @throws `E_DATA` for a missing method, and for regret where there is none.
 */
export const compareRows = (before: ComparedRow, after: ComparedRow, measure: ComparedBy, resamples = 2000): Comparison =>
  atOnce(compareRowsPieces(before, after, measure, resamples));

function* compareRowsPieces(before: ComparedRow, after: ComparedRow, measure: ComparedBy, resamples: number): Pieces<Comparison> {
  const order = new Map(after.table.tasks.map((task, t) => [task, t]));
  const runs = { before: runsOf(before.table, before.method), after: runsOf(after.table, after.method) };
  const aligned = before.table.tasks.map(task => runs.after[order.get(task)!]);
  const { resampled, seed } = before.table.bootstrap;
  const compare = function* (name: ComparedBy): Pieces<MeasureComparison> {
    const { of: score, better } = COMPARED[name];
    const sign = better === 'higher' ? 1 : -1;
    const random = Random.seeded(seed).split('compare', name);
    const [high, low] = [aligned, runs.before].map(tasks => tasks.map(own => own.map(score)));
    const difference = pairedDifference(aligned, runs.before, score, { random: random.split('difference'), resampled, resamples });
    yield;
    return {
      before: mean(low.flat()),
      after: mean(high.flat()),
      difference,
      improvement: probabilityOfImprovement(signed(high, sign), signed(low, sign), {
        random: random.split('improvement'),
        resampled,
        resamples,
        seeds: { after: after.table.methods[after.method].seeds.length, before: before.table.methods[before.method].seeds.length },
      }),
    };
  };
  const told = (Object.keys(COMPARED) as ComparedBy[]).filter(name => name !== 'regret' || before.table.regretParts);
  const measures: Comparison['measures'] = {};
  for (const name of told) {
    measures[name] = yield* compare(name);
    yield;
  }
  const deciding = measures[measure];
  if (!deciding) throw new CadenzaError('E_DATA', `these rows have no ${measure}; compare them by one of ${told.join(', ')}.`);
  return { measures, measure, verdict: verdictOf(deciding.difference, COMPARED[measure].better) };
}

const signed = (scores: readonly number[][], sign: number): number[][] => scores.map(runs => runs.map(score => sign * score));

/**
 * Compares a row with every other. Undefined where it has no others, or a single pair of runs with each, which has no interval.
 *
 * @throws {CadenzaError} `E_DATA` if the table does not have the method.
 */
export const versusOthers = (table: ReturnsTable, method: string): Versus | undefined => atOnce(versusOthersPieces(table, method));

/**
 * `versusOthers` in pieces: with many runs and resamples, comparisons take long.
 *
 * @throws {CadenzaError} `E_DATA` if the table does not have the method.
 */
export function* versusOthersPieces(table: ReturnsTable, method: string): Pieces<Versus | undefined> {
  const { tasks, streams, methods, regretParts, bootstrap } = table;
  const others = Object.keys(methods).filter(name => name !== method);
  if (!Object.hasOwn(methods, method) || others.length === 0 || tasks.length * streams * methods[method].seeds.length === 1)
    return undefined;
  const measure = regretParts ? 'regret' : 'final';
  const compared: Record<string, Comparison> = {};
  for (const other of others)
    compared[other] = yield* compareRowsPieces({ table, method: other }, { table, method }, measure, bootstrap.resamples);
  return { method, others: compared };
}
