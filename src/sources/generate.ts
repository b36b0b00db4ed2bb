/** @file Generates learning histories: each is one learner on one task, from its first step to its last. */

import { actionDistribution, everyNthEpisode, GrowingHistory, type History, newActions } from '../rl/index.ts';
import { breathe } from '../util/breathe.ts';
import { CadenzaError } from '../util/errors.ts';
import { playCohort } from './cohort.ts';
import { firstInformed } from './labels.ts';
import type { HistoryRequest, StreamRequest } from './request.ts';
import { expectLearners, type Learner, observe, withEpisodes } from './source.ts';

/** Transitions for which a history has room at first: all of them, unless it may be very long. */
const FIRST_ROOM = 8192;

/**
 * Generates one learning history. Executed actions are sampled from (1 − noise) · p + noise · uniform, while `probabilities` records p, so
 * that a noisy history still has clean labels. The learner learns from the executed actions.
 *
 * @throws {CadenzaError} `E_CONFIG` for a source of cohorts (use `generateHistories`), or an invalid number of episodes or noise.
 * @example generateHistory({ family, task: { goal: [2, 7] }, source: source('r-max'), random: Random.seeded(1), episodes: 24 })
 */
export function generateHistory(request: HistoryRequest): History {
  const { family, task, random, episodes, stride = 1, noise = 0, options, labels, seen, stream = '' } = request;
  const source = expectLearners(request.source, 'generateHistory');
  expectHistory(episodes, noise);
  const actions = actionDistribution(family.actionSpace);
  const recording = new GrowingHistory(family, actions, Math.min(episodes * family.horizon, FIRST_ROOM));
  const learner = source.learner(family, task, random.split('learner'), withEpisodes(source, episodes, options));
  if (seen) observe(learner, seen);
  const draws = random.split('actions');
  const env = family.make([task], random.split('env'));
  const observation = Float32Array.from(env.reset());
  const probabilities = new Float32Array(actions.size);
  const action = newActions(family.actionSpace, 1);
  for (let ended = 0; ended < episodes; ) {
    learner.distribution(observation, probabilities);
    actions.draw(probabilities, 0, draws, action, 0, noise);
    const { reward, finalObservation: nextObservation, terminated, truncated, executed, observation: next } = env.step(action);
    // The environment may have overridden the action; learning and recording use the executed one.
    if (executed) action.set(executed);
    learner.observe(observation, action, reward[0], nextObservation, terminated[0] === 1, truncated[0] === 1);
    recording.push({ observation, action, probabilities, reward, nextObservation, terminated, truncated });
    if (terminated[0] || truncated[0]) ended++;
    observation.set(next);
  }
  env.close?.();
  const whole = recording.history({ task, taskKey: family.taskKey(task), stream });
  const kept = everyNthEpisode(source.keep?.(whole, random.split('keep'), options) ?? whole, stride);
  if (labels === 'final') relabel(kept, learner, actions.size);
  return kept;
}

/** Writes what the learner would do now in every situation of a history from `firstInformed` on. */
function relabel({ observation, probabilities, reward }: History, learner: Learner, P: number): void {
  const F = observation.length / reward.length;
  for (let t = firstInformed(reward); t < reward.length; t++)
    learner.distribution(observation.subarray(t * F, (t + 1) * F), probabilities.subarray(t * P, (t + 1) * P));
}

function expectHistory(episodes: number, noise: number): void {
  if (!Number.isInteger(episodes) || episodes < 1)
    throw new CadenzaError('E_CONFIG', `A history needs a positive integer of episodes, but got ${episodes}.`);
  if (!(noise >= 0 && noise <= 1)) throw new CadenzaError('E_CONFIG', `The noise of a history must be in [0, 1], but is ${noise}.`);
}

/** Number of learners of a cohort that are trained together: their rows fill the kernels, but their states take memory. */
export const COHORT = 64;

/**
 * Generates histories of any source one after another, in the requested order, so that they need not be in memory together; see
 * `generateHistory`. A learner of a cohort plays several environments: its history is their episodes in the order in which they ended, and
 * `COHORT` histories are generated together.
 *
 * @throws {CadenzaError} `E_CONFIG` if the source cannot learn the task; the reason of `signal` once that is aborted.
 */
export async function* eachHistory(request: StreamRequest): AsyncGenerator<History> {
  const { family, source, episodes, options, labels, wanted, stride = 1, onProgress, signal } = request;
  if ('learner' in source) {
    let done = 0;
    for (const one of wanted) {
      await breathe(signal);
      yield generateHistory({ ...one, family, source, episodes, stride, options, labels });
      onProgress?.(++done);
    }
    return;
  }
  let from = 0;
  for (const some of inGroups(wanted, COHORT)) {
    for (const { noise = 0, seen } of some) {
      expectHistory(episodes, noise);
      if (seen) expectLearners(source, 'A learner that first observes another history');
    }
    const before = from;
    const episodesDone = (done: number) => onProgress?.(before + done / episodes);
    yield* await playCohort({ ...request, source, wanted: some, onProgress: episodesDone });
    from += some.length;
  }
}

/** `size` items at a time. */
function* inGroups<T>(items: Iterable<T>, size: number): Generator<T[]> {
  let group: T[] = [];
  for (const item of items) {
    group.push(item);
    if (group.length < size) continue;
    yield group;
    group = [];
  }
  if (group.length > 0) yield group;
}

/**
 * Generates histories of any source, all of them in memory; see `eachHistory`.
 *
 * @throws {CadenzaError} as `eachHistory` does.
 * @example
 * const wanted = [{ task: { goal: [2, 7] }, random: Random.seeded(1) }];
 * const [history] = await generateHistories({ family, source: source('ppo'), wanted, episodes: 500, executor, signal });
 */
export async function generateHistories(request: StreamRequest): Promise<History[]> {
  const histories: History[] = [];
  for await (const history of eachHistory(request)) histories.push(history);
  return histories;
}
