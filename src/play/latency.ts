/** @file How long an action takes as deployed: a policy of one stream plays, and every action is timed with what it then learns from it. */

import { chooseActions, type EnvFamily, type Policy, type Task } from '../rl/index.ts';
import { quantile } from '../statistics/bootstrap.ts';
import { invariant } from '../util/errors.ts';
import type { Random } from '../util/random.ts';

/** Milliseconds of actions that came first after a segment ended, when the past is compressed, and of all others. */
export interface ActionTimes {
  first: number[];
  later: number[];
}

/** Milliseconds of one action of one stream. */
export interface Latency {
  /** Median and 95th percentile of later actions, where there are any, plus what first ones take longer by, spread over all actions. */
  median: number;
  p95: number;
  /** The longest that an action took, with its compression. */
  worst: number;
  /** Actions that were timed. */
  actions: number;
}

const median = (values: readonly number[]) => quantile(Float64Array.from(values).sort(), 0.5);

/**
 * Sums up times. What a first action takes beyond a later one (by their medians, which a busy machine moves least) is the compression's; spread over
 * all actions, it is added to each, as `flopsPerAction` does it. Where every action is a first one there is nothing to spread.
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

export interface PlayerOptions {
  readonly family: Pick<EnvFamily, 'make'>;
  readonly task: Task;
  /** Of one environment. */
  readonly policy: Policy;
  /** Transitions that are compressed at once, at most. */
  readonly segment: number;
  readonly random: Random;
  /** Ends the playing, with its reason. */
  readonly signal?: AbortSignal;
}

/** Begins a stream; gives how to let it go on for some actions, and their times. What the environment does is not timed. */
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
