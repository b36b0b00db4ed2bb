/** @file Replays recorded histories to a policy, step by step, as if it had acted in them. */

import { type Feedback, type History, joinColumns, type Policy } from '../rl/index.ts';
import { invariant } from '../util/errors.ts';

/** What is replayed to which policy. */
export interface ReplayOptions {
  /** One history per environment of the policy. */
  readonly histories: readonly History[];
  /** The policy that is asked and observes. */
  readonly policy: Policy;
  /** Called once for each step `t` of each history `i`, after the policy was asked; `rows` [size × P] are its distributions. */
  readonly onStep?: (i: number, t: number, rows: Float32Array) => void;
  /** Called after every step of all histories. */
  readonly onProgress?: (done: number) => void;
  /** Checked at every step; aborting it stops the replay. */
  readonly signal?: AbortSignal;
}

/**
 * Asks the policy at every step of every history, then lets it observe the recorded action and outcome.
 *
 * @throws {CadenzaError} `E_SHAPE` without any history.
 * @example await replay({ histories, policy, onStep: (i, t, rows) => score(histories[i], t, rows) })
 */
export async function replay({ histories, policy, onStep, onProgress, signal }: ReplayOptions): Promise<void> {
  invariant(histories.length > 0, 'replay: expected at least one history, got none.');
  const rows = <T extends Float32Array | Int32Array>(pick: (history: History) => T, at: readonly number[]) =>
    joinColumns(
      histories.map((history, i) => {
        const column = pick(history);
        const width = column.length / history.reward.length;
        return column.subarray(at[i] * width, (at[i] + 1) * width) as T;
      }),
    );
  const longest = Math.max(...histories.map(({ reward }) => reward.length));
  policy.reset(histories.length);
  for (let step = 0; step < longest; step++) {
    signal?.throwIfAborted();
    // Shorter histories start over, unreported, until the longest one ends.
    const at = histories.map(({ reward }) => step % reward.length);
    const observation = rows(history => history.observation, at);
    const answers = await policy.act(observation);
    for (const [i, { reward }] of histories.entries()) if (step < reward.length) onStep?.(i, step, answers);
    const feedback: Feedback = {
      observation,
      nextObservation: rows(history => history.nextObservation, at),
      action: rows(history => history.action, at),
      reward: Float32Array.from(histories, ({ reward }, i) => reward[at[i]]),
      terminated: Uint8Array.from(histories, ({ terminated }, i) => terminated[at[i]]),
      truncated: Uint8Array.from(histories, ({ truncated }, i) => truncated[at[i]]),
    };
    await policy.observe(feedback);
    onProgress?.(step + 1);
  }
}
