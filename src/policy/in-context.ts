/**
 * @file A trained model as a policy: the past is compressed once, when a segment (an episode, or a piece of one) ends; every action then sees
 * only Z and the running segment. A compressor that goes on from Z needs no more of the past than that segment. Weights never change.
 */

import { type HostTensor, type Program, zeros } from '../engine/index.ts';
import { type ActionDistribution, actionDistribution, type EnvFamily, type Policy, spaceSize } from '../rl/index.ts';
import { stepsSeen, type Tokenizer, type Transitions } from '../tokenizers/index.ts';
import { CadenzaError, invariant } from '../util/errors.ts';
import { latentMemory, type MemoryModel, TransitionLog } from './memory.ts';

export interface InContextModel extends MemoryModel {
  readonly family: Pick<EnvFamily, 'observationSpace' | 'actionSpace' | 'horizon'>;
  /** What `probabilities` holds rows of (P numbers each); what sources record of such actions when left out. */
  readonly actions?: ActionDistribution;
  /**
   * `query` [size, T, F] and, unless absent, `latents` [size, M, D], `retrieved` [size, K, M, D] and `present` [size, K] → `probabilities`
   * [size, H, P], H the steps of a segment, or 1 for a state-only tokenizer.
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

export interface InContextPolicy extends Policy {
  /**
   * Gives each environment a few-shot prompt: episodes of its task, which stand before every running segment until `reset`. Environments without
   * an entry have none, as all have at first. Throws `E_CONFIG` for a model without room for a prompt, `E_SHAPE` for more episodes than it has room for.
   */
  prompt(shown: readonly (Transitions | undefined)[]): void;
}

/** Wraps a model as a policy of `act.size` environments. */
export function inContextPolicy(model: InContextModel): InContextPolicy {
  const { family, tokenizer, context, act, actions = actionDistribution(family.actionSpace) } = model;
  const { segment } = context;
  const { size } = act;
  /** Whether segments are pieces of episodes; if not, none ends before its episode. */
  const cuts = segment < family.horizon;
  const steps = stepsSeen(tokenizer, segment);
  const query = queryRows(tokenizer, size, steps);
  const memory = latentMemory(model, size);
  const probabilities = zeros([size, steps, actions.size]);
  const wanted = ['probabilities', ...(act.onReturns ? ['returns'] : []), ...(act.onAttention ? ['attention'] : [])];
  const chosen = new Float32Array(size * actions.size);
  let logs: TransitionLog[] = [];
  /** Steps of the running segment in every environment. */
  let time = new Int32Array(size);

  /** Of a result [size, H, …] what is said at the present step of every environment, into `out`. */
  const ofNow = ({ data }: HostTensor, out = new Float32Array(data.length / steps)) => {
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
      invariant(environments === size, `this policy acts in ${size} environments at once, not ${environments}.`);
      logs = Array.from({ length: size }, () => new TransitionLog(spaceSize(family.observationSpace), actions.width));
      time = new Int32Array(size);
      query.reset();
      memory.reset();
    },
    prompt: query.prompt,
    async act(observation) {
      await memory.refresh(logs);
      for (let i = 0; i < size; i++) {
        invariant(
          time[i] < segment,
          `environment ${i} is at step ${time[i] + 1} of an episode, but the model was made for at most ${segment}.`,
        );
        query.write(i, time[i] % steps, observation, logs[i]);
      }
      const found = await act.program.run({ query: query.tensor, ...memory.feeds }, wanted, { probabilities });
      act.onReturns?.(ofNow(found.returns));
      act.onAttention?.(ofNow(found.attention));
      return ofNow(found.probabilities, chosen);
    },
    async observe(feedback) {
      for (let i = 0; i < size; i++) {
        logs[i].push(feedback, i);
        time[i]++;
        if (!feedback.terminated[i] && !feedback.truncated[i] && !(cuts && time[i] === segment)) continue;
        logs[i].endSegment(context);
        time[i] = 0;
        query.endSegment(i);
        memory.endSegment(i);
      }
    },
  };
}

/** The query: one row of tokens for each environment, with its prompt and at most `steps` steps of its running segment. */
function queryRows(tokenizer: Tokenizer, size: number, steps: number) {
  const { width } = tokenizer.query;
  const tensor = zeros([size, tokenizer.queryTokens(steps), width]);
  const data = tensor.data as Float32Array;
  const rowSize = data.length / size;
  const promptSize = (tokenizer.prompt?.tokens ?? 0) * width;
  return {
    /** [size, T, F] */
    tensor,
    reset: () => void data.fill(0),
    /** Writes what `InContextPolicy.prompt` was given, and throws as it does. */
    prompt(shown: readonly (Transitions | undefined)[]): void {
      if (!tokenizer.prompt)
        throw new CadenzaError('E_CONFIG', 'this model has no room for a prompt; train one with policy.prompt, or let it act without.');
      invariant(shown.length <= size, `this policy acts in ${size} environments at once, but got prompts for ${shown.length}.`);
      for (let i = 0, row = 0; i < size; i++, row += rowSize) {
        data.fill(0, row, row + promptSize);
        const given = shown[i];
        if (given) tokenizer.prompt.write(data, row, given);
      }
    },
    /** Writes what environment `i` sees at step `t` of its running segment, after its last transition. It may have been asked there before. */
    write(i: number, t: number, observation: Float32Array, { action, reward }: Pick<Transitions, 'action' | 'reward'>): void {
      const row = i * rowSize;
      const end = (t: number) => row + (tokenizer.predictionIndex(t) + 1) * width;
      // The tokens that this step adds: those after the step before it.
      data.fill(0, t > 0 ? end(t - 1) : row + promptSize, end(t));
      const last = reward.length - 1;
      const actionFrom = last < 0 ? 0 : action.length - action.length / reward.length;
      tokenizer.writeQuery(data, row, t, observation, (observation.length / size) * i, action, actionFrom, reward[last]);
    },
    endSegment: (i: number) => void data.fill(0, i * rowSize + promptSize, (i + 1) * rowSize),
  };
}
