/**
 * @file A trained model as a policy: the past is compressed once, when a segment (an episode, or a piece of one) ends; every action then sees
 * only Z and the running segment. A compressor that goes on from Z needs no more of the past than that segment. Weights never change.
 */

import type { HostTensor, Program } from '../engine/index.ts';
import { zeros } from '../engine/index.ts';
import { type EnvFamily, type Feedback, type Policy, spaceSize } from '../rl/index.ts';
import { type ContextShape, pastFrom, stepsSeen, type Tokenizer, type Transitions, writePast } from '../tokenizers/index.ts';
import { expect } from '../util/errors.ts';

export interface InContextModel {
  readonly family: Pick<EnvFamily, 'observationSpace' | 'actionSpace' | 'horizon'>;
  readonly tokenizer: Tokenizer;
  /** What of the past the compressor sees. */
  readonly context: ContextShape;
  /**
   * `context` [C, N, F] → `latents` [C, M, D] for C environments at a time; absent when the model carries nothing between segments. With
   * `carries`, `context` is one segment and `state` [C, M, D] what was carried so far, zeros at first; `next` is what is carried on, of which
   * `latents` is what the policy sees.
   */
  readonly compress?: {
    readonly program: Program;
    readonly batch: number;
    readonly latentShape: readonly number[];
    readonly carries?: boolean;
    /** Takes the codes [environments, M, G] of every compression, of a model that makes `codes` beside its latents. */
    readonly onCodes?: (codes: ArrayLike<number>) => void;
  };
  /** `query` [size, T, F] and, unless absent, `latents` [size, M, D] → `probabilities` [size, H, A], H the steps of a segment, or 1 for a memoryless tokenizer. */
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
  /** First transition of every segment that has ended, and the end of the last. */
  starts = [0];
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

  /** Ends the running segment, and forgets what no context of this shape will hold. */
  endSegment(shape: ContextShape): void {
    const surplus = pastFrom(shape, this.starts, this.starts.push(this.length) - 1);
    if (surplus === 0) return;
    for (const column of [this.action, this.reward, this.terminated, this.truncated]) column.splice(0, surplus);
    for (const column of [this.observation, this.nextObservation]) column.splice(0, surplus * this.#width);
    this.starts = [0, ...this.starts.filter(start => start > surplus).map(start => start - surplus)];
  }
}

/** Wraps a model as a policy of `act.size` environments. */
export function inContextPolicy({ family, tokenizer, context: shape, compress, act }: InContextModel): Policy {
  const { segment } = shape;
  /** Whether segments are pieces of episodes; if not, none ends before its episode. */
  const cuts = segment < family.horizon;
  const actions = family.actionSpace.n;
  const width = spaceSize(family.observationSpace);
  const size = act.size;
  const steps = stepsSeen(tokenizer, segment);
  const tokens = tokenizer.queryTokens(steps);
  const queryRow = tokens * tokenizer.query.width;
  const query = zeros([size, tokens, tokenizer.query.width]);
  const probabilities = zeros([size, steps, actions]);
  const chosen = new Float32Array(size * actions);
  const latents = compress && zeros([size, ...compress.latentShape]);
  const latentRow = compress ? compress.latentShape.reduce((a, b) => a * b, 1) : 0;
  const contextTokens = shape.contextTransitions * tokenizer.tokensPerTransition;
  const context = compress && zeros([compress.batch, contextTokens, tokenizer.context.width]);
  const contextRow = contextTokens * tokenizer.context.width;
  const compressed = compress && zeros([compress.batch, ...compress.latentShape]);
  const state = compress?.carries ? zeros([compress.batch, ...compress.latentShape]) : undefined;
  /** What each environment carries from segment to segment. */
  const carried = state && new Float32Array(size * latentRow);

  let records: Record[] = [];
  let time = new Int32Array(size);
  /** Environments whose Z is out of date: a segment ended there. */
  let stale: number[] = [];

  const refresh = async (indices: readonly number[]) => {
    if (!compress || !context || !compressed || !latents) return;
    for (let at = 0; at < indices.length; at += compress.batch) {
      const chunk = indices.slice(at, at + compress.batch);
      context.data.fill(0);
      for (const [c, i] of chunk.entries()) {
        const { starts } = records[i];
        writePast(tokenizer, context.data as Float32Array, c * contextRow, shape, records[i], starts, starts.length - 1);
        state?.data.set(carried!.subarray(i * latentRow, (i + 1) * latentRow), c * latentRow);
      }
      const feeds: { [name: string]: HostTensor } = state ? { context, state } : { context };
      const wanted = ['latents', ...(state ? ['next'] : []), ...(compress.onCodes ? ['codes'] : [])];
      const { latents: z, next, codes } = await compress.program.run(feeds, wanted, { latents: compressed });
      compress.onCodes?.(codes.data.subarray(0, (codes.data.length / compress.batch) * chunk.length));
      if (carried)
        for (const [c, i] of chunk.entries())
          carried.set((next.data as Float32Array).subarray(c * latentRow, (c + 1) * latentRow), i * latentRow);
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
      latents?.data.fill(0);
      carried?.fill(0);
      stale = state ? [] : [...records.keys()];
    },
    async act(observation) {
      await refresh(stale);
      stale = [];
      if (tokenizer.memoryless) query.data.fill(0);
      for (let i = 0; i < size; i++) {
        const record = records[i];
        expect(
          time[i] < segment,
          `environment ${i} is at step ${time[i] + 1} of an episode, but the model was made for at most ${segment}.`,
        );
        tokenizer.writeQuery(
          query.data as Float32Array,
          i * queryRow,
          time[i] % steps,
          observation,
          i * width,
          record.action[record.length - 1],
          record.reward[record.length - 1],
        );
      }
      const feeds: { [name: string]: HostTensor } = latents ? { query, latents } : { query };
      const { probabilities: all } = await act.program.run(feeds, ['probabilities'], { probabilities });
      for (let i = 0; i < size; i++) {
        const from = (i * steps + (time[i] % steps)) * actions;
        chosen.set(all.data.subarray(from, from + actions), i * actions);
      }
      return chosen;
    },
    async observe(feedback) {
      for (let i = 0; i < size; i++) {
        records[i].push(feedback, i);
        time[i]++;
        if (!feedback.terminated[i] && !feedback.truncated[i] && !(cuts && time[i] === segment)) continue;
        records[i].endSegment(shape);
        time[i] = 0;
        query.data.fill(0, i * queryRow, (i + 1) * queryRow);
        stale.push(i);
      }
    },
  };
}
