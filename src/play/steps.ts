/** @file The loop behind all rollouts: a policy acts in many environments at once, step by step. */

import {
  chooseActions,
  describeActions,
  type EnvFamily,
  type Feedback,
  type PlayedStep,
  type Policy,
  type RegretModel,
  type Task,
} from '../rl/index.ts';
import { invariant } from '../util/errors.ts';
import type { Random } from '../util/random.ts';

/** Who acts where. */
export interface PlayOptions {
  /** The family whose environments are played. */
  family: Pick<EnvFamily, 'id' | 'make' | 'actionSpace'>;
  /** [streams] the task of every stream; a task may occur several times. */
  tasks: readonly Task[];
  /** The policy that acts, in as many environments as there are streams. */
  policy: Policy;
  /** Samples actions and seeds the environments. */
  random: Random;
  /** Takes the most likely action instead of sampling one. */
  greedy?: boolean;
  /** Called with every step before the policy observes it. Its arrays, except `next`, are valid only until the returned promise settles. */
  onStep?: (step: RolloutStep) => void | Promise<void>;
  /** Checked at every step; aborting it stops the rollout. */
  signal?: AbortSignal;
}

/** One step of all streams. */
export interface RolloutStep extends PlayedStep {
  /** [streams × F] the observation that the next action is based on: where an episode ended, the first one of the next episode. */
  next: Float32Array;
}

/**
 * Lets the policy act until `count`, which is called with every step before `onStep`, returns false.
 *
 * @throws {CadenzaError} `E_SHAPE` if the policy's actions are not the family's.
 */
export async function playSteps(options: PlayOptions, count: (step: Feedback, index: number) => boolean): Promise<void> {
  const { family, tasks, policy, random, greedy = false, onStep, signal } = options;
  invariant(
    JSON.stringify(policy.actions.space) === JSON.stringify(family.actionSpace),
    `rollout: ${family.id} has ${describeActions(family.actionSpace)}, the policy gives ${describeActions(policy.actions.space)}; use a policy trained on ${family.id}.`,
  );
  const env = family.make(tasks, random.split('environment'));
  const draws = random.split('actions');
  policy.reset(tasks.length);
  let observation = Float32Array.from(env.reset());
  for (let [index, running] = [0, true]; running; index++) {
    signal?.throwIfAborted();
    const probabilities = await policy.act(observation);
    const chosen = chooseActions(probabilities, policy.actions, draws, greedy);
    const { reward, terminated, truncated, finalObservation, observation: first, executed: action = chosen } = env.step(chosen);
    // The environment may reuse its arrays, and this copy must outlive the next step.
    const next = Float32Array.from(first);
    const feedback: Feedback = { observation, action, reward, nextObservation: finalObservation, terminated, truncated };
    running = count(feedback, index);
    await onStep?.({ ...feedback, probabilities, next });
    await policy.observe(feedback);
    observation = next;
  }
  env.close?.();
}

/** Sums the expected regret of actions, [streams × parts], separately for each part of an episode; without a model, of no parts. */
export function regretTally(regret: RegretModel | undefined, tasks: readonly Task[]) {
  const parts = regret?.parts.length ?? 0;
  const sums = new Float64Array(tasks.length * parts);
  const elapsed = new Int32Array(tasks.length);
  return {
    /** The sums; absent without a model. */
    ...(regret ? { regret: sums } : {}),
    add(i: number, action: number, ended: boolean): void {
      const part = regret?.part(elapsed[i]) ?? -1;
      if (part >= 0) sums[i * parts + part] += regret!.of(tasks[i], action, elapsed[i]);
      elapsed[i] = ended ? 0 : elapsed[i] + 1;
    },
  };
}
