/** @file The environment interface: vectorized, with Gymnasium's reset and step semantics. */

import type { OptionValues } from '../util/options.ts';
import type { Random } from '../util/random.ts';
import type { Actions } from './actions.ts';
import type { BoxSpace, DiscreteSpace, MultiDiscreteSpace, Space } from './spaces.ts';

/** Parameters of one task of a family (for Dark Room: its goal). Plain JSON, so that it can be hashed and audited. */
export type Task = Readonly<Record<string, number | readonly number[]>>;

/** What one vectorized step gives. Every array is indexed by environment; `F` and `W` are the numbers of an observation and of an action. */
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
  /** [size × W] the actions that were really executed; absent in families that never replace what they are told to do. */
  executed?: Actions;
}

/** Several environments of one family stepped together; environment i has task i. */
export interface VectorEnv {
  readonly size: number;
  /** Starts a new episode everywhere; gives [size × F] observations. With a stream it also reseeds, as Gymnasium's `reset(seed)` does. */
  reset(random?: Random): Float32Array;
  /** Expects [size × W] actions of the family's space; throws `E_SHAPE` otherwise. The result is only valid until the next call. */
  step(actions: Actions): StepResult;
  /** Gives back what it holds outside of this process; the next reset takes it again. Absent where there is nothing. */
  close?(): void;
}

/**
 * What is known of a family with finitely many states and deterministic moves. States are integers in [0, states) and include
 * whatever the agent cannot see (for Key-to-Door, whether it holds the key). Planning sources and the exact oracle read this.
 */
export interface TabularModel {
  readonly states: number;
  /** Actions by one number each: several integers are numbered in mixed radix, the last one fastest. */
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
  /** Declared by a family that hides part of the state, where counting rewards makes up for it. */
  readonly phases?: Phases;
}

/**
 * The part of the state that an agent cannot see but can infer: it is 0 at every start, and each paid step of the episode moves it on by one
 * until the last (for Key-to-Door: without the key, with it, door open). What is seen and the phase together name the state.
 */
export interface Phases {
  readonly count: number;
  /** Phase of a state, in [0, count). */
  of(state: number): number;
}

/** What actions give up in expectation, in families where the best action of a step does not depend on those before it. */
export interface RegretModel {
  /** Names of the parts of an episode that are summed apart, in their order. */
  readonly parts: readonly string[];
  /** Index of the part that step `elapsed` of an episode (from 0) belongs to; −1 where no action is scored. */
  part(elapsed: number): number;
  /** Expected reward of the best action minus that of `action`, one integer: never negative. */
  of(task: Task, action: number): number;
}

/** What is known of a family where a point is moved in the plane and a hidden disc pays. Whoever is not told the task does not ask for its center. */
export interface PlaneModel {
  /** Longest move of one step. */
  readonly stepLength: number;
  readonly radius: number;
  /** Where the center of the disc may be. */
  readonly places: readonly (readonly [x: number, y: number])[];
  /** Where it is. */
  center(task: Task): readonly [x: number, y: number];
}

/** Something of a task that its agent is never told: what can be asked of a memory of it. */
export interface HiddenFactor {
  readonly name: string;
  /** What it is an element of. Integers are classes, reals are numbers. */
  readonly space: DiscreteSpace | MultiDiscreteSpace | BoxSpace;
  /** What its numbers are called, where they have names. */
  readonly parts?: readonly string[];
  /** Its numbers in a task, as many as an element of the space has. */
  of(task: Task): readonly number[];
}

/** A family of tasks that share spaces and rules. Its tasks are listed or drawn: exactly one of `tasks` and `drawTask` is there. */
export interface EnvFamily {
  readonly id: string;
  /** The options that it was made with, where they are not the defaults; absent where all are. */
  readonly options?: OptionValues;
  readonly observationSpace: Space;
  /** Integers, or a box of reals. */
  readonly actionSpace: Space;
  /** What the actions are called, in their order, where an action is one integer. */
  readonly actionNames?: readonly string[];
  /** Steps after which an episode is truncated. */
  readonly horizon: number;
  /** The largest expected reward of one step; noise may exceed it. Absent where it is not known. */
  readonly rewardMax?: number;
  /** Every task of the family in a fixed order. */
  tasks?(): Task[];
  /** One task of a family with too many to list; equal streams give equal tasks. */
  drawTask?(random: Random): Task;
  /** A text that names the task by content: equal exactly when the tasks are equal. */
  taskKey(task: Task): string;
  /** Expected return of an optimal policy that knows the task; exact. Absent where it is not known. */
  oracleReturn?(task: Task): number;
  /** What tells its tasks apart and has to be found out by acting. */
  readonly hidden?: readonly HiddenFactor[];
  /** For planning; absent where there is no such model. */
  readonly model?: TabularModel;
  /** For searching in the plane; absent where nothing is moved there. */
  readonly plane?: PlaneModel;
  /** Whether acting on what is seen at `observation[from …]` counts: where it does not, there is nothing to learn or to imitate. Absent: always. */
  scored?(observation: ArrayLike<number>, from: number): boolean;
  readonly regret?: RegretModel;
  /** Versions of the software outside of this package that runs it, for the record. */
  readonly software?: Readonly<Record<string, string>>;
  /** Only recordings of it exist: nothing can be played in it, and `make` throws `E_CONFIG`. */
  readonly recorded?: boolean;
  /** One environment a task. */
  make(tasks: readonly Task[], random: Random): VectorEnv;
}
