/**
 * @file Results of an evaluation on recordings, without an environment: how well each method predicts the labels of held-out tasks. These scores are not
 * returns: a policy that predicts the actions of others may act poorly, and one that acts better may predict them worse.
 */

import { type ActionDistribution, newActions } from '../rl/index.ts';
import { bootstrapInterval, columnsOf, drawResamples, type MeanScore, mean, type Resamples } from '../statistics/bootstrap.ts';
import { scoreStep } from '../statistics/imitation.ts';
import { invariant } from '../util/errors.ts';
import type { Random } from '../util/random.ts';
import type { CommonResults } from './results-format.ts';

/** Format of results on recordings. */
export const RECORDED_FORMAT = 'cadenza-recorded-2';

/** Measures of a step: the first two for integer actions, the others for real actions. */
export const RECORDED_MEASURES = {
  /** −Σ_a y(a) log p(a), in nats. */
  crossEntropy: 'cross-entropy (nats)',
  /** Probability that the most likely action is (one of) the label's most likely actions. */
  accuracy: 'accuracy',
  /** −log p(a) of the label's action (its mean), in nats; p is a density, or the probability of the nearest value if the head is discretized. */
  negativeLogLikelihood: 'negative log-likelihood (nats)',
  /** Squared error between the most likely action and the label's, averaged over its numbers. */
  squaredError: 'squared error',
} as const;
/** Name of a measure on recordings. */
export type RecordedMeasure = keyof typeof RECORDED_MEASURES;

/** A value for each of the two measures that apply. */
export type PerMeasure<T> = { [M in RecordedMeasure]?: T };

/** The two measures that these scores have. */
export const measuresIn = (scores: PerMeasure<unknown>): RecordedMeasure[] =>
  (Object.keys(RECORDED_MEASURES) as RecordedMeasure[]).filter(measure => scores[measure] !== undefined);

/** Scores averaged over recorded steps. */
export interface StepScores extends Readonly<PerMeasure<number>> {
  readonly steps: number;
}

/** Scores a step with integer actions: [A] probabilities at `p[at …]`, labels at `y[from …]`. */
export function scoreIntegers(...step: Parameters<typeof scoreStep>): PerMeasure<number> {
  const { crossEntropy, hit } = scoreStep(...step);
  return { crossEntropy, accuracy: hit };
}

/** Scores a step with real actions: distribution parameters at `row[at …]`, the action at `action[from …]`. */
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

/** Position of a step in its history: the index of the scored part, and the episode, counted from 1. */
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

/** The same with scores for each part of its histories, from beginning to end; null if this task has no step there. */
export interface RecordedScore extends RecordedTask {
  /** Scores by place along the history. */
  readonly along: readonly ((StepScores & Pick<Along, 'episode'>) | null)[];
}

/** One value for each part; the lists are as long as `episode`. */
type Estimates = { [K in keyof MeanScore]: number[] };

/** Means over tasks, with equal weights, and their intervals. */
export interface RecordedMethodResult extends PerMeasure<MeanScore> {
  /** The same along the histories; `episode` is the mean number of the episodes in each part. */
  byEpisode: { episode: number[] } & PerMeasure<Estimates>;
  /** Averages over training seeds. */
  perTask: RecordedTask[];
}

/** The content of results.json of an experiment on recordings. */
export interface RecordedResults extends CommonResults<RecordedMethodResult> {
  format: typeof RECORDED_FORMAT;
  /** Id of the environment. */
  environment: string;
  /** Description of the labels. */
  labels: string;
  tasks: number;
  /** Further tables of the same shape, by name. */
  tables?: Record<string, Record<string, RecordedMethodResult>>;
}

/** The result of one method: `seeds` has the scores of every task, in the same order, for each training seed. Methods with equal random streams have the same resamples. */
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
    // If every task has a score here, the resamples are those of the whole.
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

/** Averages the scores of steps. */
export class RecordedScorer {
  readonly #sums: PerMeasure<number> = {};
  #steps = 0;

  add(scores: PerMeasure<number>): void {
    for (const measure of measuresIn(scores)) this.#sums[measure] = (this.#sums[measure] ?? 0) + scores[measure]!;
    this.#steps++;
  }

  /**
   * Undefined if there was no step.
   *
   * @throws {CadenzaError} `E_SHAPE` if there was no step.
   */
  score(): StepScores | undefined {
    const steps = this.#steps;
    return steps > 0 ? { ...measured(measuresIn(this.#sums), measure => this.#sums[measure]! / steps), steps } : undefined;
  }
}

/** Averages the scores of the steps of one task: over all steps, and over each of `places` parts of its histories. */
export class RecordedTaskScorer {
  readonly #whole = new RecordedScorer();
  readonly #along: readonly { readonly scorer: RecordedScorer; episodes: number }[];

  constructor(places: number) {
    this.#along = Array.from({ length: places }, () => ({ scorer: new RecordedScorer(), episodes: 0 }));
  }

  /** Adds the scores of one step at a position. */
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

/** Explains the intervals in a sentence. */
export function describeRecordedIntervals(run: Record<'tasks' | 'resamples' | 'seeds', number> & { side: string }): string {
  const { tasks, side, resamples, seeds } = run;
  return (
    `95% percentile intervals of a bootstrap over ${tasks} ${side} ${tasks === 1 ? 'task, so they have no width' : 'tasks'} (${resamples} resamples, the same for every method). ` +
    `The score of a task is the mean over its recorded steps and over ${seeds} training ${seeds === 1 ? 'seed' : 'seeds'}.`
  );
}
