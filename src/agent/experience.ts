/**
 * @file What the agent of the moment does and sees on training tasks, several episodes a stream. Its weights are inputs of the graphs that
 * act, so that nothing is compiled anew when they change.
 * Shape key: S streams, H horizon, W numbers of an action, L numbers of a distribution over actions as a source records it.
 */

import { type Executor, type Graph, type HostTensor, inputsOf, optimize, type Program, toOnnx, zeros } from '../engine/index.ts';
import { FROZEN, type Packing, readPacked, type TrainedState } from '../optim/index.ts';
import { recordRollout } from '../play/index.ts';
import { inContextPolicy } from '../policy/index.ts';
import { actionDistribution, type Policy, Recording, type Task } from '../rl/index.ts';
import { stepsSeen } from '../tokenizers/index.ts';
import type { Random } from '../util/random.ts';
import type { Model } from './model.ts';

/** Environments whose contexts are compressed in one call. */
const COMPRESS_BATCH = 32;

export interface ActorRequest {
  readonly model: Model;
  readonly compressorId: string;
  readonly streams: number;
  readonly executor: Executor;
  /** How the parts of the trained state that it acts by lie in their vectors. */
  readonly layouts: Readonly<Record<string, Packing>>;
  /** The frozen parameters: layout and values. */
  readonly frozen: { readonly layout: Packing; readonly values: HostTensor };
  readonly critic: boolean;
}

/** An agent that acts by whatever weights it was given last. */
export interface Actor {
  readonly policy: Policy;
  /** Takes on the trained state. */
  load(state: TrainedState): void;
  /** What the future was worth to stream `i` at step `t` of its running episode, when it acted last; 0 without a critic. */
  value(i: number, t: number): number;
  dispose(): Promise<void>;
}

export async function openActor({ model, compressorId: kind, streams, executor, layouts, frozen, critic }: ActorRequest): Promise<Actor> {
  const { family, tokenizer } = model;
  const graphs = model.inference(kind, { compress: COMPRESS_BATCH, act: streams }, { critic });
  const packed = { ...layouts, [FROZEN]: frozen.layout };
  let weights: TrainedState = {};
  const steps = stepsSeen(tokenizer, model.segment);
  const values = zeros([streams, steps]);
  let latest = values;

  const open = async (graph: Graph): Promise<Program> => {
    const fed = optimize(Object.entries(packed).reduce((read, [name, layout]) => readPacked(read, layout, name), graph));
    const inputs = inputsOf(fed);
    const read = Object.keys(packed).filter(name => inputs.has(name));
    const program = await executor.compile(toOnnx(fed));
    return {
      run: (feeds, outputs, into) =>
        program.run({ ...feeds, ...Object.fromEntries(read.map(name => [name, weights[name]])) }, outputs, into),
      dispose: program.dispose,
    };
  };
  const act = await open(graphs.act);
  const { recurrent, latentShape } = graphs;
  const compress = graphs.compress && { program: await open(graphs.compress), batch: COMPRESS_BATCH, latentShape: latentShape!, recurrent };
  const valued: Program = {
    ...act,
    async run(feeds, outputs, into) {
      const results = await act.run(feeds, [...outputs, 'values'], { ...into, values });
      latest = results.values;
      return results;
    },
  };
  return {
    policy: inContextPolicy({
      family,
      tokenizer,
      actions: model.head.distribution,
      context: graphs.context,
      compress,
      act: { program: critic ? valued : act, size: streams },
    }),
    load(state) {
      weights = { ...state, [FROZEN]: frozen.values };
    },
    value: (i, t) => latest.data[i * steps + (t % steps)],
    async dispose() {
      await act.dispose();
      await compress?.program.dispose();
    },
  };
}

/** What one stream saw and did, in columns over its T transitions. */
export class Stream extends Recording {
  /** [T] log-probability of the action when it was drawn. */
  readonly logProbability: number[] = [];
  /** [T + 1] values before every action, and of what comes after the last. */
  readonly value: number[] = [];
  /** [T × L] what a teacher would have done there; empty without one. */
  readonly label: number[] = [];

  /** Whether an episode ended with each transition. */
  get ended(): boolean[] {
    return this.terminated.map((end, t) => end + this.truncated[t] > 0);
  }
}

export interface CollectRequest {
  readonly model: Pick<Model, 'family'>;
  readonly actor: Pick<Actor, 'policy' | 'value'>;
  readonly tasks: readonly Task[];
  readonly episodes: number;
  /** Looks on and says at every step what it would do; it never acts. */
  readonly labeler?: Policy;
  readonly random: Random;
  readonly signal?: AbortSignal;
}

/** Lets the actor play `episodes` episodes of every task from an empty memory. Equal weights and random streams give equal experience. */
export async function collect({ model, actor, tasks, episodes, labeler, random, signal }: CollectRequest): Promise<Stream[]> {
  const { family } = model;
  const { size: P, width: W, logProbability } = actor.policy.actions;
  const L = actionDistribution(family.actionSpace).size;
  const streams = tasks.map(task => new Stream(task, family, actor.policy.actions));
  const time = new Int32Array(tasks.length);
  let observation: Float32Array = new Float32Array();
  /** The value before the stream's next action, once: the one after its last transition stands for all that would follow. */
  const note = (stream: Stream, i: number) => {
    if (stream.value.length === stream.reward.length) stream.value.push(actor.value(i, time[i]));
  };
  labeler?.reset(tasks.length);
  await recordRollout(streams, {
    family,
    policy: actor.policy,
    episodes,
    random,
    signal,
    async onStep(step) {
      const labels = await labeler?.act(step.observation);
      for (const [i, stream] of streams.entries()) {
        note(stream, i);
        const ends = step.terminated[i] === 1 || step.truncated[i] === 1;
        if (stream.episodes < episodes) {
          stream.logProbability.push(logProbability(step.probabilities, i * P, step.action, i * W));
          if (labels) for (let a = 0; a < L; a++) stream.label.push(labels[i * L + a]);
        }
        time[i] = ends ? 0 : time[i] + 1;
      }
      await labeler?.observe(step);
      observation = step.next;
    },
  });
  await actor.policy.act(observation);
  for (const [i, stream] of streams.entries()) note(stream, i);
  return streams;
}
