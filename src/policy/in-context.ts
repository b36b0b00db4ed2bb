/**
 * @file A trained model as a policy: the past is compressed once, when a segment (an episode, or a piece of one) ends; every action then sees
 * only Z and the running segment. A compressor that goes on from Z needs no more of the past than that segment. Weights never change.
 */

import { type HostTensor, type Program, sizeOf, zeros } from '../engine/index.ts';
import { type ActionDistribution, actionDistribution, type EnvFamily, type Policy, spaceSize, TransitionColumns } from '../rl/index.ts';
import { type ContextShape, pastFrom, stepsSeen, type Tokenizer, type Transitions } from '../tokenizers/index.ts';
import { CadenzaError, expect } from '../util/errors.ts';
import { type CompressProgram, contextEncoder } from './context-encoder.ts';

export interface InContextModel {
  readonly family: Pick<EnvFamily, 'observationSpace' | 'actionSpace' | 'horizon'>;
  readonly tokenizer: Tokenizer;
  /** What `probabilities` holds rows of (P numbers each); what sources record of such actions when left out. */
  readonly actions?: ActionDistribution;
  /** What of the past the compressor sees. */
  readonly context: ContextShape;
  /** Absent when the model carries nothing between segments. */
  readonly compress?: CompressProgram;
  /** In its place: Z [size, M, D] that the environments keep, whatever happens there. */
  readonly given?: HostTensor;
  /** What is looked up beside the own Z; goes with `compress`. */
  readonly retrieve?: Retriever;
  /**
   * `query` [size, T, F] and, unless absent, `latents` [size, M, D], `retrieved` [size, K, M, D] and `present` [size, K] → `probabilities`
   * [size, H, P], H the steps of a segment, or 1 for a memoryless tokenizer.
   */
  readonly act: {
    readonly program: Program;
    readonly size: number;
    /** Takes the future returns [size × K] that are predicted whenever it acts, of a model that makes `returns` [size, H, K] too. */
    readonly onReturns?: (returns: Float32Array) => void;
    /** Takes the weights [size × L · J · C] of cross-attention (layers, heads, what is attended to) likewise, of a model that makes `attention`. */
    readonly onAttention?: (weights: Float32Array) => void;
  };
}

/** Looks up contexts by the own Z, whenever that changed. */
export interface Retriever {
  /** Contexts that are shown at most (K). */
  readonly contexts: number;
  /** Codes of a Z, where contexts are looked up by them. */
  readonly codes?: number;
  /** Fills what environment `i` is shown: the latents [K · M · D] of the contexts found, and which slots hold one [K]. Both come as zeros. */
  lookUp(i: number, own: { latents: Float32Array; codes?: Uint16Array }, into: { latents: Float32Array; present: Float32Array }): void;
}

/** The transitions of one environment that may still be needed, oldest first. */
class Record extends TransitionColumns {
  /** First transition of every segment that has ended, and the end of the last. */
  starts = [0];

  /** Ends the running segment, and forgets what no context of this shape will hold. */
  endSegment(shape: ContextShape): void {
    const surplus = pastFrom(shape, this, this.starts, this.starts.push(this.length) - 1);
    if (surplus === 0) return;
    this.drop(surplus);
    this.starts = [0, ...this.starts.filter(start => start > surplus).map(start => start - surplus)];
  }
}

export interface InContextPolicy extends Policy {
  /**
   * Gives each environment a few-shot prompt: episodes of its task, which stand before every running segment until `reset`. Environments without
   * an entry have none, as all have at first. Throws `E_CONFIG` for a model without room for a prompt, `E_SHAPE` for more episodes than it has room for.
   */
  prompt(shown: readonly (Transitions | undefined)[]): void;
}

/** Wraps a model as a policy of `act.size` environments. */
export function inContextPolicy(model: InContextModel): InContextPolicy {
  const { family, tokenizer, context: shape, compress, given, retrieve, act } = model;
  const { actions = actionDistribution(family.actionSpace) } = model;
  const { segment } = shape;
  /** Whether segments are pieces of episodes; if not, none ends before its episode. */
  const cuts = segment < family.horizon;
  const { size: P, width: W } = actions;
  const width = spaceSize(family.observationSpace);
  const size = act.size;
  const steps = stepsSeen(tokenizer, segment);
  const tokens = tokenizer.queryTokens(steps);
  const queryRow = tokens * tokenizer.query.width;
  const promptRow = (tokenizer.prompt?.tokens ?? 0) * tokenizer.query.width;
  const query = zeros([size, tokens, tokenizer.query.width]);
  const probabilities = zeros([size, steps, P]);
  const chosen = new Float32Array(size * P);
  const latents = given ?? (compress && zeros([size, ...compress.latentShape]));
  const latentRow = compress ? sizeOf(compress.latentShape) : 0;
  const encode = compress && contextEncoder(tokenizer, shape, compress);
  /** What each environment carries from segment to segment. */
  const carried = compress?.carries ? new Float32Array(size * latentRow) : undefined;
  const codeRow = retrieve?.codes ?? 0;
  const codes = codeRow > 0 ? new Uint16Array(size * codeRow) : undefined;
  const K = retrieve?.contexts ?? 0;
  const retrieved = retrieve && compress && zeros([size, K, ...compress.latentShape]);
  const present = retrieved && zeros([size, K]);

  let records: Record[] = [];
  let time = new Int32Array(size);
  /** Environments whose Z is out of date: a segment ended there. */
  let stale: number[] = [];
  /** Environments whose Z changed since contexts were looked up by it. */
  let unsought: number[] = [];

  const forgetSegment = (i: number) => void query.data.fill(0, i * queryRow + promptRow, (i + 1) * queryRow);

  /** Clears the tokens that step `t` of the running segment adds: those after the step before it. It may have been acted on already. */
  const forgetStep = (i: number, t: number) => {
    const end = (t: number) => i * queryRow + (tokenizer.predictionIndex(t) + 1) * tokenizer.query.width;
    query.data.fill(0, t > 0 ? end(t - 1) : i * queryRow + promptRow, end(t));
  };

  const refresh = async (indices: readonly number[]) => {
    if (!encode || !latents) return;
    const row = (values: Float32Array, i: number) => values.subarray(i * latentRow, (i + 1) * latentRow);
    await encode(
      indices.map(i => ({
        past: records[i],
        starts: records[i].starts,
        count: records[i].starts.length - 1,
        latents: row(latents.data as Float32Array, i),
        carried: carried && row(carried, i),
        codes: codes?.subarray(i * codeRow, (i + 1) * codeRow),
      })),
    );
  };

  const lookUp = (indices: readonly number[]) => {
    if (!retrieve || !latents || !retrieved || !present) return;
    for (const i of indices) {
      const row = <T extends Float32Array | Uint16Array>(values: T, width: number) => values.subarray(i * width, (i + 1) * width) as T;
      const into = { latents: row(retrieved.data as Float32Array, K * latentRow), present: row(present.data as Float32Array, K) };
      for (const values of Object.values(into)) values.fill(0);
      retrieve.lookUp(i, { latents: row(latents.data as Float32Array, latentRow), codes: codes && row(codes, codeRow) }, into);
    }
  };

  /** Of a result [size, H, …] what is said at the present step of every environment, into `out`. */
  const ofNow = ({ data }: HostTensor, out: Float32Array) => {
    const width = out.length / size;
    for (let i = 0; i < size; i++) {
      const from = (i * steps + (time[i] % steps)) * width;
      out.set(data.subarray(from, from + width), i * width);
    }
    return out;
  };

  return {
    actions,
    reset(environments) {
      expect(environments === size, `this policy acts in ${size} environments at once, not ${environments}.`);
      records = Array.from({ length: size }, () => new Record(width, W));
      time = new Int32Array(size);
      query.data.fill(0);
      if (!given) latents?.data.fill(0);
      carried?.fill(0);
      codes?.fill(0);
      unsought = [...records.keys()];
      stale = carried ? [] : [...unsought];
    },
    prompt(shown) {
      if (!tokenizer.prompt)
        throw new CadenzaError('E_CONFIG', 'this model has no room for a prompt; train one with policy.prompt, or let it act without.');
      expect(shown.length <= size, `this policy acts in ${size} environments at once, but got prompts for ${shown.length}.`);
      for (let i = 0; i < size; i++) {
        query.data.fill(0, i * queryRow, i * queryRow + promptRow);
        const given = shown[i];
        if (given) tokenizer.prompt.write(query.data as Float32Array, i * queryRow, given);
      }
    },
    async act(observation) {
      await refresh(stale);
      lookUp(unsought);
      [stale, unsought] = [[], []];
      for (let i = 0; i < size; i++) {
        const record = records[i];
        expect(
          time[i] < segment,
          `environment ${i} is at step ${time[i] + 1} of an episode, but the model was made for at most ${segment}.`,
        );
        forgetStep(i, time[i] % steps);
        tokenizer.writeQuery(
          query.data as Float32Array,
          i * queryRow,
          time[i] % steps,
          observation,
          i * width,
          record.action,
          (record.length - 1) * W,
          record.reward[record.length - 1],
        );
      }
      const feeds: { [name: string]: HostTensor } = {
        query,
        ...(latents ? { latents } : {}),
        ...(retrieved && present ? { retrieved, present } : {}),
      };
      const wanted = ['probabilities', ...(act.onReturns ? ['returns'] : []), ...(act.onAttention ? ['attention'] : [])];
      const { probabilities: all, returns, attention } = await act.program.run(feeds, wanted, { probabilities });
      const now = (all: HostTensor) => ofNow(all, new Float32Array(all.data.length / steps));
      act.onReturns?.(now(returns));
      act.onAttention?.(now(attention));
      return ofNow(all, chosen);
    },
    async observe(feedback) {
      for (let i = 0; i < size; i++) {
        records[i].push(feedback, i);
        time[i]++;
        if (!feedback.terminated[i] && !feedback.truncated[i] && !(cuts && time[i] === segment)) continue;
        records[i].endSegment(shape);
        time[i] = 0;
        forgetSegment(i);
        stale.push(i);
        unsought.push(i);
      }
    },
  };
}
