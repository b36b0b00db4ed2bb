/**
 * @file Fits the probe that the playground draws (`probe.json`): it reads from Z where the agent believes the goal, the key or the door to be. The
 * exported agent plays training tasks, and at the end of every segment the probe learns what can be known by then. It is scored on tasks of the
 * evaluated side, which it never learns from.
 */

import { join } from 'node:path';
import type { StageFile, StoreOptions } from '../../cache/store.ts';
import { type ExperimentConfig, importExperiment } from '../../config/experiment.ts';
import { openTasks, tasksHash } from '../../histories/tasks.ts';
import { recordRollout } from '../../play/index.ts';
import {
  checkDescription,
  contextShape,
  type LoadedPolicy,
  type ModelDescription,
  PROBE_FILE,
  PROBE_FORMAT,
  type Probe,
  probeSchema,
} from '../../policy/index.ts';
import { openAgent } from '../../policy/open.ts';
import { type Factor, type MultiDiscreteSpace, Recording, type Task } from '../../rl/index.ts';
import { fitSoftmax } from '../../statistics/index.ts';
import { breathe } from '../../util/breathe.ts';
import { CadenzaError } from '../../util/errors.ts';
import { canonicalJson, readJson, writeFileAtomic } from '../../util/files.ts';
import type { Progress } from '../../util/progress.ts';
import { Random } from '../../util/random.ts';
import { softmaxOf } from '../../util/softmax.ts';
import { beliefsOf, believedAt } from './beliefs.ts';
import type { Subject } from './subject.ts';

/** Steps that the agent plays on the training side, as far as one stream of each task and `MOST_STREAMS` allow, and tasks of each side. */
const [STEPS, MOST_STREAMS, MOST_TASKS] = [60_000, 4, 64];
/** Samples that it learns from, at most. */
const MOST_SAMPLES = 3000;
/** Digits of stored weights. */
const DIGITS = 4;

/** An agent, and the experiment that trained it. */
export interface BeliefProbeRequest {
  readonly description: ModelDescription;
  /** The exported agent, for one environment. */
  readonly policy: LoadedPolicy;
  readonly config: ExperimentConfig;
  readonly seed?: number;
  /** Most tasks of each side, and most streams of a training task. */
  readonly tasks?: number;
  readonly streams?: number;
  readonly progress: Pick<Progress, 'start' | 'update' | 'finish'>;
  readonly signal: AbortSignal;
}

/** Z [P] after some segments of one stream, and what was known then. */
interface Sample {
  readonly task: number;
  readonly latents: Float32Array;
  /** [places] the two numbers of each place. */
  readonly values: readonly (readonly number[])[];
}

type Space = Pick<MultiDiscreteSpace, 'nvec'>;

/** Factors that are a place on a grid. */
const isPlace = ({ space }: Factor): boolean => space.kind === 'multi-discrete' && space.nvec.length === 2;

/** Whether the tasks of an experiment hide places, so that a probe for them can be fitted. */
export const hidesPlaces = (config: ExperimentConfig): boolean => openTasks(config).family.hidden?.some(isPlace) ?? false;

const STAGE_FILE: StageFile<Probe> = { name: PROBE_FILE, schema: probeSchema };

/** Without line breaks, which would be half of it: a page loads it. */
const writeProbe = (folder: string, probe: Probe) => writeFileAtomic(join(folder, PROBE_FILE), `${canonicalJson(probe)}\n`);

/** Stage `inspect-belief`: writes probe.json into the model's folder of a run, if its tasks hide places. */
export async function inspectBeliefs({ folder, description, config, options, store, agent, shared }: Subject): Promise<void> {
  if (!hidesPlaces(config)) return;
  const model = join(folder, 'model');
  const { seed } = options;
  const most = { tasks: Math.min(options.tasks, MOST_TASKS), streams: Math.min(options.streams, MOST_STREAMS) };
  const { value } = await store.compute({
    stage: 'inspect-belief',
    settings: { ...shared, ...most, model: description.hash, episodes: config.evaluate.episodes, sampling: config.evaluate.sampling },
    inputs: { agent: agent.trained.key },
    file: STAGE_FILE,
    run: async context => fitBeliefProbe({ ...context, description, config, seed, ...most, policy: await openAgent(model) }),
  });
  writeProbe(model, value);
}

/**
 * Writes probe.json next to an exported agent, given the experiment file that trained it: for agents whose run is not at hand.
 *
 * @returns the probe; undefined if its tasks hide no places.
 * @throws {CadenzaError} `E_CHECKPOINT` if there is no agent, or it was trained on other tasks.
 */
export async function writeBeliefProbe(
  folder: string,
  experiment: string,
  { progress, signal }: Pick<StoreOptions, 'progress' | 'signal'>,
): Promise<Probe | undefined> {
  const config = await importExperiment(experiment);
  const path = join(folder, 'model.json');
  const description = checkDescription(readJson(path, 'E_CHECKPOINT', 'Give the folder of an exported model.'), path);
  if (!description.latentShape || !hidesPlaces(config)) return undefined;
  const probe = await fitBeliefProbe({ description, policy: await openAgent(folder), config, progress, signal });
  writeProbe(folder, probe);
  return probe;
}

/**
 * Fits a probe.
 *
 * @throws {CadenzaError} `E_CONFIG` if nothing hidden is a place, or the agent has no latents; `E_CHECKPOINT` if it was trained on other tasks.
 */
export async function fitBeliefProbe(request: BeliefProbeRequest): Promise<Probe> {
  const { description, config, seed = 0, tasks: mostTasks = MOST_TASKS, streams: mostStreams = MOST_STREAMS, progress, signal } = request;
  const { family, taught, evaluated } = openTasks(config);
  const places = (family.hidden ?? []).filter(isPlace);
  if (places.length === 0 || !description.latentShape)
    throw new CadenzaError(
      'E_CONFIG',
      `a probe for places needs an agent with latents in an environment that hides places, unlike ${family.id}.`,
    );
  const split = tasksHash(config);
  if (split !== description.experiment?.tasks)
    throw new CadenzaError(
      'E_CHECKPOINT',
      `the agent was trained on other tasks than those of ${config.name}. Give the experiment that trained it.`,
    );
  const subject = { config, model: { family }, options: { seed }, tasks: { train: [...taught], heldOut: [...evaluated] } };
  // What a learner knows after the same steps is better to learn than places that nobody can know yet, or that change.
  const beliefs = beliefsOf(subject);
  const source = beliefs.length === places.length && beliefs.every((belief, k) => isPlace(belief) && addsUnknown(belief, places[k]));
  const valuesAt = (task: Task, recording: Recording, ends: readonly number[]) =>
    source ? believedAt(subject, recording, ends) : ends.map(() => places.map(place => place.of(task)));

  const [fitTasks, heldOut] = [taught.slice(0, mostTasks), evaluated.slice(0, mostTasks)];
  const episodes = config.evaluate.episodes;
  const perTask = Math.max(1, Math.min(mostStreams, Math.floor(STEPS / (fitTasks.length * episodes * family.horizon))));
  progress.start('probe', fitTasks.length * perTask + heldOut.length);
  let done = 0;
  const play = async (side: string, tasks: readonly Task[], streams: number): Promise<Sample[]> => {
    const samples: Sample[] = [];
    for (const [t, task] of tasks.entries())
      for (let s = 0; s < streams; s++) {
        await breathe(signal);
        const random = Random.seeded(seed).split('belief', side).split(`${t} ${s}`);
        const { recording, latents, ends } = await watched(request, { task, episodes, random });
        for (const [e, values] of valuesAt(task, recording, ends).entries()) samples.push({ task: t, latents: latents[e], values });
        progress.update(++done);
      }
    return samples;
  };
  const all = await play('train', fitTasks, perTask);
  const fit = all.length > MOST_SAMPLES ? Random.seeded(seed).split('belief').shuffled(all).slice(0, MOST_SAMPLES) : all;
  const scored = await play('heldOut', heldOut, 1);
  const P = fit[0].latents.length;
  const rows = flat(fit);
  const found: Probe['places'] = [];
  for (const [k, place] of places.entries()) {
    const { nvec: counts } = place.space as Space;
    const classes = (source ? (beliefs[k].space as Space) : { nvec: counts }).nvec;
    const weights: number[][][] = [];
    for (const [n, count] of classes.entries()) {
      await breathe(signal);
      const labels = fit.map(({ values }) => values[k][n]);
      const probe = fitSoftmax({ rows, size: P, labels, groups: fit.map(({ task }) => task), classes: count });
      weights.push(probe.map(own => Array.from(own, value => Number(value.toPrecision(DIGITS)))));
    }
    found.push({
      name: place.name,
      counts: [counts[0], counts[1]],
      unknown: source,
      weights: [weights[0], weights[1]],
      ...scoresOf(k, weights, fit, scored),
    });
  }
  progress.finish(found.map(({ name, accuracy }) => `${name} ${accuracy.toFixed(2)}`).join(', '));
  return {
    format: PROBE_FORMAT,
    model: description.hash,
    places: found,
    fitted: {
      to: source ? { source: config.source.id } : 'tasks',
      split,
      tasks: fitTasks.length,
      samples: fit.length,
      heldOut: heldOut.length,
      scored: scored.length,
    },
  };
}

/** Whether a belief has the numbers of a place, each with one more value for what is not known. */
const addsUnknown = ({ space }: Factor, place: Factor): boolean =>
  (space as Space).nvec.every((count, n) => count === (place.space as Space).nvec[n] + 1);

const flat = (samples: readonly Sample[]): Float32Array => {
  const P = samples[0].latents.length;
  const rows = new Float32Array(samples.length * P);
  for (const [i, { latents }] of samples.entries()) rows.set(latents, i * P);
  return rows;
};

/** One stream of a task: the recording, and Z at the start and after every segment. */
async function watched(
  { policy, description, config }: BeliefProbeRequest,
  { task, episodes, random }: { task: Task; episodes: number; random: Random },
) {
  const { family } = openTasks(config);
  const { segment } = contextShape(description);
  const recording = new Recording(task, family, policy.actions);
  const [latents, ends]: [Float32Array[], number[]] = [[], []];
  const record = async (at: number) => {
    latents.push((await policy.memory(0)).latents!);
    ends.push(at);
  };
  let [calls, since] = [0, 0];
  const recorder = {
    ...policy,
    async observe(feedback: Parameters<LoadedPolicy['observe']>[0]) {
      await policy.observe(feedback);
      calls++;
      since++;
      if (!feedback.terminated[0] && !feedback.truncated[0] && since < segment) return;
      since = 0;
      await record(calls);
    },
  };
  policy.reset(1);
  await record(0);
  const greedy = config.evaluate.sampling === 'greedy';
  await recordRollout([recording], { family, policy: recorder, episodes, random, greedy });
  return { recording, latents, ends };
}

/** How often both numbers of place k are right on the scored samples, and how often the most frequent value of the fitted ones is. */
function scoresOf(k: number, weights: readonly (readonly number[][])[], fit: readonly Sample[], scored: readonly Sample[]) {
  const counts = new Map<string, number>();
  for (const { values } of fit) counts.set(String(values[k]), (counts.get(String(values[k])) ?? 0) + 1);
  const [most] = [...counts].reduce((best, each) => (each[1] > best[1] ? each : best));
  const says = (rows: readonly number[][], latents: Float32Array) => {
    const p = softmaxOf(rows, latents);
    return p.indexOf(p.reduce((a, b) => Math.max(a, b)));
  };
  const share = (right: (sample: Sample) => boolean) => scored.filter(right).length / scored.length;
  return {
    accuracy: share(({ latents, values }) => weights.every((rows, n) => says(rows, latents) === values[k][n])),
    frequent: share(({ values }) => String(values[k]) === most),
  };
}
