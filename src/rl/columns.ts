/** @file What one environment gave, in columns that grow: how a history is kept while it is lived. */

import type { Feedback } from './policy.ts';

/** T transitions, in the order in which they happened. F is the size of an observation, W of an action. */
export class TransitionColumns {
  /** [T × F] what was seen before acting. */
  readonly observation: number[] = [];
  /** [T × W] */
  readonly action: number[] = [];
  /** [T] */
  readonly reward: number[] = [];
  /** [T × F] where the action led. */
  readonly nextObservation: number[] = [];
  /** [T] */
  readonly terminated: number[] = [];
  /** [T] */
  readonly truncated: number[] = [];
  readonly #width: number;
  readonly #actionWidth: number;

  constructor(width: number, actionWidth: number) {
    this.#width = width;
    this.#actionWidth = actionWidth;
  }

  get length(): number {
    return this.reward.length;
  }

  /** Appends what happened in environment i. */
  push({ observation, action, reward, nextObservation, terminated, truncated }: Feedback, i: number): void {
    for (let f = i * this.#width; f < (i + 1) * this.#width; f++) {
      this.observation.push(observation[f]);
      this.nextObservation.push(nextObservation[f]);
    }
    for (let w = i * this.#actionWidth; w < (i + 1) * this.#actionWidth; w++) this.action.push(action[w]);
    this.reward.push(reward[i]);
    this.terminated.push(terminated[i]);
    this.truncated.push(truncated[i]);
  }

  /** Forgets the first `count` transitions. */
  drop(count: number): void {
    for (const column of [this.reward, this.terminated, this.truncated]) column.splice(0, count);
    for (const column of [this.observation, this.nextObservation]) column.splice(0, count * this.#width);
    this.action.splice(0, count * this.#actionWidth);
  }
}
