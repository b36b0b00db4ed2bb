/**
 * @file Comparison of two methods: paired differences, probability of improvement, and a verdict by a stated rule.
 * Shape key: T tasks, N runs of one method per task, M runs of the other.
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
import { type Describe, MEASURES } from './study.ts';

/** How bootstrap intervals are computed. */
export interface BootstrapOptions {
  random: Random;
  /** Runs when left out. */
  resampled?: Resampled;
  /** Number of resamples (default 2000). */
  resamples?: number;
  /** Confidence level (default 0.95). */
  confidence?: number;
}

/** Training seeds of the runs of either method; within a task, runs are ordered by seed, with equally many for each. */
export interface SeedCounts {
  /** Training seeds of the row compared. */
  after: number;
  /** Training seeds of the row that it is compared with. */
  before: number;
}

/**
 * The probability that a random run of `after` scores higher than one of `before` on the same task; ties count one half, and all tasks have equal
 * weight. This is the Mann–Whitney U over N · M, averaged over tasks (Agarwal et al. 2021). The bootstrap resamples the runs of both methods
 * independently, as `drawRuns` does; or tasks, each with all of its runs, and the training seeds of either method.
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
    `probabilityOfImprovement: expected the same tasks for both methods, found ${after.length} and ${before.length} tasks.`,
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

/** [K][L] share of pairs in which seed k of one method wins against seed l of the other. */
function seedMeans(rows: readonly number[][], { after, before }: SeedCounts): number[][] {
  const [height, width] = [rows.length / after, rows[0].length / before];
  const block = (k: number, l: number) => rows.slice(k * height, (k + 1) * height).flatMap(row => row.slice(l * width, (l + 1) * width));
  return Array.from({ length: after }, (_, k) => Array.from({ length: before }, (_, l) => mean(block(k, l))));
}

/** [N][M] 1 where run n of `after` wins against run m of `before`, ½ for a tie. */
const winMatrix = (after: ArrayLike<number>, before: ArrayLike<number>): number[][] =>
  Array.from(after, x => Array.from(before, y => (x > y ? 1 : x === y ? 0.5 : 0)));

/** The mean over tasks, with every run counted as often as it was drawn. */
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
 * `after` − `before`. Runs are paired if both methods have the same seeds and streams on every task; otherwise task means are paired. The bootstrap
 * resamples pairs as `drawRuns` does: training seeds, and streams within each task; or training seeds and tasks, if tasks are themselves a sample or
 * have a single pair each.
 *
 * @throws `E_DATA` for a single pair, which has no interval.
 */
export function pairedDifference(
  after: readonly (readonly Run[])[],
  before: readonly (readonly Run[])[],
  score: (run: Run) => number,
  { random, resampled = 'runs', resamples = 2000, confidence = 0.95 }: BootstrapOptions,
): PairedDifference {
  invariant(
    after.length === before.length && after.length > 0,
    `pairedDifference: expected the same tasks for both methods, found ${after.length} and ${before.length} tasks.`,
  );
  const paired = after.every((runs, t) => pairsUp(runs, before[t]));
  // [T][K] lists: by task, then by training seed; if runs are not paired, one difference of means per task.
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
      'there is only one pair of runs, so the difference has no interval; evaluate more tasks (split.heldOut) or more streams (evaluate.streams).',
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

/** Differences of scores up to this are rounding errors. */
const ROUNDING = 1e-12;

/** The rule of verdicts, as a part of a sentence. */
export const VERDICT_RULE =
  'better if the 95% interval of the difference is above 0 (for regret, below), worse if it is on the other side, and not distinguishable if it contains 0';

/** The verdict by that rule; `better` says whether higher or lower values of the measure are better. */
export function verdictOf({ low, high }: Pick<Estimate, 'low' | 'high'>, better: 'higher' | 'lower' = 'higher'): Verdict {
  if (low <= ROUNDING && high >= -ROUNDING) return 'not distinguishable';
  return low > 0 === (better === 'higher') ? 'better' : 'worse';
}

/** Measures of a comparison; `meaning` describes them for runs with a number of episodes. */
export const COMPARED = {
  area: { meaning: MEASURES.area, of: runScore.area, better: 'higher' },
  final: { meaning: MEASURES.final, of: runScore.final, better: 'higher' },
  regret: {
    meaning: () => 'cumulative regret of a run in units of reward; lower is better',
    of: ({ regret }: Run) => regret!,
    better: 'lower',
  },
} as const satisfies Record<ComparedBy, { meaning: Describe; of: (run: Run) => number; better: 'higher' | 'lower' }>;

/** One method of a table of returns. */
export interface ComparedMethod {
  /** The table that has the method. */
  readonly table: ReturnsTable;
  /** Its name in the table. */
  readonly method: string;
}

/**
 * Compares two methods whose tables are comparable (integrity.ts checks this).
 *
 * @throws `E_DATA` for a missing method, and for regret if there is none.
 */
export const compareMethods = (before: ComparedMethod, after: ComparedMethod, measure: ComparedBy, resamples = 2000): Comparison =>
  atOnce(compareMethodsPieces(before, after, measure, resamples));

function* compareMethodsPieces(before: ComparedMethod, after: ComparedMethod, measure: ComparedBy, resamples: number): Pieces<Comparison> {
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
  const available = (Object.keys(COMPARED) as ComparedBy[]).filter(name => name !== 'regret' || before.table.regretParts);
  const measures: Comparison['measures'] = {};
  for (const name of available) {
    measures[name] = yield* compare(name);
    yield;
  }
  const deciding = measures[measure];
  if (!deciding) throw new CadenzaError('E_DATA', `these methods have no ${measure}; compare them by one of ${available.join(', ')}.`);
  return { measures, measure, verdict: verdictOf(deciding.difference, COMPARED[measure].better) };
}

const signed = (scores: readonly number[][], sign: number): number[][] => scores.map(runs => runs.map(score => sign * score));

/**
 * Compares a method with every other. Undefined if there are no others, or a single pair of runs with each, which has no interval.
 *
 * @throws {CadenzaError} `E_DATA` if the table does not have the method.
 */
export const versusOthers = (table: ReturnsTable, method: string): Versus | undefined => atOnce(versusOthersPieces(table, method));

/**
 * `versusOthers` in pieces, because comparisons of many runs and resamples take long.
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
    compared[other] = yield* compareMethodsPieces({ table, method: other }, { table, method }, measure, bootstrap.resamples);
  return { method, others: compared };
}
