/** @file Runs a policy in context: many tasks at once, several episodes a stream, weights fixed. */

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

export interface RolloutOptions {
  family: Pick<EnvFamily, 'id' | 'make' | 'actionSpace' | 'horizon' | 'regret'>;
  /** [streams] the task of every stream; one task may come several times. */
  tasks: readonly Task[];
  policy: Policy;
  /** Episodes that every stream completes. */
  episodes: number;
  random: Random;
  /** Take the most likely action instead of drawing one. */
  greedy?: boolean;
  /** Told of every step before the policy observes it; its arrays, except `next`, are only valid until what it returns is done. */
  onStep?: (step: RolloutStep) => void | Promise<void>;
  /** Called as episodes end, with how many of all streams' episodes are over. */
  onProgress?: (progress: { done: number; total: number }) => void;
  /** Checked at every step; stops by throwing its reason. */
  signal?: AbortSignal;
}

/** One step of all streams. */
export interface RolloutStep extends PlayedStep {
  /** [streams × F] what the next action will be drawn on: where an episode ended, the next one's first observation. */
  next: Float32Array;
}

/** What the streams earned. */
export interface Rollout {
  /** [streams × episodes] undiscounted returns. */
  readonly returns: Float64Array;
  /**
   * [streams × parts] Σ μ* − μ_a, the expected reward that the executed actions gave up over all episodes, summed apart for every part that
   * the family declares; expected, so that luck does not count. Absent where the family declares no regret.
   */
  readonly regret?: Float64Array;
}

/**
 * Runs `episodes` consecutive episodes in every stream, the policy's memory never cleared in between. Streams whose episodes end early
 * go on until the last one is through; what they do beyond their own `episodes` is not counted.
 */
export async function rollout(options: RolloutOptions): Promise<Rollout> {
  const { family, tasks, policy, episodes, random, greedy = false, onStep, onProgress, signal } = options;
  const streams = tasks.length;
  invariant(
    JSON.stringify(policy.actions.space) === JSON.stringify(family.actionSpace),
    `rollout: ${family.id} has ${describeActions(family.actionSpace)}, the policy gives ${describeActions(policy.actions.space)}; use one trained on it.`,
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
    // The environment may reuse its arrays, and this one must outlive the next step.
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

/** Plays as `rollout` does, each recording a stream in its own task, and records all that counts. `onStep` is told of a step before it is recorded. */
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
