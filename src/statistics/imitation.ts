/**
 * @file Accuracy and calibration (method 6.2): how close a policy's action probabilities are to those of the source that it observes.
 *
 * All measures are functions of sums over steps, so the measures of any set of runs or episodes follow from added sums, and every step counts once.
 * Shape key: A actions, R runs (histories observed by a model of one seed), E episodes per run, S sums.
 */

import { CadenzaError, invariant } from '../util/errors.ts';
import { atOnce, type Pieces } from '../util/pieces.ts';
import type { Random } from '../util/random.ts';
import { columnsOf, drawRuns, type Estimate, quantile, type Resampled } from './bootstrap.ts';

/** Number of equal confidence bins of the calibration error. */
export const RELIABILITY_BINS = 10;

const MEASURES = ['accuracy', 'crossEntropy', 'excess', 'calibrationError', 'brier'] as const;

/** The measures of imitation, one value each. */
export interface Measures<T> {
  /** Probability that the most likely action is (one of) the source's most likely actions. */
  accuracy: T;
  /** −Σ_a y(a) log p(a), in nats; y is the source's distribution. */
  crossEntropy: T;
  /** Cross-entropy minus the entropy of y: KL(y ‖ p). 0 for p = y. */
  excess: T;
  /**
   * Expected calibration error (Guo et al. 2017): Σ over bins of their share of the steps · |mean confidence − mean agreement|. Confidence is the
   * probability of the most likely action, agreement the probability that the source takes that action.
   */
  calibrationError: T;
  /** E_{b ~ y} Σ_a (p(a) − [a = b])² (Brier 1950). The best value is 1 − Σ_a y(a)², for p = y. */
  brier: T;
}

/** Steps of similar confidence. */
export interface ReliabilityBin {
  /** Share of all steps. */
  share: number;
  /** Means; null if there is no such step. */
  confidence: number | null;
  /** Mean share of the likeliest actions that are among the source's likeliest. */
  agreement: number | null;
}

/** One model. The calibration error is a sum of absolute values, so its interval is biased upward. */
export interface ImitationScore extends Measures<Estimate> {
  /** By in-context episode: lists have one value per episode. */
  byEpisode: Measures<{ [K in keyof Estimate]: number[] }>;
  /** Confidence in equal bins from 0 to 1. */
  reliability: ReliabilityBin[];
}

/** All models on the same histories, and two references: the source's own distribution, and uniform choice. */
export interface ImitationTable {
  /** Histories per seed. */
  histories: number;
  /** Scores by method. */
  methods: Record<string, ImitationScore>;
}

/** The scores of one step. */
export interface StepScore extends Pick<Measures<number>, 'crossEntropy' | 'brier'> {
  /** H(y), in nats. */
  entropy: number;
  /** Share of the most likely actions (one, without ties) that are among the source's most likely ones. */
  hit: number;
  /** Probability of the likeliest action. */
  confidence: number;
  /** Probability that the source takes the most likely action; the mean over ties. */
  agreement: number;
}

/** Scores [A] probabilities at `p[at …]` against the source's at `y[from …]`. */
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

/** Offsets of the sums; those of the bins follow, one list after the other. */
const AT = { steps: 0, hits: 1, crossEntropy: 2, entropy: 3, brier: 4, bins: 5 } as const;
const BIN = { steps: AT.bins, confidence: AT.bins + RELIABILITY_BINS, agreement: AT.bins + 2 * RELIABILITY_BINS } as const;
/** Number of sums per episode of a run (S). */
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
  /** [R] task of each run. */
  readonly tasks: readonly string[];
  /** [R × E × S] for each seed. */
  readonly sums: readonly ArrayLike<number>[];
  readonly random: Random;
  readonly resamples?: number;
  readonly resampled?: Resampled;
}

/**
 * The measures of one model, with 95% bootstrap intervals over training seeds, and over runs within tasks or whole tasks (see `drawRuns`).
 *
 * @throws {CadenzaError} `E_SHAPE` for a wrong number of sums, `E_DATA` for an episode without scored steps.
 */
export const imitationScore = (input: ImitationInput): ImitationScore => atOnce(imitationPieces(input));

/**
 * `imitationScore` in pieces of a few resamples.
 *
 * @throws {CadenzaError} `E_SHAPE` for a wrong number of sums, `E_DATA` for an episode without scored steps.
 */
export function* imitationPieces({ tasks, sums, random, resamples = 2000, resampled = 'runs' }: ImitationInput): Pieces<ImitationScore> {
  const perRun = sums[0].length / tasks.length;
  const episodes = perRun / IMITATION_SUMS;
  invariant(
    episodes > 0 && Number.isInteger(episodes) && sums.every(({ length }) => length === sums[0].length),
    `imitationScore: expected ${IMITATION_SUMS} sums for every episode of each of ${tasks.length} runs per seed, found [${sums.map(({ length }) => length)}].`,
  );
  const runs = [...new Set(tasks)].map(task =>
    sums.flatMap(of => tasks.flatMap((own, i) => (own === task ? [{ of, from: i * perRun }] : []))),
  );
  const all = runs.flat();
  // Every episode needs a scored step, so that no resample divides by 0.
  for (const { of, from } of all)
    for (let e = 0; e < episodes; e++)
      if (!(of[from + e * IMITATION_SUMS] > 0))
        throw new CadenzaError(
          'E_DATA',
          `imitationScore: episode ${e + 1} of a history has no scored step. Set evaluate.imitationHistories to 0 to omit this table.`,
        );

  /** [(E + 1) × S]: sums of every episode, and of all. */
  const added = new Float64Array(perRun + IMITATION_SUMS);
  const places = Array.from({ length: episodes + 1 }, (_, e) => e * IMITATION_SUMS);
  /** The measures of every episode, then of all, with run i counted `counts[at + i]` times. */
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
