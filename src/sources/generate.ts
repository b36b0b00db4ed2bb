/** @file Makes one learning history: one learner on one task, from its first step to its last. */

import { actionDistribution, type EnvFamily, type History, newActions, Recording, type Task } from '../rl/index.ts';
import { CadenzaError } from '../util/errors.ts';
import type { Random } from '../util/random.ts';
import { observe, type Source } from './source.ts';

export interface HistoryRequest {
  readonly family: EnvFamily;
  readonly task: Task;
  readonly source: Source;
  /** Everything random below is split from this stream; equal streams give equal histories. */
  readonly random: Random;
  /** Length of the history in whole episodes. */
  readonly episodes: number;
  /** Share of uniform actions mixed into what is executed, in [0, 1]; what is recorded stays the source's own distribution. */
  readonly noise?: number;
  readonly options?: Readonly<Record<string, unknown>>;
  /** What the learner looks on at before its first step, of the same task; it is no part of the history. */
  readonly seen?: History;
  /** Label of `random`, for the record. */
  readonly stream?: string;
}

/**
 * Executed actions are drawn from (1 − noise) · p + noise · uniform, while `probabilities` keeps p, so that a history full of detours
 * still carries clean labels. The learner learns from what was executed.
 *
 * @example generateHistory({ family, task: { goal: [2, 7] }, source: source('r-max'), random: Random.seeded(1), episodes: 24 })
 */
export function generateHistory(request: HistoryRequest): History {
  const { family, task, source, random, episodes, noise = 0, options, seen, stream = '' } = request;
  if (!Number.isInteger(episodes) || episodes < 1)
    throw new CadenzaError('E_CONFIG', `A history needs a positive integer of episodes, but got ${episodes}.`);
  if (!(noise >= 0 && noise <= 1)) throw new CadenzaError('E_CONFIG', `The noise of a history must be in [0, 1], but is ${noise}.`);

  const actions = actionDistribution(family.actionSpace);
  const recording = new Recording(task, family, actions);
  const told = Object.hasOwn(source.options, 'episodes') ? { episodes, ...options } : options;
  const learner = source.learner(family, task, random.split('learner'), told);
  if (seen) observe(learner, seen);
  const draws = random.split('actions');
  const env = family.make([task], random.split('env'));
  const observation = Float32Array.from(env.reset());
  const probabilities = new Float32Array(actions.size);
  const action = newActions(family.actionSpace, 1);
  while (recording.episodes < episodes) {
    learner.distribution(observation, probabilities);
    actions.draw(probabilities, 0, draws, action, 0, noise);
    const { reward, finalObservation: nextObservation, terminated, truncated, ...step } = env.step(action);
    // The environment may have replaced it; what is learned from and recorded is what happened.
    if (step.executed) action.set(step.executed);
    learner.observe(observation, action, reward[0], nextObservation, terminated[0] === 1, truncated[0] === 1);
    recording.record({ observation, action, probabilities, reward, nextObservation, terminated, truncated }, 0);
    observation.set(step.observation);
  }
  env.close?.();
  const whole = recording.history({ taskKey: family.taskKey(task), stream });
  return source.keep?.(whole, random.split('keep'), options) ?? whole;
}
