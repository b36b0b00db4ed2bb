/** @file The stream of one environment in growing columns: a history while it is being played. */

import { type ActionDistribution, type Actions, actionsOf, newActions } from './actions.ts';
import type { EnvFamily, Task } from './env.ts';
import type { History } from './history.ts';
import type { Feedback } from './policy.ts';
import { spaceSize } from './spaces.ts';

/** Transitions in columns, as in a `History`. F is the number of values in an observation, W in an action. */
export interface Transitions {
  /** [T × F] observations before acting. */
  readonly observation: ArrayLike<number>;
  /** [T × W] executed actions. */
  readonly action: ArrayLike<number>;
  /** [T] */
  readonly reward: ArrayLike<number>;
  /** [T × F] observations after acting. */
  readonly nextObservation: ArrayLike<number>;
  /** [T] 1 if the task's rules ended the episode. */
  readonly terminated: ArrayLike<number>;
  /** [T] 1 if the horizon ended the episode. */
  readonly truncated: ArrayLike<number>;
}

/** T transitions in order. F is the number of values in an observation, W in an action. */
export class TransitionColumns implements Transitions {
  /** [T × F] observation before acting. */
  readonly observation: number[] = [];
  /** [T × W] executed action. */
  readonly action: number[] = [];
  /** [T] reward. */
  readonly reward: number[] = [];
  /** [T × F] observation after acting. */
  readonly nextObservation: number[] = [];
  /** [T] 1 if the task's rules ended the episode. */
  readonly terminated: number[] = [];
  /** [T] 1 if the horizon ended the episode. */
  readonly truncated: number[] = [];
  /** Numbers per transition in each column. */
  readonly #widths: readonly (readonly [column: keyof Feedback, width: number])[];

  constructor(width: number, actionWidth: number) {
    const scalars = (['reward', 'terminated', 'truncated'] as const).map(column => [column, 1] as const);
    this.#widths = [['observation', width], ['nextObservation', width], ['action', actionWidth], ...scalars];
  }

  get length(): number {
    return this.reward.length;
  }

  /** Appends the transition of environment i. */
  push(step: Transitions, i: number): void {
    for (const [column, width] of this.#widths) for (let k = i * width; k < (i + 1) * width; k++) this[column].push(step[column][k]);
  }

  /** Drops the first `count` transitions. */
  drop(count: number): void {
    for (const [column, width] of this.#widths) this[column].splice(0, count * width);
  }
}

/** A step with the distributions that its actions were sampled from. */
export interface PlayedStep extends Feedback {
  /** [size × P] distributions over actions. */
  probabilities: Float32Array;
}

/** A stream from its first step on, with the distributions that its actions were sampled from. P is the size of one. */
export class Recording extends TransitionColumns {
  readonly task: Task;
  /** [T × P] distributions over actions. */
  readonly probabilities: number[] = [];
  /** First transition of every episode, and T at the end. */
  readonly starts: number[] = [0];
  readonly #actions: ActionDistribution;

  constructor(task: Task, { observationSpace }: Pick<EnvFamily, 'observationSpace'>, actions: ActionDistribution) {
    super(spaceSize(observationSpace), actions.width);
    this.task = task;
    this.#actions = actions;
  }

  get episodes(): number {
    return this.starts.length - 1;
  }

  /** Appends the transition of environment i. */
  record(step: PlayedStep, i: number): void {
    const { size } = this.#actions;
    for (let p = i * size; p < (i + 1) * size; p++) this.probabilities.push(step.probabilities[p]);
    this.push(step, i);
    if (step.terminated[i] || step.truncated[i]) this.starts.push(this.length);
  }

  /** The whole stream as a learning history. */
  history({ taskKey, stream }: Pick<History, 'taskKey' | 'stream'>): History {
    return {
      task: this.task,
      taskKey,
      stream,
      observation: Float32Array.from(this.observation),
      action: actionsOf(this.#actions.space, this.action),
      probabilities: Float32Array.from(this.probabilities),
      reward: Float32Array.from(this.reward),
      nextObservation: Float32Array.from(this.nextObservation),
      terminated: Uint8Array.from(this.terminated),
      truncated: Uint8Array.from(this.truncated),
    };
  }
}

/** A history that grows step by step, in arrays of numbers that double when they are full. F is the number of values in an observation. */
export class GrowingHistory {
  readonly #actions: ActionDistribution;
  readonly #width: number;
  #length = 0;
  #room: number;
  #observation: Float32Array;
  #action: Actions;
  #probabilities: Float32Array;
  #reward: Float32Array;
  #nextObservation: Float32Array;
  #terminated: Uint8Array;
  #truncated: Uint8Array;

  /** @param room number of transitions that it has room for at first. */
  constructor({ observationSpace }: Pick<EnvFamily, 'observationSpace'>, actions: ActionDistribution, room: number) {
    this.#actions = actions;
    this.#width = spaceSize(observationSpace);
    this.#room = room;
    this.#observation = new Float32Array(room * this.#width);
    this.#action = newActions(actions.space, room);
    this.#probabilities = new Float32Array(room * actions.size);
    this.#reward = new Float32Array(room);
    this.#nextObservation = new Float32Array(room * this.#width);
    this.#terminated = new Uint8Array(room);
    this.#truncated = new Uint8Array(room);
  }

  /** Appends the transition of the only environment of a step. */
  push({ observation, action, probabilities, reward, nextObservation, terminated, truncated }: PlayedStep): void {
    if (this.#length === this.#room) this.#grow();
    const t = this.#length++;
    write(this.#observation, t, observation, this.#width);
    write(this.#action, t, action, this.#actions.width);
    write(this.#probabilities, t, probabilities, this.#actions.size);
    this.#reward[t] = reward[0];
    write(this.#nextObservation, t, nextObservation, this.#width);
    this.#terminated[t] = terminated[0];
    this.#truncated[t] = truncated[0];
  }

  /** All of it as a learning history, after which it grows no more. */
  history(about: Pick<History, 'task' | 'taskKey' | 'stream'>): History {
    const full = this.#length === this.#room;
    const rows = <T extends Float32Array | Int32Array | Uint8Array>(column: T, width = 1) =>
      full ? column : (column.slice(0, this.#length * width) as T);
    return {
      ...about,
      observation: rows(this.#observation, this.#width),
      action: rows(this.#action, this.#actions.width),
      probabilities: rows(this.#probabilities, this.#actions.size),
      reward: rows(this.#reward),
      nextObservation: rows(this.#nextObservation, this.#width),
      terminated: rows(this.#terminated),
      truncated: rows(this.#truncated),
    };
  }

  #grow(): void {
    this.#room *= 2;
    this.#observation = doubled(this.#observation);
    this.#action = doubled(this.#action);
    this.#probabilities = doubled(this.#probabilities);
    this.#reward = doubled(this.#reward);
    this.#nextObservation = doubled(this.#nextObservation);
    this.#terminated = doubled(this.#terminated);
    this.#truncated = doubled(this.#truncated);
  }
}

/** Writes the first row of `values` as row `t`. */
function write(column: Float32Array | Int32Array, t: number, values: ArrayLike<number>, width: number): void {
  for (let k = 0; k < width; k++) column[t * width + k] = values[k];
}

/** The column with as much room again. */
function doubled<T extends Float32Array | Int32Array | Uint8Array>(column: T): T {
  const twice = new (column.constructor as new (size: number) => T)(2 * column.length);
  twice.set(column);
  return twice;
}
