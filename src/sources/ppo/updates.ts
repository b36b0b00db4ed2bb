/**
 * @file How a cohort learns from a rollout: minibatches of its steps, each one Adam step for all learners. Shape key: L learners, E
 * environments of each, T steps of a rollout, S sequences and B rows of a minibatch, M width of the memory.
 */

import { constant, type Executor, type HostTensor, input, optimize, sizeOf, toOnnx, zeros } from '../../engine/index.ts';
import { adam, chain, clipByNormOfEach, descend, PARAMETERS, type Packing, STEP, spreadOver, trainStep } from '../../optim/index.ts';
import { CadenzaError } from '../../util/errors.ts';
import type { Random } from '../../util/random.ts';
import { INPUT, type LossSettings, lossGraph, type NetworkSizes } from './network.ts';

/** Input [L]: the fraction of the initial learning rate of each learner. */
const RATE = 'rate';

/** Adam's ε, larger than the default as is usual for PPO, so that rarely rewarded actions do not become certain. */
const EPSILON = 1e-5;

/** Steps of all learners, in rows [L, T · E, ..] with time before environments, by the input that they feed. */
export interface Rollout {
  readonly columns: Readonly<Record<string, HostTensor>>;
  /** [L, E, M] the memory before the first step, if there is one. */
  readonly memory?: HostTensor;
}

export interface RolloutSizes {
  readonly environments: number;
  readonly steps: number;
  /** Numbers of a distribution over actions. */
  readonly actions: number;
}

export function newRollout({ learners: L, observation, echo, memory: M }: NetworkSizes, sizes: RolloutSizes): Rollout {
  const rows = sizes.steps * sizes.environments;
  const column = (...numbers: number[]) => zeros([L, rows, ...numbers]);
  return {
    columns: {
      [INPUT.observation]: column(observation),
      [INPUT.action]: column(sizes.actions),
      [INPUT.logProbability]: column(),
      [INPUT.advantage]: column(),
      [INPUT.expected]: column(),
      ...(M > 0 ? { [INPUT.echo]: column(echo), [INPUT.continues]: column(1) } : {}),
    },
    memory: M > 0 ? zeros([L, sizes.environments, M]) : undefined,
  };
}

export interface UpdateSettings extends LossSettings {
  readonly epochs: number;
  readonly minibatches: number;
  readonly learningRate: number;
  readonly gradientNorm: number;
  readonly entropy: number;
}

export interface UpdatesRequest {
  readonly sizes: NetworkSizes;
  readonly rollout: RolloutSizes;
  readonly settings: UpdateSettings;
  /** Layout of the parameters of all learners in one vector. */
  readonly layout: Packing;
  readonly executor: Executor;
}

/** The weights of all learners, and what updates them. */
export interface Updates {
  /** All parameters in one vector; valid only until the next update. */
  readonly weights: HostTensor;
  /** Sets the weights and resets the optimizer. */
  begin(weights: Float32Array): void;
  /**
   * Passes over the rollout `epochs` times. `left` [L] scales the learning rate and entropy weight of each learner; `order` gives the
   * stream that shuffles its steps. Throws `E_NUMERICS` if the loss is not finite.
   */
  learn(rollout: Rollout, left: Float32Array, order: (learner: number, epoch: number) => Random): Promise<void>;
  dispose(): Promise<void>;
}

export async function openUpdates({ sizes, rollout, settings, layout, executor }: UpdatesRequest): Promise<Updates> {
  const { learners: L, memory: M } = sizes;
  const { environments: E, steps: T, actions } = rollout;
  const { epochs, learningRate, gradientNorm, entropy } = settings;
  // With a memory a minibatch holds whole environments, without one single steps.
  const steps = M > 0 ? T : 1;
  const sequences = (T * E) / steps;
  const minibatches = Math.min(settings.minibatches, sequences);
  const S = Math.floor(sequences / minibatches);
  const { scope, loss } = lossGraph(sizes, { sequences: S, steps }, settings);
  const optimizer = chain(
    clipByNormOfEach(gradientNorm, L, layout),
    adam({ epsilon: EPSILON }),
    descend(() => constant(learningRate), spreadOver(layout, input(RATE, [L]))),
  );
  const { graph, state } = trainStep({ loss, trainable: [...scope.table.values()], optimizer });
  const program = await executor.compile(toOnnx(optimize({ outputs: graph.outputs })));

  const vectors = () => Object.fromEntries(state.map(name => [name, zeros([layout.size])]));
  let [current, next] = [vectors(), vectors()];
  const batch = newRollout(sizes, { environments: S, steps, actions });
  const [rate, entropyWeight, step, lost] = [zeros([L]), zeros([L]), zeros([]), zeros([])];
  const feeds = { ...batch.columns, ...(batch.memory ? { [INPUT.memory]: batch.memory } : {}), [RATE]: rate, [STEP]: step };
  const outputs = ['loss', ...state.map(name => `next.${name}`)];

  /** Copies sequence q of learner l to position j of the minibatch. */
  const write = (given: Rollout, l: number, q: number, j: number) => {
    for (let k = 0; k < steps; k++)
      for (const [name, column] of Object.entries(batch.columns))
        copyRow(given.columns[name], l * T * E + (M > 0 ? k * E + q : q), column, l * S * steps + k * S + j);
    if (batch.memory) copyRow(given.memory!, l * E + q, batch.memory, l * S + j);
  };
  return {
    get weights() {
      return current[PARAMETERS];
    },
    begin(weights) {
      for (const { data } of Object.values(current)) data.fill(0);
      current[PARAMETERS].data.set(weights);
      step.data[0] = 0;
    },
    async learn(given, left, order) {
      rate.data.set(left);
      entropyWeight.data.set(left.map(share => share * entropy));
      for (let epoch = 0; epoch < epochs; epoch++) {
        const all = Array.from({ length: sequences }, (_, q) => q);
        const orders = Array.from({ length: L }, (_, l) => order(l, epoch).shuffled(all));
        for (let m = 0; m < minibatches; m++) {
          for (let l = 0; l < L; l++) for (let j = 0; j < S; j++) write(given, l, orders[l][m * S + j], j);
          step.data[0]++;
          const into = { loss: lost, ...Object.fromEntries(state.map(name => [`next.${name}`, next[name]])) };
          const result = await program.run({ ...current, ...feeds, [INPUT.entropyWeight]: entropyWeight }, outputs, into);
          const loss = result.loss.data[0];
          if (!Number.isFinite(loss))
            throw new CadenzaError(
              'E_NUMERICS',
              `source ppo: the loss of a learner is ${loss}. Lower its learningRate (now ${learningRate}).`,
            );
          [current, next] = [Object.fromEntries(state.map(name => [name, result[`next.${name}`]])), current];
        }
      }
    },
    dispose: program.dispose,
  };
}

/** Copies one row along the last axis, or one number for tensors with two axes. */
export function copyRow(from: HostTensor, row: number, to: HostTensor, place: number): void {
  const width = sizeOf(from.shape.slice(2));
  for (let i = 0; i < width; i++) to.data[place * width + i] = from.data[row * width + i];
}
