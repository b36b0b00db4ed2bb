/** @file Runs a policy in context: many tasks at once, several episodes per stream, fixed weights. */

import {
  chooseActions,
  describeActions,
  type EnvFamily,
  type Feedback,
  type PlayedStep,
  type Policy,
  type Recording,
  type Task,
} from '../rl/index.ts';
import { invariant } from '../util/errors.ts';
import type { Random } from '../util/random.ts';

/** Who acts where, for how long. */
export interface RolloutOptions {
  /** The family whose environments are played. */
  family: Pick<EnvFamily, 'id' | 'make' | 'actionSpace' | 'horizon' | 'regret'>;
  /** [streams] the task of every stream; a task may occur several times. */
  tasks: readonly Task[];
  /** The policy that acts, in as many environments as there are streams. */
  policy: Policy;
  /** Number of episodes in every stream. */
  episodes: number;
  /** Samples actions and seeds the environments. */
  random: Random;
  /** Takes the most likely action instead of sampling one. */
  greedy?: boolean;
  /** Called with every step before the policy observes it. Its arrays, except `next`, are valid only until the returned promise settles. */
  onStep?: (step: RolloutStep) => void | Promise<void>;
  /** Called as episodes end, with the number of finished episodes over all streams. */
  onProgress?: (progress: { done: number; total: number }) => void;
  /** Checked at every step; aborting it stops the rollout. */
  signal?: AbortSignal;
}

/** One step of all streams. */
export interface RolloutStep extends PlayedStep {
  /** [streams × F] the observation that the next action is based on: where an episode ended, the first one of the next episode. */
  next: Float32Array;
}

/** Returns and regret of the streams. */
export interface Rollout {
  /** [streams × episodes] undiscounted returns. */
  readonly returns: Float64Array;
  /**
   * [streams × parts] Σ μ* − μ_a: the expected regret of the executed actions over all episodes, summed separately for each part that the
   * family declares. Expected rewards exclude luck. Absent if the family declares no regret.
   */
  readonly regret?: Float64Array;
}

/**
 * Runs `episodes` consecutive episodes in every stream without clearing the policy's memory in between. Streams that finish early continue
 * until the last one finishes; what they do beyond their own `episodes` is not counted.
 *
 * @throws {CadenzaError} `E_SHAPE` if the policy's actions are not the family's, there is no task or episode, or an episode exceeds its
 * horizon.
 * @example
 * const family = environment('dark-room');
 * const tasks = family.tasks!().slice(0, 8);
 * const { returns } = await rollout({ family, tasks, policy, episodes: 10, random: Random.seeded(0) }); // [8 × 10]
 */
export async function rollout(options: RolloutOptions): Promise<Rollout> {
  const { family, tasks, policy, episodes, random, greedy = false, onStep, onProgress, signal } = options;
  const streams = tasks.length;
  invariant(
    JSON.stringify(policy.actions.space) === JSON.stringify(family.actionSpace),
    `rollout: ${family.id} has ${describeActions(family.actionSpace)}, the policy gives ${describeActions(policy.actions.space)}; use a policy trained on ${family.id}.`,
  );
  invariant(streams > 0 && episodes > 0, `rollout: expected at least one task and one episode, got ${streams} and ${episodes}.`);

  const returns = new Float64Array(streams * episodes);
  const parts = family.regret?.parts.length ?? 0;
  const regret = new Float64Array(streams * parts);
  const finished = new Int32Array(streams);
  const elapsed = new Int32Array(streams);
  const total = streams * episodes;
  let done = 0;
  const env = family.make(tasks, random.split('environment'));
  const draws = random.split('actions');
  policy.reset(streams);
  let observation = Float32Array.from(env.reset());
  for (let step = 0; done < total; step++) {
    signal?.throwIfAborted();
    invariant(
      step < episodes * family.horizon,
      `rollout: ${family.id} ran past its horizon of ${family.horizon} steps without ending an episode.`,
    );
    const probabilities = await policy.act(observation);
    const chosen = chooseActions(probabilities, policy.actions, draws, greedy);
    const { reward, terminated, truncated, finalObservation, observation: first, executed: action = chosen } = env.step(chosen);
    // The environment may reuse its arrays, and this copy must outlive the next step.
    const next = Float32Array.from(first);
    const before = done;
    for (let i = 0; i < streams; i++) {
      if (finished[i] === episodes) continue;
      returns[i * episodes + finished[i]] += reward[i];
      const part = family.regret?.part(elapsed[i]++) ?? -1;
      if (part >= 0) regret[i * parts + part] += family.regret!.of(tasks[i], action[i]);
      if (terminated[i] || truncated[i]) {
        elapsed[i] = 0;
        finished[i]++;
        done++;
      }
    }
    const feedback: Feedback = { observation, action, reward, nextObservation: finalObservation, terminated, truncated };
    await onStep?.({ ...feedback, probabilities, next });
    await policy.observe(feedback);
    observation = next;
    if (done > before) onProgress?.({ done, total });
  }
  env.close?.();
  return family.regret ? { returns, regret } : { returns };
}

/**
 * Like `rollout`, but records each stream, in the task of its recording, until its last counted step. `onStep` is called before a step is
 * recorded.
 *
 * @throws {CadenzaError} `E_SHAPE` as `rollout` does.
 */
export function recordRollout(recordings: readonly Recording[], options: Omit<RolloutOptions, 'tasks'>): Promise<Rollout> {
  return rollout({
    ...options,
    tasks: recordings.map(({ task }) => task),
    async onStep(step) {
      await options.onStep?.(step);
      for (const [i, recording] of recordings.entries()) if (recording.episodes < options.episodes) recording.record(step, i);
    },
  });
}
