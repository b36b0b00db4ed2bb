/**
 * @file Experience of the current agent on training tasks, several episodes per stream. Its weights are inputs of the acting graphs, so
 * that nothing is recompiled when they change. Shape key: S streams, H horizon, W numbers of an action, L numbers of a distribution over
 * actions as sources record it.
 */

import { type Executor, type Graph, type HostTensor, inputsOf, optimize, type Program, toOnnx, zeros } from '../engine/index.ts';
import { FROZEN, type Packing, readPacked, type TrainedState } from '../optim/index.ts';
import { recordRollout } from '../play/index.ts';
import { inContextPolicy } from '../policy/index.ts';
import { actionDistribution, type Policy, Recording, type Task } from '../rl/index.ts';
import { stepsSeen } from '../tokenizers/index.ts';
import type { Random } from '../util/random.ts';
import { compileAgent } from './graphs.ts';
import type { Model } from './model.ts';
import { agentGraphs } from './steps.ts';

/** Number of contexts that are compressed in one call. */
const COMPRESS_BATCH = 32;

export interface ActorRequest {
  readonly model: Model;
  readonly compressorId: string;
  readonly streams: number;
  readonly executor: Executor;
  /** Layout of the parts of the trained state that it acts by. */
  readonly layouts: Readonly<Record<string, Packing>>;
  /** The frozen parameters: layout and values. */
  readonly frozen: { readonly layout: Packing; readonly values: HostTensor };
  readonly critic: boolean;
}

/** An agent that acts with the weights that were last loaded. */
export interface Actor {
  readonly policy: Policy;
  /** Loads the trained state. */
  load(state: TrainedState): void;
  /** The value estimate for stream `i` at step `t` of its running episode, from when it last acted; 0 without a critic. */
  value(i: number, t: number): number;
  dispose(): Promise<void>;
}

export async function openActor({ model, compressorId: kind, streams, executor, layouts, frozen, critic }: ActorRequest): Promise<Actor> {
  const { family, tokenizer } = model;
  const batch = { compress: COMPRESS_BATCH, act: streams };
  const graphs = agentGraphs(model, kind, { ...batch, critic });
  const packed = { ...layouts, [FROZEN]: frozen.layout };
  let weights: TrainedState = {};
  const steps = graphs.steps ? 1 : stepsSeen(tokenizer, model.segment);
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
  const { act, compress } = await compileAgent(graphs, open, batch);
  const valued: Program = {
    ...act.program,
    async run(feeds, outputs, into) {
      const results = await act.program.run(feeds, [...outputs, 'values'], { ...into, values });
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
      act: { ...act, program: critic ? valued : act.program },
    }),
    load(state) {
      weights = { ...state, [FROZEN]: frozen.values };
    },
    value: (i, t) => latest.data[i * steps + (t % steps)],
    async dispose() {
      for (const program of [act.program, act.step?.begin?.program, compress?.program, compress?.encode?.program]) await program?.dispose();
    },
  };
}

/** The experience of one stream, in columns over its T transitions. */
export class Stream extends Recording {
  /** [T] log-probability of the action when it was sampled. */
  readonly logProbability: number[] = [];
  /** [T + 1] values before every action, and of what follows the last. */
  readonly value: number[] = [];
  /** [T × L] the labeler's distribution at each step; empty without one. */
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
  /** Observes the stream and gives its distribution at every step; it never acts. */
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
  /** Records the value before the stream's next action once; the value after its last transition stands for the future. */
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
