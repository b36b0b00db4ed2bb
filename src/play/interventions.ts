/** @file Interventions on the memory of an agent during a life: cleared, or exchanged with that of another stream. The weights are the same. */

import type { EnvFamily, Feedback, Policy, Task } from '../rl/index.ts';

/** A policy that can forget what happened in one environment. */
export interface ClearablePolicy extends Policy {
  /** Clears the memory of environment `i`, as after `reset`, except a prompt. */
  forget(i: number): void;
}

/** When the memory is cleared or exchanged: at every change, at every attempt, or once at a call. */
export type Intervention = 'clear-at-change' | 'clear-at-attempt' | { readonly 'clear-once': number } | { readonly donor: number };

/** A suffix for the name of the method. */
export function interventionName(intervention: Intervention): string {
  if (intervention === 'clear-at-change') return 'cleared-at-changes';
  if (intervention === 'clear-at-attempt') return 'cleared-at-attempts';
  return 'donor' in intervention ? `donor-at-${intervention.donor}` : `cleared-at-${intervention['clear-once']}`;
}

/** Where a policy acts. */
export interface IntervenedStreams {
  /** The family that they play, with its changes and attempts. */
  readonly family: Pick<EnvFamily, 'changes' | 'attempt'>;
  /** [streams] the task of every stream: each as many times in a row as a task has streams. */
  readonly tasks: readonly Task[];
  /** Streams of a task. */
  readonly streams: number;
}

/** The policy with an intervention. With `donor`, each stream continues with the memory of the stream with the same number of the next task. */
export function intervened(policy: ClearablePolicy, intervention: Intervention, played: IntervenedStreams): Policy {
  if (typeof intervention === 'object' && 'donor' in intervention) return exchanging(policy, intervention.donor, played.streams);
  return clearing(policy, () => clearTimes(intervention, played));
}

/** Whether the memory of stream i is to be cleared before a call, asked once for each call in order. */
type IsDue = (i: number, call: number, observation: Float32Array) => boolean;

function clearTimes(intervention: Exclude<Intervention, { donor: number }>, { family, tasks }: IntervenedStreams): IsDue {
  const starts: IsDue = (i, _, observation) => family.attempt!(observation, (observation.length / tasks.length) * i);
  if (intervention === 'clear-at-attempt') return starts;
  if (typeof intervention === 'object') return (_, call) => call === intervention['clear-once'];
  const changes = tasks.map(task => [...family.changes!(task)]);
  return (i, call, observation) => {
    // Where there are attempts, the task changes between two of them.
    if (!(call >= changes[i][0]) || (family.attempt && !starts(i, call, observation))) return false;
    while (call >= changes[i][0]) changes[i].shift();
    return true;
  };
}

function clearing(policy: ClearablePolicy, times: () => IsDue): Policy {
  let [size, call, isDue] = [0, 0, times()];
  return {
    ...policy,
    reset(environments) {
      policy.reset(environments);
      [size, call, isDue] = [environments, 0, times()];
    },
    act(observation) {
      for (let i = 0; i < size; i++) if (isDue(i, call, observation)) policy.forget(i);
      call++;
      return policy.act(observation);
    },
  };
}

/** From a call on, environment i is played with the memory of environment i + shift: everything that goes in and out moves by as many rows. */
function exchanging(policy: Policy, from: number, shift: number): Policy {
  let [size, call] = [0, 0];
  const moved = <T extends Float32Array | Int32Array | Uint8Array>(rows: T, by: number): T => {
    const at = (rows.length / size) * ((by + size) % size);
    const out = rows.slice() as T;
    out.set(rows.subarray(0, rows.length - at), at);
    out.set(rows.subarray(rows.length - at), 0);
    return out;
  };
  return {
    ...policy,
    reset(environments) {
      policy.reset(environments);
      [size, call] = [environments, 0];
    },
    async act(observation) {
      if (call++ < from) return policy.act(observation);
      return moved(await policy.act(moved(observation, shift)), -shift);
    },
    observe(feedback) {
      if (call <= from) return policy.observe(feedback);
      const { observation, action, reward, nextObservation, terminated, truncated }: Feedback = feedback;
      return policy.observe({
        observation: moved(observation, shift),
        action: moved(action, shift),
        reward: moved(reward, shift),
        nextObservation: moved(nextObservation, shift),
        terminated: moved(terminated, shift),
        truncated: moved(truncated, shift),
      });
    },
  };
}
