/**
 * @file Accuracy and calibration (method 6.2): how near a policy's action probabilities are to the distribution of the source that it looks on at.
 *
 * All measures are functions of sums over steps, so that any set of runs, or episodes of them, is measured by adding up: every step counts once.
 * Shape key: A actions, R runs (histories seen by a model of one seed), E episodes of a run, S sums.
 */

import { CadenzaError, invariant } from '../util/errors.ts';
import { atOnce, type Pieces } from '../util/pieces.ts';
import type { Random } from '../util/random.ts';
import { columnsOf, drawRuns, type Estimate, quantile, type Resampled } from './bootstrap.ts';

/** Bins of equal width in which confidence is held against what the source does. */
export const RELIABILITY_BINS = 10;

const MEASURES = ['accuracy', 'crossEntropy', 'excess', 'calibrationError', 'brier'] as const;

/** The measures of imitation, one value each. */
export interface Measures<T> {
  /** Share of the steps whose likeliest action is the source's, or one of several equally likely ones. */
  accuracy: T;
  /** −Σ_a y(a) log p(a), in nats; y is the source's distribution. */
  crossEntropy: T;
  /** What of it y's own entropy does not explain: KL(y ‖ p). 0 where p is y. */
  excess: T;
  /**
   * Expected calibration error (Guo et al. 2017): Σ over bins of their share of the steps · |mean confidence − mean agreement|. Confidence is the
   * probability of the likeliest action, agreement how often the source takes that action, by its own distribution.
   */
  calibrationError: T;
  /** E_{b ~ y} Σ_a (p(a) − [a = b])² (Brier 1950). At best 1 − Σ_a y(a)², where p is y. */
  brier: T;
}

/** Steps of similar confidence. */
export interface ReliabilityBin {
  /** Of all steps. */
  share: number;
  /** Means; null where there is no such step. */
  confidence: number | null;
  /** Mean share of the likeliest actions that are among the source's likeliest. */
  agreement: number | null;
}

/** One model. The error of calibration is a sum of absolute values, so its interval leans upwards. */
export interface ImitationScore extends Measures<Estimate> {
  /** By in-context episode: each list has a number an episode. */
  byEpisode: Measures<{ [K in keyof Estimate]: number[] }>;
  /** Confidence in equal bins from 0 to 1. */
  reliability: ReliabilityBin[];
}

/** All models on the same histories, and what is compared with them: the source's own distribution, and uniform choice. */
export interface ImitationTable {
  /** Histories of one seed. */
  histories: number;
  /** Scores by method. */
  methods: Record<string, ImitationScore>;
}

/** What one step says of a policy. */
export interface StepScore extends Pick<Measures<number>, 'crossEntropy' | 'brier'> {
  /** H(y), in nats. */
  entropy: number;
  /** Share of the likeliest actions (one, unless several are equally likely) that are among the source's likeliest. */
  hit: number;
  /** Probability of the likeliest action. */
  confidence: number;
  /** Probability that the source gives the likeliest action; the mean over them where several are equally likely. */
  agreement: number;
}

/** Scores [A] probabilities at `p[at …]` by the source's at `y[from …]`. */
export function scoreStep(p: ArrayLike<number>, at: number, y: ArrayLike<number>, from: number, actions: number): StepScore {
  let [confidence, most] = [-Infinity, -Infinity];
  for (let a = 0; a < actions; a++) {
    confidence = Math.max(confidence, p[at + a]);
    most = Math.max(most, y[from + a]);
  }
  let [crossEntropy, entropy, tied, hits, agreement, squares, overlap] = [0, 0, 0, 0, 0, 0, 0];
  for (let a = 0; a < actions; a++) {
    const [own, label] = [p[at + a], y[from + a]];
    squares += own * own;
    overlap += own * label;
    if (label > 0) {
      crossEntropy -= label * Math.log(Math.max(own, Number.MIN_VALUE));
      entropy -= label * Math.log(label);
    }
    if (own < confidence) continue;
    tied++;
    hits += label === most ? 1 : 0;
    agreement += label;
  }
  return { crossEntropy, entropy, hit: hits / tied, confidence, agreement: agreement / tied, brier: squares - 2 * overlap + 1 };
}

/** Places of the sums; those of the bins follow, one list of each kind behind the other. */
const AT = { steps: 0, hits: 1, crossEntropy: 2, entropy: 3, brier: 4, bins: 5 } as const;
const BIN = { steps: AT.bins, confidence: AT.bins + RELIABILITY_BINS, agreement: AT.bins + 2 * RELIABILITY_BINS } as const;
/** Sums of one episode of one run (S). */
export const IMITATION_SUMS = AT.bins + 3 * RELIABILITY_BINS;

/** Adds a step to the sums at `into[to …]`. */
export function addStep(into: { [index: number]: number }, to: number, step: StepScore): void {
  const bin = Math.min(RELIABILITY_BINS - 1, Math.floor(step.confidence * RELIABILITY_BINS));
  into[to + AT.steps]++;
  into[to + AT.hits] += step.hit;
  into[to + AT.crossEntropy] += step.crossEntropy;
  into[to + AT.entropy] += step.entropy;
  into[to + AT.brier] += step.brier;
  into[to + BIN.steps + bin]++;
  into[to + BIN.confidence + bin] += step.confidence;
  into[to + BIN.agreement + bin] += step.agreement;
}

/** The measures of [S] sums at `sums[at …]`. */
function measuresOf(sums: ArrayLike<number>, at: number): Measures<number> {
  const steps = sums[at + AT.steps];
  let gaps = 0;
  for (let b = 0; b < RELIABILITY_BINS; b++) gaps += Math.abs(sums[at + BIN.confidence + b] - sums[at + BIN.agreement + b]);
  const crossEntropy = sums[at + AT.crossEntropy] / steps;
  return {
    accuracy: sums[at + AT.hits] / steps,
    crossEntropy,
    excess: crossEntropy - sums[at + AT.entropy] / steps,
    calibrationError: gaps / steps,
    brier: sums[at + AT.brier] / steps,
  };
}

function reliabilityOf(sums: ArrayLike<number>, at: number): ReliabilityBin[] {
  return Array.from({ length: RELIABILITY_BINS }, (_, b) => {
    const steps = sums[at + BIN.steps + b];
    const mean = (kind: number) => (steps > 0 ? sums[at + kind + b] / steps : null);
    return { share: steps / sums[at + AT.steps], confidence: mean(BIN.confidence), agreement: mean(BIN.agreement) };
  });
}

const RESAMPLES_OF_A_PIECE = 256;

/** What the scores of a model are computed from. */
export interface ImitationInput {
  /** [R] task of every run. */
  readonly tasks: readonly string[];
  /** [R × E × S] of every seed. */
  readonly sums: readonly ArrayLike<number>[];
  readonly random: Random;
  readonly resamples?: number;
  readonly resampled?: Resampled;
}

/**
 * One model's measures, with 95% intervals of a bootstrap as `drawRuns` draws it: training seeds, and runs within tasks or whole tasks.
 *
 * @throws {CadenzaError} `E_SHAPE` for a wrong number of sums, `E_DATA` for an episode without scored steps.
 */
export const imitationScore = (input: ImitationInput): ImitationScore => atOnce(imitationPieces(input));

/**
 * `imitationScore` in pieces of some resamples.
 *
 * @throws {CadenzaError} `E_SHAPE` for a wrong number of sums, `E_DATA` for an episode without scored steps.
 */
export function* imitationPieces({ tasks, sums, random, resamples = 2000, resampled = 'runs' }: ImitationInput): Pieces<ImitationScore> {
  const perRun = sums[0].length / tasks.length;
  const episodes = perRun / IMITATION_SUMS;
  invariant(
    episodes > 0 && Number.isInteger(episodes) && sums.every(({ length }) => length === sums[0].length),
    `imitationScore: expected ${IMITATION_SUMS} sums of every episode of each of ${tasks.length} runs a seed, got [${sums.map(({ length }) => length)}].`,
  );
  const runs = [...new Set(tasks)].map(task =>
    sums.flatMap(of => tasks.flatMap((own, i) => (own === task ? [{ of, from: i * perRun }] : []))),
  );
  const all = runs.flat();
  // Whatever is drawn must leave something to divide by.
  for (const { of, from } of all)
    for (let e = 0; e < episodes; e++)
      if (!(of[from + e * IMITATION_SUMS] > 0))
        throw new CadenzaError(
          'E_DATA',
          `imitationScore: episode ${e + 1} of a history has no step that is scored. Set evaluate.imitationHistories to 0 to leave this table out.`,
        );

  /** [(E + 1) × S]: of every episode, and of all of them. */
  const added = new Float64Array(perRun + IMITATION_SUMS);
  const places = Array.from({ length: episodes + 1 }, (_, e) => e * IMITATION_SUMS);
  /** The measures of every episode, then of all, where run i counts `counts[at + i]` times. */
  const measured = (counts?: ArrayLike<number>, at = 0): Measures<number>[] => {
    added.fill(0);
    for (const [i, { of, from }] of all.entries()) {
      const count = counts ? counts[at + i] : 1;
      if (count > 0) for (let k = 0; k < perRun; k++) added[k] += count * of[from + k];
    }
    for (let k = 0; k < perRun; k++) added[perRun + (k % IMITATION_SUMS)] += added[k];
    return places.map(place => measuresOf(added, place));
  };

  const cells = runs.map(({ length }) => sums.map(() => length / sums.length));
  const { counts } = drawRuns(cells, resampled, resamples, random);
  const drawn: Measures<number>[][] = [];
  for (let r = 0; r < resamples; r++) {
    if (r % RESAMPLES_OF_A_PIECE === 0) yield;
    drawn.push(measured(counts, r * all.length));
  }
  yield;
  const found = measured();
  const reliability = reliabilityOf(added, perRun);
  const estimate = (e: number, measure: keyof Measures<number>): Estimate => {
    const values = Float64Array.from(drawn, of => of[e][measure]).sort();
    return { value: found[e][measure], low: quantile(values, 0.025), high: quantile(values, 0.975) };
  };
  const each = <T>(make: (measure: keyof Measures<number>) => T) =>
    Object.fromEntries(MEASURES.map(measure => [measure, make(measure)])) as unknown as Measures<T>;
  return {
    ...each(measure => estimate(episodes, measure)),
    byEpisode: each(measure => columnsOf(places.slice(0, episodes).map((_, e) => estimate(e, measure)))),
    reliability,
  };
}
