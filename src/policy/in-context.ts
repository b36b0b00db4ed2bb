/**
 * @file A trained model as a policy: past episodes are compressed once, at an episode's start; every action then sees only Z and the running
 * episode. Weights never change.
 */

import type { HostTensor, Program } from '../engine/index.ts';
import { zeros } from '../engine/index.ts';
import { type EnvFamily, type Feedback, type Policy, spaceSize } from '../rl/index.ts';
import { type Tokenizer, type Transitions, writeContext } from '../tokenizers/index.ts';
import { expect } from '../util/errors.ts';

export interface InContextModel {
  readonly family: Pick<EnvFamily, 'observationSpace' | 'actionSpace' | 'horizon'>;
  readonly tokenizer: Tokenizer;
  /** Transitions that the compressor sees. */
  readonly contextTransitions: number;
  /** `context` [C, N, F] → `latents` [C, M, D] for C environments at a time; absent when the model carries nothing between episodes. */
  readonly compress?: { readonly program: Program; readonly batch: number; readonly latentShape: readonly number[] };
  /** `query` [size, T, F] and, unless absent, `latents` [size, M, D] → `probabilities` [size, H, A]. */
  readonly act: { readonly program: Program; readonly size: number };
}

/** The transitions of one environment that may still be needed, oldest first. */
class Record implements Transitions {
  readonly observation: number[] = [];
  readonly action: number[] = [];
  readonly reward: number[] = [];
  readonly nextObservation: number[] = [];
  readonly terminated: number[] = [];
  readonly truncated: number[] = [];
  readonly #width: number;

  constructor(width: number) {
    this.#width = width;
  }

  get length(): number {
    return this.action.length;
  }

  push(feedback: Feedback, i: number): void {
    for (let f = 0; f < this.#width; f++) {
      this.observation.push(feedback.observation[i * this.#width + f]);
      this.nextObservation.push(feedback.nextObservation[i * this.#width + f]);
    }
    this.action.push(feedback.action[i]);
    this.reward.push(feedback.reward[i]);
    this.terminated.push(feedback.terminated[i]);
    this.truncated.push(feedback.truncated[i]);
  }

  /** Forgets all but the last `count` transitions. */
  keep(count: number): void {
    const surplus = this.length - count;
    if (surplus <= 0) return;
    for (const column of [this.action, this.reward, this.terminated, this.truncated]) column.splice(0, surplus);
    for (const column of [this.observation, this.nextObservation]) column.splice(0, surplus * this.#width);
  }
}

/** Wraps a model as a policy of `act.size` environments. */
export function inContextPolicy({ family, tokenizer, contextTransitions, compress, act }: InContextModel): Policy {
  const { horizon } = family;
  const actions = family.actionSpace.n;
  const width = spaceSize(family.observationSpace);
  const size = act.size;
  const tokens = tokenizer.queryTokens(horizon);
  const queryRow = tokens * tokenizer.query.width;
  const query = zeros([size, tokens, tokenizer.query.width]);
  const probabilities = zeros([size, horizon, actions]);
  const chosen = new Float32Array(size * actions);
  const latents = compress && zeros([size, ...compress.latentShape]);
  const latentRow = compress ? compress.latentShape.reduce((a, b) => a * b, 1) : 0;
  const contextTokens = contextTransitions * tokenizer.tokensPerTransition;
  const context = compress && zeros([compress.batch, contextTokens, tokenizer.context.width]);
  const contextRow = contextTokens * tokenizer.context.width;
  const compressed = compress && zeros([compress.batch, ...compress.latentShape]);

  let records: Record[] = [];
  let time = new Int32Array(size);
  /** Environments whose Z is out of date: an episode ended there. */
  let stale: number[] = [];

  const refresh = async (indices: readonly number[]) => {
    if (!compress || !context || !compressed || !latents) return;
    for (let at = 0; at < indices.length; at += compress.batch) {
      const chunk = indices.slice(at, at + compress.batch);
      context.data.fill(0);
      for (const [c, i] of chunk.entries())
        writeContext(tokenizer, context.data as Float32Array, c * contextRow, contextTransitions, records[i], 0, records[i].length);
      const { latents: z } = await compress.program.run({ context }, ['latents'], { latents: compressed });
      for (const [c, i] of chunk.entries()) latents.data.set(z.data.subarray(c * latentRow, (c + 1) * latentRow), i * latentRow);
    }
  };

  return {
    actions,
    reset(environments) {
      expect(environments === size, `this policy acts in ${size} environments at once, not ${environments}.`);
      records = Array.from({ length: size }, () => new Record(width));
      time = new Int32Array(size);
      query.data.fill(0);
      stale = [...records.keys()];
    },
    async act(observation) {
      await refresh(stale);
      stale = [];
      for (let i = 0; i < size; i++) {
        const record = records[i];
        expect(
          time[i] < horizon,
          `environment ${i} is at step ${time[i] + 1} of an episode, but the model was made for at most ${horizon}.`,
        );
        tokenizer.writeQuery(
          query.data as Float32Array,
          i * queryRow,
          time[i],
          observation,
          i * width,
          record.action[record.length - 1],
          record.reward[record.length - 1],
        );
      }
      const feeds: { [name: string]: HostTensor } = latents ? { query, latents } : { query };
      const { probabilities: all } = await act.program.run(feeds, ['probabilities'], { probabilities });
      for (let i = 0; i < size; i++) {
        const from = (i * horizon + time[i]) * actions;
        chosen.set(all.data.subarray(from, from + actions), i * actions);
      }
      return chosen;
    },
    async observe(feedback) {
      for (let i = 0; i < size; i++) {
        records[i].push(feedback, i);
        time[i]++;
        if (!feedback.terminated[i] && !feedback.truncated[i]) continue;
        records[i].keep(contextTransitions);
        time[i] = 0;
        query.data.fill(0, i * queryRow, (i + 1) * queryRow);
        stale.push(i);
      }
    },
  };
}
