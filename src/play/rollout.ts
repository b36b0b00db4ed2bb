/** @file Runs a policy in context: many tasks at once, several episodes per stream, fixed weights. */

import type { EnvFamily, Recording } from '../rl/index.ts';
import { invariant } from '../util/errors.ts';
import { type PlayOptions, playSteps, regretTally } from './steps.ts';

/** Who acts where, for how long. */
export interface RolloutOptions extends PlayOptions {
  /** The family whose environments are played. */
  family: PlayOptions['family'] & Pick<EnvFamily, 'horizon' | 'regret'>;
  /** Number of episodes in every stream. */
  episodes: number;
  /** Called as episodes end, with the number of finished episodes over all streams. */
  onProgress?: (progress: { done: number; total: number }) => void;
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
  const { family, tasks, episodes, onProgress } = options;
  const streams = tasks.length;
  invariant(streams > 0 && episodes > 0, `rollout: expected at least one task and one episode, got ${streams} and ${episodes}.`);
  const returns = new Float64Array(streams * episodes);
  const { add, ...regret } = regretTally(family.regret, tasks);
  const finished = new Int32Array(streams);
  const total = streams * episodes;
  let done = 0;
  await playSteps(options, ({ action, reward, terminated, truncated }, step) => {
    const before = done;
    for (let i = 0; i < streams; i++) {
      if (finished[i] === episodes) continue;
      const ended = Boolean(terminated[i] || truncated[i]);
      returns[i * episodes + finished[i]] += reward[i];
      add(i, action[i], ended);
      if (!ended) continue;
      finished[i]++;
      done++;
    }
    if (done > before) onProgress?.({ done, total });
    invariant(
      done === total || step + 1 < episodes * family.horizon,
      `rollout: ${family.id} ran past its horizon of ${family.horizon} steps without ending an episode.`,
    );
    return done < total;
  });
  return { returns, ...regret };
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
