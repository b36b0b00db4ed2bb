/**
 * @file Time per action in deployment: a policy plays one stream, and each action is timed together with the observation that follows it.
 */

import { chooseActions, type EnvFamily, type Policy, type Task } from '../rl/index.ts';
import { quantile } from '../statistics/bootstrap.ts';
import { invariant } from '../util/errors.ts';
import type { Random } from '../util/random.ts';

/** Milliseconds of each action, in two groups. */
export interface ActionTimes {
  /** Actions that came first after a segment ended, when the past is compressed. */
  first: number[];
  /** All other actions. */
  later: number[];
}

/** Milliseconds per action of one stream. */
export interface Latency {
  /** Median and 95th percentile of later actions, if any, plus the extra time of first ones, spread over all actions. */
  median: number;
  /** 95th percentile, computed as `median` is. */
  p95: number;
  /** The longest time of one action, including its compression. */
  worst: number;
  /** Number of timed actions. */
  actions: number;
}

const median = (values: readonly number[]) => quantile(Float64Array.from(values).sort(), 0.5);

/**
 * Summarizes times. The extra time of a first action over a later one (by medians, which a busy machine affects least) is attributed to
 * compression and spread over all actions, as `flopsPerAction` does. If every action is a first one, nothing is spread.
 *
 * @throws {CadenzaError} `E_SHAPE` without any times.
 * @example latencyOf({ first: [5], later: [1, 1, 1] }).median // 1 + (5 − 1) / 4 = 2
 */
export function latencyOf({ first, later }: ActionTimes): Latency {
  const actions = first.length + later.length;
  invariant(actions > 0, 'latencyOf: expected at least one time, got none.');
  const spreads = first.length > 0 && later.length > 0;
  const compressing = spreads ? (Math.max(0, median(first) - median(later)) * first.length) / actions : 0;
  const plain = Float64Array.from(later.length > 0 ? later : first).sort();
  return {
    median: quantile(plain, 0.5) + compressing,
    p95: quantile(plain, 0.95) + compressing,
    worst: Math.max(...first, ...later),
    actions,
  };
}

/** What a timed stream is played with. */
export interface PlayerOptions {
  /** The family whose environments are played. */
  readonly family: Pick<EnvFamily, 'make'>;
  /** The task that is played. */
  readonly task: Task;
  /** A policy for one environment. */
  readonly policy: Policy;
  /** Maximum number of transitions that are compressed at once. */
  readonly segment: number;
  /** Samples actions and seeds the environment. */
  readonly random: Random;
  /** Stops playing, with its reason. */
  readonly signal?: AbortSignal;
}

/** Starts a stream and returns a function that plays some actions and returns their times. The environment is not timed. */
export function timedPlayer({ family, task, policy, segment, random, signal }: PlayerOptions): (actions: number) => Promise<ActionTimes> {
  const env = family.make([task], random.split('env'));
  const draws = random.split('actions');
  policy.reset(1);
  let observation = Float32Array.from(env.reset());
  let elapsed = 0;
  return async actions => {
    const times: ActionTimes = { first: [], later: [] };
    for (let n = 0; n < actions; n++) {
      signal?.throwIfAborted();
      const began = performance.now();
      const rows = await policy.act(observation);
      const acted = performance.now();
      const chosen = chooseActions(rows, policy.actions, draws);
      const { reward, terminated, truncated, finalObservation, observation: next, executed: action = chosen } = env.step(chosen);
      const stepped = performance.now();
      await policy.observe({ observation, action, reward, nextObservation: finalObservation, terminated, truncated });
      times[elapsed === 0 ? 'first' : 'later'].push(acted - began + performance.now() - stepped);
      elapsed = terminated[0] || truncated[0] ? 0 : (elapsed + 1) % segment;
      observation = Float32Array.from(next);
    }
    return times;
  };
}
