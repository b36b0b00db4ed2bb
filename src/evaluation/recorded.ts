/**
 * @file What an evaluation found where nothing can be played: how well each method foretells the labels in recordings of held-out tasks. It is no
 * return: a policy that foretells others' actions need not act well, and one that acts better foretells them worse.
 */

import type { Random } from '../util/random.ts';
import { scoreStep } from './imitation.ts';
import type { RunRecord } from './results.ts';
import { bootstrapInterval, drawResamples, type Interval, mean } from './statistics.ts';

export const RECORDED_FORMAT = 'cadenza-recorded-1';

/** Scores of the recordings of one task, averaged over its steps. */
export interface RecordedScore {
  readonly task: string;
  /** −Σ_a y(a) log p(a), in nats. */
  readonly crossEntropy: number;
  /** Share of the steps whose likeliest action is the label's, or one of several equally likely ones. */
  readonly accuracy: number;
  readonly steps: number;
}

interface Estimate extends Interval {
  mean: number;
}

export interface RecordedMethodResult {
  /** Means over tasks, each of which counts once, with their intervals. */
  crossEntropy: Estimate;
  accuracy: Estimate;
  /** Averages over training seeds. */
  perTask: RecordedScore[];
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

/** One method: `seeds` has the scores of every task, in one order, for each training seed. Equal streams resample all methods alike. */
export function recordedResult(seeds: readonly (readonly RecordedScore[])[], resamples: number, random: Random): RecordedMethodResult {
  const perTask = seeds[0].map((first, i) => ({
    ...first,
    crossEntropy: mean(seeds.map(scores => scores[i].crossEntropy)),
    accuracy: mean(seeds.map(scores => scores[i].accuracy)),
  }));
  const draws = drawResamples([perTask.length], resamples, random);
  const estimate = (key: 'crossEntropy' | 'accuracy'): Estimate => {
    const values = perTask.map(score => score[key]);
    return { mean: mean(values), ...bootstrapInterval(values, mean, draws) };
  };
  return { crossEntropy: estimate('crossEntropy'), accuracy: estimate('accuracy'), perTask };
}

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

  score(task: string): RecordedScore {
    return { task, crossEntropy: this.#crossEntropy / this.#steps, accuracy: this.#hits / this.#steps, steps: this.#steps };
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
