/**
 * @file A trained model as a policy. The past is compressed once, when a segment (an episode, or a piece of one) ends; each action then
 * sees only Z and the running segment. A recurrent compressor needs no more of the past than that segment. Weights never change.
 */

import type { HostTensor, Program } from '../engine/index.ts';
import { type ActionDistribution, actionDistribution, type EnvFamily, type Policy, spaceSize, type Transitions } from '../rl/index.ts';
import { CadenzaError, invariant } from '../util/errors.ts';
import { type StepProgram, stepByStep, wholeSegment } from './acting.ts';
import { type Carried, latentMemory, type MemoryModel, TransitionLog } from './memory.ts';

/** A trained model and what it acts on. */
export interface InContextModel extends MemoryModel {
  /** The spaces and horizon of its environments. */
  readonly family: Pick<EnvFamily, 'observationSpace' | 'actionSpace' | 'horizon'>;
  /** The distribution of `probabilities` (rows of P numbers); by default the one that sources record. */
  readonly actions?: ActionDistribution;
  /**
   * Compiled act.onnx. `query` [size, T, F] and, if the model uses them, `latents` [size, M, D], `retrieved` [size, K, M, D] and `present`
   * [size, K] → `probabilities` [size, H, P], where H is the number of steps of a segment, or 1 for a state-only tokenizer. With `step`,
   * compiled step.onnx instead: the new tokens of a step and a state → the same results for that step (H = 1), and the next state.
   */
  readonly act: {
    readonly program: Program;
    readonly size: number;
    readonly step?: StepProgram;
    /** Compiled attention.onnx, with `step`. */
    readonly attention?: Program;
    /** Receives the predicted future returns [size × K] at each action, if the model outputs `returns` [size, H, K]. */
    readonly onReturns?: (returns: Float32Array) => void;
    /**
     * Receives the weights [size × L · J · C] of cross-attention (layers, heads, attended tokens) at each action, if the model outputs
     * `attention`.
     */
    readonly onAttention?: (weights: Float32Array) => void;
  };
}

/** A policy that learns in context, optionally from a prompt. */
export interface InContextPolicy extends Policy {
  /**
   * Gives each environment a few-shot prompt: episodes of its task, which precede every running segment until `reset`. Environments without
   * an entry have none, which is the initial state. A segment that is already running may keep the prompt that it began with.
   *
   * @throws {CadenzaError} `E_CONFIG` for a model without room for a prompt, `E_SHAPE` for more episodes than it has room for.
   */
  prompt(shown: readonly (Transitions | undefined)[]): void;
  /** Clears the memory of environment `i`, as after `reset`, except its prompt. */
  forget(i: number): void;
  /**
   * Where the latest action attended: weights [size × L · J · C] of cross-attention (layers, heads, attended tokens, the latents first). It is
   * computed when it is asked for.
   *
   * @throws {CadenzaError} `E_CONFIG` for a model without attention.onnx.
   */
  attention(): Promise<Float32Array>;
  /** What environment `i` remembers of its complete segments. The running one is not part of it. */
  memory(i: number): Promise<AgentMemory>;
  /**
   * Replaces what environment `i` remembers, such as by the memory of another environment, an earlier one, or one with other latents. The
   * running segment goes on. A recurrent compressor goes on from the new Z; others compress what is in `past` when the segment ends.
   */
  setMemory(i: number, memory: AgentMemory): void;
}

/** What an agent remembers between segments. */
export interface AgentMemory extends Partial<Carried> {
  /** The transitions that a later context may still hold. */
  readonly past: TransitionLog;
}

/**
 * Wraps a model as a policy for `act.size` environments.
 *
 * @throws {CadenzaError} from its methods: `E_SHAPE` for another number of environments or an episode that is too long, `E_CONFIG` for a
 * prompt that the model has no room for.
 */
export function inContextPolicy(model: InContextModel): InContextPolicy {
  const { family, tokenizer, context, act, actions = actionDistribution(family.actionSpace) } = model;
  const { segment } = context;
  const { size } = act;
  /** Whether segments can be shorter than episodes; if not, each ends with its episode. */
  const cuts = segment < family.horizon;
  const request = { tokenizer, program: act.program, size, segment, actions: actions.size };
  const acting = act.step ? stepByStep(request, act.step) : wholeSegment(request);
  const { steps } = acting;
  const memory = latentMemory(model, size);
  const wanted = ['probabilities', ...(act.onReturns ? ['returns'] : []), ...(act.onAttention ? ['attention'] : [])];
  const chosen = new Float32Array(size * actions.size);
  let logs: TransitionLog[] = [];
  /** Steps of the running segment in every environment. */
  let time = new Int32Array(size);

  /** Copies the part of a result [size, H, …] for the current step of every environment into `out`. */
  const ofNow = ({ data }: HostTensor, out = new Float32Array(data.length / steps)) => {
    const width = out.length / size;
    for (let i = 0; i < size; i++) {
      const from = (i * steps + (time[i] % steps)) * width;
      out.set(data.subarray(from, from + width), i * width);
    }
    return out;
  };

  const emptyLog = () => new TransitionLog(spaceSize(family.observationSpace), actions.width);
  /** The complete segments of `past`, followed by the running one of `running`. */
  const joined = (past: TransitionLog, running: TransitionLog) => {
    const log = emptyLog();
    for (let t = 0; t < past.starts.at(-1)!; t++) log.push(past, t);
    for (let t = running.starts.at(-1)!; t < running.length; t++) log.push(running, t);
    log.starts = [...past.starts];
    log.encoded = [...past.encoded];
    return log;
  };

  return {
    actions,
    reset(environments) {
      invariant(environments === size, `this policy acts in ${size} environments at once, not ${environments}.`);
      logs = Array.from({ length: size }, emptyLog);
      time = new Int32Array(size);
      acting.reset();
      memory.reset();
    },
    prompt: acting.prompt,
    async attention() {
      if (act.attention && acting.attend) return (await acting.attend(act.attention)).data as Float32Array;
      throw new CadenzaError(
        'E_CONFIG',
        'this model was exported without attention.onnx. Export one with it, or do not ask where it attends.',
      );
    },
    forget(i) {
      logs[i] = emptyLog();
      time[i] = 0;
      acting.endSegment(i);
      memory.forget(i);
    },
    async memory(i) {
      await memory.refresh(logs);
      return { ...memory.read(i), past: joined(logs[i], emptyLog()) };
    },
    setMemory(i, { latents, state, codes, past }) {
      logs[i] = joined(past, logs[i]);
      if (latents) memory.write(i, { latents, state, codes });
      acting.reread(i);
    },
    async act(observation) {
      await memory.refresh(logs);
      for (let i = 0; i < size; i++) {
        invariant(
          time[i] < segment,
          `environment ${i} is at step ${time[i] + 1} of an episode, but the model supports at most ${segment} steps.`,
        );
        acting.write(i, time[i], observation, logs[i]);
      }
      const found = await acting.run(memory.feeds, wanted);
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
        acting.endSegment(i);
        memory.endSegment(i);
      }
    },
  };
}
