/**
 * @file Hyperparameter search: random search or successive halving, scored on validation tasks (method 4.4). Every trial trains the configuration
 * of `trialConfig`, which cannot evaluate test tasks, so a search never uses them.
 */

import { join } from 'node:path';
import { Model } from '../agent/model.ts';
import { windowOf } from '../analysis/life.ts';
import { resampledOf } from '../analysis/protocol.ts';
import { knownReference, referenceKind } from '../analysis/reference.ts';
import { rollModel, rollSource, type SourceMethod, sourceMethod } from '../analysis/rollouts.ts';
import { openOutputs } from '../cache/outputs.ts';
import { StagePreview } from '../cache/preview.ts';
import { madeBy } from '../cache/provenance.ts';
import { recorded } from '../cache/run-record.ts';
import { reportReused, type SharedStages, StageCache } from '../cache/store.ts';
import { type ExperimentConfig, experimentSchema, type TableSettings, tableConfig } from '../config/experiment.ts';
import { fingerprint, statedSelection } from '../config/selection.ts';
import { drawSettings, type SearchSpace, type Settings } from '../config/space.ts';
import { readyExecutor } from '../engine/executors/registry.ts';
import type { Executor } from '../engine/index.ts';
import { periodsOf } from '../histories/life.ts';
import { openTasks } from '../histories/tasks.ts';
import {
  bootstrapRandom,
  describeIntervals,
  type Measure,
  measuredReference,
  methodReference,
  type Reference,
  type Rung,
  rankTrials,
  type Selection,
  STUDY_FORMAT,
  type Study,
  type Trial,
  tiedTrials,
  trialName,
  trialScore,
} from '../records/index.ts';
import { followsTeacher } from '../training/stages/finetune.ts';
import { formatConfig } from '../util/config.ts';
import { CadenzaError } from '../util/errors.ts';
import { sha256File, writeFileAtomic, writeJson } from '../util/files.ts';
import { leavesOf } from '../util/leaves.ts';
import type { Progress } from '../util/progress.ts';
import { Random } from '../util/random.ts';
import { expectBuildable } from './buildable.ts';
import type { JobPlan } from './plan.ts';
import { reinforcement } from './reinforcement.ts';
import { type CollectedVariant, type Job, jobsOf, NO_EXECUTOR } from './schedule.ts';
import { trainMethods } from './variant.ts';

const STUDY_FILE = 'tune.json';

/** The setting that successive halving varies: the number of fine-tuning steps. */
export const RESOURCE = 'finetune.steps';

/** A round of a search: the number of trials, and their fine-tuning steps. */
type Round = { readonly trials: number; readonly steps: number };

/**
 * The search methods. Each function returns the rounds for a number of trials, the steps of the experiment, and η.
 *
 * `halving` is successive halving (Jamieson and Talwalkar 2016, algorithm 1): all trials at R / η^s steps, the best 1/η of them at η times as
 * many, …, the last at R. Each round trains from scratch with its own learning rate schedule, because a schedule that ends at R / η cannot
 * be continued. The score of a round is then the score of `cadenza run` with the same number of steps. Compared with continuing, all rounds
 * except the last cost 1 / (η − 1) of a round more.
 */
export const SEARCHES = {
  random: { rounds: (trials: number, steps: number) => [{ trials, steps }], resource: undefined },
  halving: { rounds: halvingRounds, resource: RESOURCE },
} as const satisfies Record<string, { rounds: (trials: number, steps: number, eta: number) => Round[]; resource: string | undefined }>;
export type Search = keyof typeof SEARCHES;

function halvingRounds(trials: number, steps: number, eta: number): Round[] {
  let last = 0;
  while (trials / eta ** (last + 1) >= 1) last++;
  return Array.from({ length: last + 1 }, (_, i) => ({
    trials: Math.floor(trials / eta ** i),
    steps: Math.max(1, Math.round(steps / eta ** (last - i))),
  }));
}

export interface TuneOptions {
  readonly space: SearchSpace;
  /** Number of trials. Trial 0 is the unchanged experiment. */
  readonly trials: number;
  readonly method: Search;
  /** η ≥ 2: the best 1/η of the trials continue to the next round. */
  readonly eta: number;
  readonly measure: Measure;
  /** Seed of the sampled settings. The seeds of training are those of the experiment. */
  readonly seed: number;
  readonly out: string;
  readonly fresh?: boolean;
  readonly tensorboard?: boolean;
  /** Where finished stages are also found, and stored. */
  readonly shared?: SharedStages;
  /** Runs the unfinished jobs of a round elsewhere, before it is scored. What it leaves undone runs here. */
  readonly ahead?: (plan: JobPlan) => Promise<void>;
  readonly progress: Progress;
  readonly signal: AbortSignal;
  readonly command: string;
}

/** A configuration that uses only training and validation tasks. */
export type TrialConfig = ExperimentConfig & { readonly evaluate: { readonly tasks: 'validation' } };

/** Runs a search. Writes tune.json after every trial and best.yaml at the end. Trials share finished stages. */
export async function tune(base: ExperimentConfig, options: TuneOptions): Promise<Study> {
  const { space, method, eta, measure, seed, out, fresh, tensorboard, shared, signal } = options;
  const rounds = SEARCHES[method].rounds(options.trials, base.finetune.steps, eta);
  if (rounds.length > 1 && base.finetune.steps === 0)
    throw new CadenzaError(
      'E_CONFIG',
      `successive halving varies ${RESOURCE}, which is 0 in this experiment. Set it above 0, or use --method random.`,
    );
  const drawn = drawSettings(space, options.trials - 1, Random.seeded(seed).split('tune'), settings => fault(base, settings));
  const candidates: Settings[] = [{}, ...drawn];
  for (const settings of candidates) expectBuildable(trialConfig(base, settings));
  expectOneReference(base, candidates);

  const executor = await readyExecutor(base.executor, options.progress.say);
  let [title, current] = ['', 0];
  const trials: (Trial & { rungs: Rung[] })[] = candidates.map((settings, trial) => ({ trial, settings, rungs: [] }));
  let entrants: readonly Trial[] = trials;
  let reference: Study['reference'];
  const report = (): Study => ({ ...studyOf(base, trials, options), ...(reference && { reference }) });
  const described = { study: { trials: options.trials, method, eta, measure, seed }, space, experiment: base };
  const variants = candidates.map((settings, trial) => ({ name: trialName(trial), settings: leavesOf(trialConfig(base, settings)) }));
  const about = { out, name: base.name, kind: 'study', command: options.command, variants };
  return recorded(about, options.progress, async ({ stage, ...watched }) => {
    const start: Progress['start'] = (what, ...rest) => watched.progress.start(`${title}, ${what}`, ...rest);
    const progress: Progress = { ...watched.progress, start };
    const plan = { begin: (_: Progress, folder: string) => stage(folder, current), made() {} };
    const store = new StageCache(out, { fresh, plan, progress, signal, tensorboard, shared });
    return openOutputs(out, described, progress).replace(async () => {
      title = 'reference';
      const studied = { store, executor, reference: await referenceOfStudy(base, { store, executor }) };
      reference = methodReference(studied.reference, [...studied.reference.scales.keys()]);
      for (const [depth, { trials: places, steps }] of rounds.entries()) {
        // There may be fewer settings than requested trials.
        if (depth > 0) entrants = rankTrials(entrants).slice(0, places);
        const configOf = (settings: Settings) => trialConfig(base, settings, method === 'halving' ? steps : undefined);
        if (options.ahead) {
          const configs = entrants.map(({ trial, settings }) => ({ name: trialName(trial), config: configOf(settings) }));
          await options.ahead({ name: base.name, out, jobs: await jobsOfTrials(configs, { out, shared }) });
        }
        for (const { trial, settings } of entrants) {
          title =
            rounds.length > 1 ? `round ${depth + 1}/${rounds.length}, ${trialName(trial)}` : `${trialName(trial)}/${trials.length - 1}`;
          current = trial;
          const config = configOf(settings);
          trials[trial].rungs.push({ steps: config.finetune.steps, score: await runTrial(config, measure, studied) });
          writeJson(join(out, STUDY_FILE), report());
        }
      }
      const study = report();
      reportReused([store], progress);
      const best = bestConfig(base, study, sha256File(join(out, STUDY_FILE)));
      writeFileAtomic(join(out, 'best.yaml'), formatConfig(best));
      return study;
    });
  });
}

/** What all trials of a search share. */
interface Studied {
  readonly store: StageCache;
  readonly executor: Executor;
  /** Of the unchanged experiment. */
  readonly reference: Reference;
}

/** Throws `E_CONFIG` if trials would use a reference measured in another environment, or if no reference can be measured. */
function expectOneReference(base: ExperimentConfig, candidates: readonly Settings[]): void {
  if (referenceKind(base, openTasks(base).family) !== 'measured') return;
  const varied = candidates.flatMap(settings => Object.keys(settings)).find(key => /^env(\.|$)/.test(key));
  if (varied)
    throw new CadenzaError(
      'E_CONFIG',
      `${varied} cannot be searched with a measured reference, because trials would have different score units. Set evaluate.reference to two returns { low, high } that score 0 and 1.`,
    );
}

/** The reference of scores on the validation tasks. If it must be measured, a random policy and the source play them. */
async function referenceOfStudy(base: ExperimentConfig, { store, executor }: Pick<Studied, 'store' | 'executor'>): Promise<Reference> {
  const config = trialConfig(base, {});
  const { family, evaluated } = openTasks(config);
  const known = knownReference(config, family, evaluated);
  if (known) return known;
  const evaluation = { store, config, model: new Model(config, family), executor };
  const roll = async (row: SourceMethod) => {
    const seeds = [];
    for (const seed of config.seeds) seeds.push((await rollSource(evaluation, row, seed)).returns);
    return seeds;
  };
  const random = await roll({ method: 'random', id: 'random', options: {} });
  const source = await roll(sourceMethod(config));
  return measuredReference({ random, source, episodes: periodsOf(config) });
}

/** Trains a trial and lets it play the validation tasks; returns the returns of its seeds. */
async function playTrial(config: TrialConfig, { store, executor }: Pick<Studied, 'store' | 'executor'>) {
  const { opened, trained } = await trainMethods(reinforcement, config, { store, executor });
  const { model } = opened;
  const own = trained.filter(({ method }) => method === 'cad');
  return store.each(own.map(method => async () => (await rollModel({ store, config, model, executor }, method)).returns));
}

/** The stages of trials as jobs. */
async function jobsOfTrials(
  trials: readonly { readonly name: string; readonly config: TrialConfig }[],
  { out, shared }: Pick<TuneOptions, 'out' | 'shared'>,
): Promise<readonly Job[]> {
  const collected: CollectedVariant[] = [];
  for (const { name, config } of trials) {
    const estimate = { ...expectBuildable(config), name };
    const stages = await new StagePreview(out, { shared }).collect(store => playTrial(config, { store, executor: NO_EXECUTOR }));
    collected.push({ name, config, estimate, stages });
  }
  return jobsOf(collected);
}

/** Trains and scores one trial. Returns null if the loss became infinite or NaN, which is a result for its settings. */
async function runTrial(config: TrialConfig, measure: Measure, studied: Studied): Promise<Rung['score']> {
  try {
    const seeds = await playTrial(config, studied);
    const { family, evaluated } = openTasks(config);
    const reference = knownReference(config, family, evaluated) ?? studied.reference;
    const { resamples } = config.evaluate;
    // All trials use the same random stream, so that they share resamples.
    const random = bootstrapRandom(config.seed);
    return trialScore(measure, {
      seeds,
      episodes: periodsOf(config),
      window: windowOf(config),
      reference,
      resamples,
      resampled: resampledOf(config),
      random,
    });
  } catch (error) {
    if (error instanceof CadenzaError && error.code === 'E_NUMERICS') return null;
    throw error;
  }
}

/**
 * The experiment with the settings of a trial: scored on validation tasks, without baselines, and without an unused teacher. If the
 * experiment has no validation tasks, it takes as many training tasks as there are test tasks.
 *
 * @throws {CadenzaError} `E_CONFIG` for settings under `evaluate` or `split`.
 */
export function trialConfig(base: ExperimentConfig, settings: Settings, steps?: number): TrialConfig {
  const forbidden = Object.keys(settings).find(key => /^(evaluate|split)(\.|$)/.test(key));
  if (forbidden)
    throw new CadenzaError(
      'E_CONFIG',
      `${forbidden} cannot be searched: all trials must use the same tasks and the same scores. Remove it from the search space.`,
    );
  const table = { name: 'trial', set: nested(settings) };
  const plain = tableConfig({ ...base, baselines: { ...base.baselines, steps: 0, methods: [] } }, table);
  return {
    ...plain,
    split: { ...plain.split, validation: plain.split.validation || plain.split.heldOut },
    teacher: { ...plain.teacher, steps: followsTeacher(plain) ? plain.teacher.steps : 0 },
    finetune: { ...plain.finetune, steps: steps ?? plain.finetune.steps },
    evaluate: { ...plain.evaluate, tasks: 'validation' },
  };
}

/** Why settings are inconsistent, or undefined. Each is in its range, but there are checks across settings. */
function fault(base: ExperimentConfig, settings: Settings): string | undefined {
  try {
    trialConfig(base, settings);
    return undefined;
  } catch (error) {
    const [issue] = (error as { issues?: { path: PropertyKey[]; message: string }[] }).issues ?? [];
    if (!issue) throw error;
    return `${issue.path.join('.')}: ${issue.message} (${JSON.stringify(settings)})`;
  }
}

/** The complete experiment with the best settings and a statement of how they were found, for `cadenza run`. */
export function bestConfig(base: ExperimentConfig, study: Study, hash: string): ExperimentConfig {
  const tuned = tableConfig(base, { name: 'tuned', set: nested(study.trials[0].settings) });
  const selection = { ...selectionOf(base, study, hash), settings: fingerprint(tuned) };
  return experimentSchema().parse({ ...tuned, tables: base.tables, selection });
}

/** The statement of how the best settings were chosen. The experiment's earlier statement still applies to settings that were not searched. */
function selectionOf(base: ExperimentConfig, { trials, measure, validationTasks }: Study, hash: string): Selection {
  const { by, note, tasks = [] } = statedSelection(base);
  return {
    by: by === 'test' ? 'test' : 'validation',
    note: `best of ${trials.length} trials of cadenza tune by the ${measure} score${by !== 'unstated' && note ? `; before that, ${note}` : ''}`,
    study: hash,
    tasks: [...new Set([...tasks, ...validationTasks])],
  };
}

/** Dotted settings as nested maps. */
function nested(settings: Settings): TableSettings {
  const root: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(settings)) {
    const path = key.split('.');
    let map = root;
    for (const part of path.slice(0, -1)) {
      map[part] ??= {};
      map = map[part] as Record<string, unknown>;
    }
    map[path[path.length - 1]] = value;
  }
  return root as TableSettings;
}

function studyOf(base: ExperimentConfig, trials: readonly Trial[], options: TuneOptions): Study {
  const { method, measure, seed, space, command } = options;
  const config = trialConfig(base, {});
  const { family, evaluated: validation } = openTasks(config);
  const { streams, resamples } = config.evaluate;
  const drawn = { seeds: config.seeds.length, resampled: resampledOf(config) };
  const ranked = rankTrials(trials.filter(({ rungs }) => rungs.length > 0));
  return {
    format: STUDY_FORMAT,
    name: base.name,
    method,
    seed,
    measure,
    episodes: periodsOf(config),
    window: windowOf(config),
    validationTasks: validation.map(family.taskKey),
    trials: ranked,
    tied: tiedTrials(ranked),
    intervalNote: describeIntervals({ ...drawn, tasks: validation.length, streams, resamples, side: 'validation' }),
    space,
    run: { command, config: base, ...madeBy() },
  };
}
