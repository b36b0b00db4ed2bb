/** @file The stream of one environment in growing columns: a history while it is being played. */

import { type ActionDistribution, actionsOf } from './actions.ts';
import type { EnvFamily, Task } from './env.ts';
import type { History } from './history.ts';
import type { Feedback } from './policy.ts';
import { spaceSize } from './spaces.ts';

/** T transitions in order. F is the number of values in an observation, W in an action. */
export class TransitionColumns {
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
  push(step: Feedback, i: number): void {
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
