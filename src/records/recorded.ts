/**
 * @file What an evaluation found where nothing can be played: how well each method foretells the labels in recordings of held-out tasks. It is no
 * return: a policy that foretells others' actions need not act well, and one that acts better foretells them worse.
 */

import { type ActionDistribution, newActions } from '../rl/index.ts';
import { bootstrapInterval, columnsOf, drawResamples, type MeanScore, mean, type Resamples } from '../statistics/bootstrap.ts';
import { scoreStep } from '../statistics/imitation.ts';
import { invariant } from '../util/errors.ts';
import type { Random } from '../util/random.ts';
import type { CommonResults } from './results-format.ts';

/** Format of results on recordings. */
export const RECORDED_FORMAT = 'cadenza-recorded-2';

/** What a step is scored by: integers by the first two measures, real numbers by the others. */
export const RECORDED_MEASURES = {
  /** −Σ_a y(a) log p(a), in nats. */
  crossEntropy: 'cross-entropy (nats)',
  /** Share of the steps whose likeliest action is the label's, or one of several equally likely ones. */
  accuracy: 'accuracy',
  /** −log p(a) of the label's action (its mean), in nats: of its density, or of the probability of the value next to it where the head is discretized. */
  negativeLogLikelihood: 'negative log-likelihood (nats)',
  /** Between the likeliest action and the label's, the mean over its numbers. */
  squaredError: 'squared error',
} as const;
/** Name of a measure on recordings. */
export type RecordedMeasure = keyof typeof RECORDED_MEASURES;

/** Something of each measure that applies: always the same two. */
export type PerMeasure<T> = { [M in RecordedMeasure]?: T };

/** The two measures of these scores. */
export const measuresIn = (scores: PerMeasure<unknown>): RecordedMeasure[] =>
  (Object.keys(RECORDED_MEASURES) as RecordedMeasure[]).filter(measure => scores[measure] !== undefined);

/** Scores averaged over recorded steps. */
export interface StepScores extends Readonly<PerMeasure<number>> {
  readonly steps: number;
}

/** One step of integers: [A] probabilities at `p[at …]`, by the label's at `y[from …]`. */
export function scoreIntegers(...step: Parameters<typeof scoreStep>): PerMeasure<number> {
  const { crossEntropy, hit } = scoreStep(...step);
  return { crossEntropy, accuracy: hit };
}

/** One step of real numbers: the row of a distribution at `row[at …]`, by the action at `action[from …]`. */
export function scoreReals(
  { space, mode, logProbability }: ActionDistribution,
  row: ArrayLike<number>,
  at: number,
  action: ArrayLike<number>,
  from: number,
): PerMeasure<number> {
  const likeliest = newActions(space, 1);
  mode(row, at, likeliest, 0);
  const squaredError = mean(Array.from(likeliest, (value, i) => (value - action[from + i]) ** 2));
  return { negativeLogLikelihood: -Math.max(logProbability(row, at, action, from), Math.log(Number.MIN_VALUE)), squaredError };
}

/** Where in its history a step was recorded: in which of the parts that are scored, and in which episode, counted from 1. */
export interface Along {
  /** Index along the episode or history. */
  readonly place: number;
  readonly episode: number;
}

/** Scores of the recordings of one task, averaged over its steps. */
export interface RecordedTask extends StepScores {
  /** Key of the task. */
  readonly task: string;
}

/** The same with those of each place along its histories, from their beginning to their end; null where this task has none. */
export interface RecordedScore extends RecordedTask {
  /** Scores by place along the history. */
  readonly along: readonly ((StepScores & Pick<Along, 'episode'>) | null)[];
}

/** A number for each place; the lists are as long as `episode`. */
type Estimates = { [K in keyof MeanScore]: number[] };

/** Means over tasks, each of which counts once, with their intervals. */
export interface RecordedMethodResult extends PerMeasure<MeanScore> {
  /** The same along the histories. `episode` says which episodes are meant: the mean of their numbers, where histories differ in length. */
  byEpisode: { episode: number[] } & PerMeasure<Estimates>;
  /** Averages over training seeds. */
  perTask: RecordedTask[];
}

/** The whole of results.json where only recordings exist. */
export interface RecordedResults extends CommonResults<RecordedMethodResult> {
  format: typeof RECORDED_FORMAT;
  /** Id of the environment. */
  environment: string;
  /** What the labels are. */
  labels: string;
  tasks: number;
  /** Further tables of the same shape, by name. */
  tables?: Record<string, Record<string, RecordedMethodResult>>;
}

/** One method: `seeds` has the scores of every task, in one order, for each training seed. Equal streams resample all methods alike. */
export function recordedResult(seeds: readonly (readonly RecordedScore[])[], resamples: number, random: Random): RecordedMethodResult {
  const measures = measuresIn(seeds[0][0]);
  const perTask = seeds[0].map(({ along: _, ...first }, i) => ({ ...first, ...meanScores(seeds.map(scores => scores[i])) }));
  const draws = drawResamples([perTask.length], resamples, random);
  const ofAll = (scores: readonly PerMeasure<number>[], draws: Resamples) =>
    measured(measures, measure =>
      estimate(
        scores.map(score => score[measure]!),
        draws,
      ),
    );
  const places = Array.from(seeds[0][0].along.keys(), place => {
    const found = seeds[0].flatMap(({ along }, i) => {
      const first = along[place];
      return first ? [{ episode: first.episode, ...meanScores(seeds.map(scores => scores[i].along[place]!)) }] : [];
    });
    // Where every task has something to score, they are drawn as for the whole.
    const own = found.length === perTask.length ? draws : drawResamples([found.length], resamples, random.split('place', place));
    return { episode: mean(found.map(({ episode }) => episode)), scores: ofAll(found, own) };
  });
  const along = measured(measures, measure => columnsOf(places.map(({ scores }) => scores[measure]!)));
  return { ...ofAll(perTask, draws), byEpisode: { episode: places.map(({ episode }) => episode), ...along }, perTask };
}

const measured = <T>(measures: readonly RecordedMeasure[], of: (measure: RecordedMeasure) => T): PerMeasure<T> =>
  Object.fromEntries(measures.map(measure => [measure, of(measure)]));
const estimate = (values: readonly number[], draws: Resamples): MeanScore => ({
  mean: mean(values),
  ...bootstrapInterval(values, mean, draws),
});
const meanScores = (scores: readonly StepScores[]) =>
  measured(measuresIn(scores[0]), measure => mean(scores.map(score => score[measure]!)));

/** Sums up the scores of single steps. */
export class RecordedScorer {
  readonly #sums: PerMeasure<number> = {};
  #steps = 0;

  add(scores: PerMeasure<number>): void {
    for (const measure of measuresIn(scores)) this.#sums[measure] = (this.#sums[measure] ?? 0) + scores[measure]!;
    this.#steps++;
  }

  /**
   * Undefined where there was no step.
   *
   * @throws {CadenzaError} `E_SHAPE` if there was no step.
   */
  score(): StepScores | undefined {
    const steps = this.#steps;
    return steps > 0 ? { ...measured(measuresIn(this.#sums), measure => this.#sums[measure]! / steps), steps } : undefined;
  }
}

/** Sums up the steps of one task: all of them, and those of each of `places` places along its histories. */
export class RecordedTaskScorer {
  readonly #whole = new RecordedScorer();
  readonly #along: readonly { readonly scorer: RecordedScorer; episodes: number }[];

  constructor(places: number) {
    this.#along = Array.from({ length: places }, () => ({ scorer: new RecordedScorer(), episodes: 0 }));
  }

  /** The scores of one step, and where it was. */
  add({ place, episode }: Along, scores: PerMeasure<number>): void {
    this.#whole.add(scores);
    this.#along[place].scorer.add(scores);
    this.#along[place].episodes += episode;
  }

  /**
   * The scores of the steps so far.
   *
   * @throws {CadenzaError} `E_SHAPE` if there was no step.
   */
  score(task: string): RecordedScore {
    const whole = this.#whole.score();
    invariant(whole !== undefined, `recordings of ${task} have no step to score.`);
    const along = this.#along.map(({ scorer, episodes }) => {
      const scores = scorer.score();
      return scores ? { ...scores, episode: episodes / scores.steps } : null;
    });
    return { task, ...whole!, along };
  }
}

/** The sentence that says what the intervals are. */
export function describeRecordedBars(run: Record<'tasks' | 'resamples' | 'seeds', number> & { side: string }): string {
  const { tasks, side, resamples, seeds } = run;
  const width = tasks === 1 ? 'is 1, so they have no width' : `are ${tasks}`;
  return (
    `95% percentile intervals of a bootstrap over the ${side} tasks, of which there ${width} (${resamples} resamples), the same for every method; ` +
    `a task's score is the mean over its recorded steps and over ${seeds} training ${seeds === 1 ? 'seed' : 'seeds'}.`
  );
}
