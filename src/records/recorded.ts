/**
 * @file What an evaluation found where nothing can be played: how well each method foretells the labels in recordings of held-out tasks. It is no
 * return: a policy that foretells others' actions need not act well, and one that acts better foretells them worse.
 */

import { bootstrapInterval, drawResamples, type Interval, mean, type Resamples } from '../statistics/bootstrap.ts';
import { scoreStep } from '../statistics/imitation.ts';
import { expect } from '../util/errors.ts';
import type { Random } from '../util/random.ts';
import type { RunRecord } from './run-record.ts';

export const RECORDED_FORMAT = 'cadenza-recorded-1';

/** Scores averaged over recorded steps. */
export interface StepScores {
  /** −Σ_a y(a) log p(a), in nats. */
  readonly crossEntropy: number;
  /** Share of the steps whose likeliest action is the label's, or one of several equally likely ones. */
  readonly accuracy: number;
  readonly steps: number;
}

/** Where in its history a step was recorded: in which of the parts that are scored, and in which episode, counted from 1. */
export interface Along {
  readonly place: number;
  readonly episode: number;
}

/** Scores of the recordings of one task, averaged over its steps. */
export interface RecordedTask extends StepScores {
  readonly task: string;
}

/** The same with those of each place along its histories, from their beginning to their end; null where this task has none. */
export interface RecordedScore extends RecordedTask {
  readonly along: readonly ((StepScores & Pick<Along, 'episode'>) | null)[];
}

interface Estimate extends Interval {
  mean: number;
}

/** A number for each place; the lists are as long as `episode`. */
type Estimates = { [K in keyof Estimate]: number[] };

export interface RecordedMethodResult {
  /** Means over tasks, each of which counts once, with their intervals. */
  crossEntropy: Estimate;
  accuracy: Estimate;
  /** The same along the histories. `episode` says which episodes are meant: the mean of their numbers, where histories differ in length. */
  byEpisode: { episode: number[]; crossEntropy: Estimates; accuracy: Estimates };
  /** Averages over training seeds. */
  perTask: RecordedTask[];
}

/** The whole of results.json where only recordings exist. */
export interface RecordedResults {
  format: typeof RECORDED_FORMAT;
  name: string;
  environment: string;
  /** What the labels are. */
  labels: string;
  tasks: number;
  seeds: number;
  /** What the intervals are, in a sentence. */
  bars: string;
  methods: Record<string, RecordedMethodResult>;
  /** Further tables of the same shape, by name. */
  tables?: Record<string, Record<string, RecordedMethodResult>>;
  split: Record<string, unknown>;
  run: RunRecord;
}

const MEASURES = ['crossEntropy', 'accuracy'] as const;

/** One method: `seeds` has the scores of every task, in one order, for each training seed. Equal streams resample all methods alike. */
export function recordedResult(seeds: readonly (readonly RecordedScore[])[], resamples: number, random: Random): RecordedMethodResult {
  const perTask = seeds[0].map(({ along: _, ...first }, i) => ({ ...first, ...meanScores(seeds.map(scores => scores[i])) }));
  const draws = drawResamples([perTask.length], resamples, random);
  const byEpisode: RecordedMethodResult['byEpisode'] = { episode: [], crossEntropy: noEstimates(), accuracy: noEstimates() };
  for (const place of seeds[0][0].along.keys()) {
    const found = seeds[0].flatMap(({ along }, i) => {
      const first = along[place];
      return first ? [{ episode: first.episode, ...meanScores(seeds.map(scores => scores[i].along[place]!)) }] : [];
    });
    // Where every task has something to score, they are drawn as for the whole.
    const own = found.length === perTask.length ? draws : drawResamples([found.length], resamples, random.split('place', place));
    byEpisode.episode.push(mean(found.map(({ episode }) => episode)));
    for (const key of MEASURES) {
      const at = estimate(
        found.map(score => score[key]),
        own,
      );
      for (const part of ['mean', 'low', 'high'] as const) byEpisode[key][part].push(at[part]);
    }
  }
  const whole = (key: (typeof MEASURES)[number]) =>
    estimate(
      perTask.map(score => score[key]),
      draws,
    );
  return { crossEntropy: whole('crossEntropy'), accuracy: whole('accuracy'), byEpisode, perTask };
}

const noEstimates = (): Estimates => ({ mean: [], low: [], high: [] });
const estimate = (values: readonly number[], draws: Resamples): Estimate => ({
  mean: mean(values),
  ...bootstrapInterval(values, mean, draws),
});
const meanScores = (scores: readonly StepScores[]) => ({
  crossEntropy: mean(scores.map(({ crossEntropy }) => crossEntropy)),
  accuracy: mean(scores.map(({ accuracy }) => accuracy)),
});

/** Sums up the foretold distributions of single steps. */
export class RecordedScorer {
  #crossEntropy = 0;
  #hits = 0;
  #steps = 0;

  /** One step: [A] probabilities at `at` of the one, and the label's at `from` of the other. */
  add(probabilities: ArrayLike<number>, at: number, labels: ArrayLike<number>, from: number, actions: number): void {
    const { crossEntropy, hit } = scoreStep(probabilities, at, labels, from, actions);
    this.#crossEntropy += crossEntropy;
    this.#hits += hit;
    this.#steps++;
  }

  /** Undefined where there was no step. */
  score(): StepScores | undefined {
    const steps = this.#steps;
    return steps > 0 ? { crossEntropy: this.#crossEntropy / steps, accuracy: this.#hits / steps, steps } : undefined;
  }
}

/** Sums up the steps of one task: all of them, and those of each of `places` places along its histories. */
export class RecordedTaskScorer {
  readonly #whole = new RecordedScorer();
  readonly #along: readonly { readonly scorer: RecordedScorer; episodes: number }[];

  constructor(places: number) {
    this.#along = Array.from({ length: places }, () => ({ scorer: new RecordedScorer(), episodes: 0 }));
  }

  /** One step, as `RecordedScorer` takes it, and where it was. */
  add({ place, episode }: Along, ...step: Parameters<RecordedScorer['add']>): void {
    this.#whole.add(...step);
    this.#along[place].scorer.add(...step);
    this.#along[place].episodes += episode;
  }

  /** Throws `E_SHAPE` where there was no step. */
  score(task: string): RecordedScore {
    const whole = this.#whole.score();
    expect(whole !== undefined, `recordings of ${task} have no step to score.`);
    const along = this.#along.map(({ scorer, episodes }) => {
      const scores = scorer.score();
      return scores ? { ...scores, episode: episodes / scores.steps } : null;
    });
    return { task, ...whole!, along };
  }
}

/** The sentence that says what the intervals are. */
export const describeRecordedBars = ({
  tasks,
  side,
  resamples,
  seeds,
}: Record<'tasks' | 'resamples' | 'seeds', number> & { side: string }) =>
  `95% percentile intervals of a bootstrap over the ${side} tasks, of which there ${tasks === 1 ? 'is 1, so they have no width' : `are ${tasks}`} ` +
  `(${resamples} resamples), the same for every method; a task's score is the mean over its recorded steps and over ${seeds} training ${seeds === 1 ? 'seed' : 'seeds'}.`;
