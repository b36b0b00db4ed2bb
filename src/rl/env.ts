/** @file The environment interface: vectorized, with Gymnasium's reset and step semantics. */

import type { OptionValues } from '../util/options.ts';
import type { Random } from '../util/random.ts';
import type { Actions } from './actions.ts';
import type { Scene } from './scene.ts';
import type { BoxSpace, DiscreteSpace, MultiDiscreteSpace, Space } from './spaces.ts';

/** Parameters of one task of a family (for Dark Room: its goal). Plain JSON, so that it can be hashed and audited. */
export type Task = Readonly<Record<string, number | readonly number[]>>;

/** Result of one vectorized step. Every array is indexed by environment; F and W are the numbers in an observation and an action. */
export interface StepResult {
  /** [size × F] the next observation to act on; where an episode ended, the first one of the next episode (same-step autoreset). */
  observation: Float32Array;
  /** [size] reward. */
  reward: Float32Array;
  /** [size] 1 where the task's rules ended the episode. */
  terminated: Uint8Array;
  /** [size] 1 where the horizon ended the episode. Both flags may be set. */
  truncated: Uint8Array;
  /** [size × F] the observation that the action led to, never that of a reset. Equal to `observation` where no episode ended. */
  finalObservation: Float32Array;
  /** [size × W] the executed actions; absent in families that never override the given actions. */
  executed?: Actions;
}

/** Several environments of one family stepped together; environment i has task i. */
export interface VectorEnv {
  readonly size: number;
  /**
   * Starts a new episode in every environment; returns [size × F] observations. With a stream it also reseeds, like Gymnasium's
   * `reset(seed)`.
   */
  reset(random?: Random): Float32Array;
  /**
   * Takes [size × W] actions of the family's space. The result is valid only until the next call.
   *
   * @throws {CadenzaError} `E_SHAPE` for other actions.
   */
  step(actions: Actions): StepResult;
  /**
   * Gives environment `i` another task in the middle of its episode: its rules change, and nothing else does. Absent if tasks cannot change
   * from outside.
   *
   * @throws {CadenzaError} `E_SHAPE` for a task that is not one of the family.
   */
  setTask?(i: number, task: Task): void;
  /** Releases resources outside this process; the next reset acquires them again. Absent if there are none. */
  close?(): void;
}

/**
 * A finite, deterministic model of a family. States are integers in [0, states) and include what the agent cannot see (for Key-to-Door,
 * whether it holds the key). Planning sources and the exact oracle use it.
 */
export interface TabularModel {
  /** Number of states. */
  readonly states: number;
  /** Number of actions; multi-discrete actions are numbered in mixed radix, the last dimension fastest. */
  readonly actions: number;
  /** The possible initial states, equally likely. */
  readonly starts: readonly number[];
  /** Next state in the given task. */
  next(task: Task, state: number, action: number): number;
  /** Reward for arriving in `next` in the given task. */
  reward(task: Task, state: number, action: number, next: number): number;
  /** Whether arriving in `state` ends the episode. */
  terminal(task: Task, state: number): boolean;
  /** Writes the observation of `state` to out[offset …]. */
  observe(state: number, out: Float32Array, offset: number): void;
  /** Set by a family that hides part of the state, if it can be inferred by counting rewards. */
  readonly phases?: Phases;
}

/**
 * The part of the state that an agent cannot see but can infer: 0 at the start of an episode, and one more after each rewarded step, up to
 * the last phase (for Key-to-Door: without the key, with it, door open). Observation and phase together determine the state.
 */
export interface Phases {
  readonly count: number;
  /** Phase of a state, in [0, count). */
  of(state: number): number;
}

/** Expected regret of actions, in families where the best action of a step does not depend on earlier ones. */
export interface RegretModel {
  /** Names of the parts of an episode whose regret is summed separately, in order. */
  readonly parts: readonly string[];
  /** Index of the part that step `elapsed` of an episode (from 0) belongs to; −1 if no action is scored. */
  part(elapsed: number): number;
  /** Expected reward of the best action in step `elapsed` minus that of `action` (one integer): never negative. */
  of(task: Task, action: number, elapsed: number): number;
}

/**
 * A family where a point moves in the plane and is rewarded inside a hidden disc. Agents that must not know the task do not read its
 * center.
 */
export interface PlaneModel {
  /** Longest move per step. */
  readonly stepLength: number;
  /** Radius of the disc. */
  readonly radius: number;
  /** Possible centers of the disc. */
  readonly places: readonly (readonly [x: number, y: number])[];
  /** Center of the disc in a task. */
  center(task: Task): readonly [x: number, y: number];
}

/**
 * A family whose episodes consist of many attempts, each to reach hidden cells of a room in a fixed order: a key, then a door. Reaching the
 * next cell in order is rewarded. An attempt is followed by a step that only starts the next one, whatever the action; the family's `attempt`
 * says where one starts. Agents that know the room and these rules, but neither the hidden cells nor when they change, read this model.
 */
export interface AttemptsModel {
  /** Number of cells of the room, numbered row by row. */
  readonly cells: number;
  /** Number of cells in a row. */
  readonly columns: number;
  /** Number of actions. */
  readonly actions: number;
  /** Names of the hidden cells that an attempt visits, in order. */
  readonly targets: readonly string[];
  /** The cell that an action leads to. */
  move(cell: number, action: number): number;
  /** The cell that an observation shows. */
  cellOf(observation: ArrayLike<number>): number;
  /** Index of the hidden cell that is rewarded next, in [0, targets.length). */
  phaseOf(observation: ArrayLike<number>): number;
}

/**
 * What an agent must remember to act optimally, in families where the observations of an episode tell all that matters: a cue, or how often
 * something was seen. Agents that know the rules, but not the task, may use it.
 */
export interface RecallModel {
  /** What is remembered. All of its numbers are 0 at the start of an episode. */
  readonly memory: Factor;
  /** Takes an observation into the memory. Each observation that is acted on is taken in once, in order. */
  remember(memory: Float64Array, observation: ArrayLike<number>): void;
  /** The optimal action, one integer, on an observation that the memory has taken in. */
  act(memory: Float64Array, observation: ArrayLike<number>): number;
}

/** A family where an agent looks for goals in a square maze, with the moves `MAZE_MOVES`, and sees a part of it at a time. */
export interface MazeModel {
  /** Cells per side, with the walls around the maze. */
  readonly side: number;
  /** What an observation shows. */
  read(observation: ArrayLike<number>): MazeView;
}

/** What an agent in a maze sees. Cell = row · side + column. */
export interface MazeView {
  /** Where it is. */
  readonly cell: number;
  /** Free cells up to the next wall to the west, north, east and south. */
  readonly free: readonly number[];
  /** The cell to go to; undefined after the end of an attempt. */
  readonly goal?: number;
}

/** Steps in columns: one of each of several environments, or those of one history in order. F is the numbers in an observation. */
export interface StepColumns {
  /** [steps × F] observation before acting. */
  readonly observation: ArrayLike<number>;
  /** [steps] reward. */
  readonly reward: ArrayLike<number>;
  /** [steps × F] observation that the action led to, never that of a new episode. */
  readonly nextObservation: ArrayLike<number>;
}

/** The t steps that an episode has had so far, in columns. F and W are the numbers in an observation and an action. */
export interface PastSteps {
  /** [t × F] observation before acting. */
  readonly observation: ArrayLike<number>;
  /** [t × W] executed action. */
  readonly action: ArrayLike<number>;
  /** [t] reward. */
  readonly reward: ArrayLike<number>;
}

/** Something that a family counts besides rewards, such as opened doors. */
export interface Outcome {
  /** What is counted, as a plural noun. */
  readonly name: string;
  /** How much of it step `i` of these columns yields. */
  of(steps: StepColumns, i: number): number;
}

/** A named quantity that a memory can be probed for. */
export interface Factor {
  readonly name: string;
  /** The space of its values. Integers are classes, reals are numbers. */
  readonly space: DiscreteSpace | MultiDiscreteSpace | BoxSpace;
  /** Names of its numbers, if they have any. */
  readonly parts?: readonly string[];
}

/** A property of a task that its agent is never given, so that its memory can be probed for it. */
export interface HiddenFactor extends Factor {
  /** Its value in a task, as many numbers as an element of the space has. */
  of(task: Task): readonly number[];
}

/** A family of tasks that share spaces and rules. Tasks are either listed or drawn: exactly one of `tasks` and `drawTask` is present. */
export interface EnvFamily {
  readonly id: string;
  /** The options it was created with that differ from the defaults; absent if none do. */
  readonly options?: OptionValues;
  /** The space of observations. */
  readonly observationSpace: Space;
  /** Discrete, multi-discrete or a box of reals. */
  readonly actionSpace: Space;
  /** Names of the actions in order, if an action is one integer. */
  readonly actionNames?: readonly string[];
  /** Steps after which an episode is truncated. */
  readonly horizon: number;
  /** The largest expected reward of one step; noise may exceed it. Absent if unknown. */
  readonly rewardMax?: number;
  /** All tasks of the family in a fixed order. */
  tasks?(): Task[];
  /** Draws one task of a family with too many to list; equal streams give equal tasks. */
  drawTask?(random: Random): Task;
  /** A text that identifies the task by content: equal exactly if the tasks are equal. */
  taskKey(task: Task): string;
  /** Exact expected return of an optimal policy that knows the task. Absent if unknown. */
  oracleReturn?(task: Task): number;
  /** What distinguishes its tasks and must be found out by acting. */
  readonly hidden?: readonly HiddenFactor[];
  /** Model for planning; absent if there is none. */
  readonly model?: TabularModel;
  /** Model for search in the plane; absent if nothing moves there. */
  readonly plane?: PlaneModel;
  /** Model for search in attempts; absent if episodes have none. */
  readonly attempts?: AttemptsModel;
  /** What must be remembered to act optimally; absent where more than the observations of an episode matters. */
  readonly recall?: RecallModel;
  /** Model for search in a maze; absent if there is none. */
  readonly maze?: MazeModel;
  /** Whether the action of step `i` of these columns is scored; if not, there is nothing to learn or imitate. Absent: always. */
  scored?(steps: StepColumns, i: number): boolean;
  /** What is counted besides rewards; absent if nothing is. */
  readonly outcome?: Outcome;
  /**
   * The steps of an episode, ascending and counted from 0, from which on the task is another one; its rules may delay a change. Absent: tasks
   * never change.
   */
  changes?(task: Task): readonly number[];
  /** How the expected regret of actions is computed; absent if the family does not define it. */
  readonly regret?: RegretModel;
  /**
   * What there is to draw when the agent sees `observation` after these steps of an episode, hidden parts included; `sceneText` and
   * `sceneSVG` draw it. A pure function. Absent if there is nothing to draw.
   */
  render?(task: Task, observation: ArrayLike<number>, past: PastSteps): Scene;
  /** Whether an attempt starts at the observation at `observation[from …]`. Absent in families without attempts within an episode. */
  attempt?(observation: ArrayLike<number>, from: number): boolean;
  /** Versions of external software that runs it, for the record. */
  readonly software?: Readonly<Record<string, string>>;
  /** Only recordings exist: it cannot be played, and `make` throws `E_CONFIG`. */
  readonly recorded?: boolean;
  /** Creates environments, one per task. */
  make(tasks: readonly Task[], random: Random): VectorEnv;
}
