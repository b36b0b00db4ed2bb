/** @file Runs a policy in context: many tasks at once, several episodes a stream, weights fixed. */

import { chooseActions, type EnvFamily, type Policy, type Task } from '../rl/index.ts';
import { expect } from '../util/errors.ts';
import type { Random } from '../util/random.ts';

export interface RolloutOptions {
  family: Pick<EnvFamily, 'id' | 'make' | 'actionSpace' | 'horizon'>;
  /** [streams] the task of every stream; one task may come several times. */
  tasks: readonly Task[];
  policy: Policy;
  /** Episodes that every stream completes. */
  episodes: number;
  random: Random;
  /** Take the most likely action instead of drawing one. */
  greedy?: boolean;
  /** Called as episodes end, with how many of all streams' episodes are over. */
  onProgress?: (progress: { done: number; total: number }) => void;
  /** Checked at every step; stops by throwing its reason. */
  signal?: AbortSignal;
}

/**
 * Runs `episodes` consecutive episodes in every stream, the policy's memory never cleared in between. Streams whose episodes end early
 * go on until the last one is through; what they do beyond their own `episodes` is not counted.
 *
 * @returns [streams × episodes] undiscounted returns.
 */
export async function rollout(options: RolloutOptions): Promise<Float64Array> {
  const { family, tasks, policy, episodes, random, greedy = false, onProgress, signal } = options;
  const actions = family.actionSpace.n;
  const streams = tasks.length;
  expect(
    policy.actions === actions,
    `rollout: ${family.id} has ${actions} actions, the policy gives ${policy.actions}; use one trained on it.`,
  );
  expect(streams > 0 && episodes > 0, `rollout: expected at least one task and one episode, got ${streams} and ${episodes}.`);

  const returns = new Float64Array(streams * episodes);
  const finished = new Int32Array(streams);
  const total = streams * episodes;
  let done = 0;
  const env = family.make(tasks, random.split('environment'));
  const draws = random.split('actions');
  policy.reset(streams);
  let observation = Float32Array.from(env.reset());
  for (let step = 0; done < total; step++) {
    signal?.throwIfAborted();
    expect(
      step < episodes * family.horizon,
      `rollout: ${family.id} ran past its horizon of ${family.horizon} steps without ending an episode.`,
    );
    const action = chooseActions(await policy.act(observation), actions, draws, greedy);
    const { reward, terminated, truncated, finalObservation, observation: next } = env.step(action);
    const before = done;
    for (let i = 0; i < streams; i++) {
      if (finished[i] === episodes) continue;
      returns[i * episodes + finished[i]] += reward[i];
      if (terminated[i] || truncated[i]) {
        finished[i]++;
        done++;
      }
    }
    await policy.observe({ observation, action, reward, nextObservation: finalObservation, terminated, truncated });
    // The environment may reuse its arrays, and this one must outlive the next step.
    observation = Float32Array.from(next);
    if (done > before) onProgress?.({ done, total });
  }
  return returns;
}
