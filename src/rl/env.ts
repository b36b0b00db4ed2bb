/** @file The environment interface: vectorised, with Gymnasium's reset and step semantics. */

import type { Random } from '../util/random.ts';
import type { DiscreteSpace, Space } from './spaces.ts';

/** Parameters of one task of a family (for Dark Room: its goal). Plain JSON, so that it can be hashed and audited. */
export type Task = Readonly<Record<string, number | readonly number[]>>;

/** What one vectorised step gives. Every array is indexed by environment; `F` is the size of an observation. */
export interface StepResult {
  /** [size × F] the next observation to act on; where an episode ended it is the next episode's first (same-step autoreset). */
  observation: Float32Array;
  /** [size] */
  reward: Float32Array;
  /** [size] 1 where the task's own rules ended the episode. */
  terminated: Uint8Array;
  /** [size] 1 where the horizon ended the episode. Both flags may be set. */
  truncated: Uint8Array;
  /** [size × F] the state that the action led to, never a reset state. Equal to `observation` where no episode ended. */
  finalObservation: Float32Array;
}

/** Several environments of one family stepped together; environment i has task i. */
export interface VectorEnv {
  readonly size: number;
  /** Starts a new episode everywhere; gives [size × F] observations. With a stream it also reseeds, as Gymnasium's `reset(seed)` does. */
  reset(random?: Random): Float32Array;
  /** Expects [size] actions in [0, n); throws `E_SHAPE` otherwise. The result is only valid until the next call. */
  step(actions: Int32Array): StepResult;
}

/**
 * What is known of a family with finitely many states and deterministic moves. States are integers in [0, states) and include
 * whatever the agent cannot see (for Key-to-Door, whether it holds the key). Planning sources and the exact oracle read this.
 */
export interface TabularModel {
  readonly states: number;
  readonly actions: number;
  /** The possible first states, equally likely. */
  readonly starts: readonly number[];
  /** Next state, for the given task. */
  next(task: Task, state: number, action: number): number;
  /** Reward of arriving, for the given task. */
  reward(task: Task, state: number, action: number, next: number): number;
  /** Whether arriving there ends the episode. */
  terminal(task: Task, state: number): boolean;
  /** Writes what the agent sees in `state` at out[offset …]. */
  observe(state: number, out: Float32Array, offset: number): void;
}

/** A family of tasks that share spaces and rules. */
export interface EnvFamily {
  readonly id: string;
  readonly observationSpace: Space;
  readonly actionSpace: DiscreteSpace;
  /** Steps after which an episode is truncated. */
  readonly horizon: number;
  /** The largest reward of one step. */
  readonly rewardMax: number;
  /** Every task of the family in a fixed order. */
  tasks(): Task[];
  /** A text that names the task by content: equal exactly when the tasks are equal. */
  taskKey(task: Task): string;
  /** Expected return of an optimal policy that knows the task; exact. */
  oracleReturn(task: Task): number;
  readonly model: TabularModel;
  /** One environment a task. */
  make(tasks: readonly Task[], random: Random): VectorEnv;
}
