/**
 * @file The networks of many learners at once, and their losses. Every parameter stacks the learners along its first axis, so that a
 * batched product is the layer of all learners. Shape key: L learners, S sequences (environments, or single steps without a memory), T
 * steps of a sequence, B = T · S rows (the steps of a sequence are S rows apart), F numbers of an input, H hidden width, M width of the
 * memory, W numbers of an action, P of a distribution.
 */

import {
  add,
  broadcastTo,
  concat,
  constant,
  exp,
  input,
  logSoftmax,
  matmul,
  mean,
  minimum,
  mul,
  neg,
  reshape,
  sigmoid,
  slice,
  split,
  square,
  sub,
  sum,
  type Tensor,
  tanh,
} from '../../engine/index.ts';
import { clippedSurrogate, type Initializer, linearInit, Scope, zeroInit } from '../../nn/index.ts';
import { actionDistribution, type BoxSpace, countsOf, type Space } from '../../rl/index.ts';
import { clippedLogLikelihood } from './clipped.ts';

export interface NetworkSizes {
  readonly learners: number;
  /** Number of features of an observation. */
  readonly observation: number;
  /** Number of additional features for the memory: the last action and its reward. */
  readonly echo: number;
  readonly hidden: number;
  /** Width of the memory; 0 for none. */
  readonly memory: number;
  readonly actionSpace: Space;
}

/** Names of the graph inputs. */
export const INPUT = {
  observation: 'observation',
  echo: 'echo',
  /** 0 where an episode begins, otherwise 1. */
  continues: 'continues',
  memory: 'memory',
  action: 'action',
  advantage: 'advantage',
  logProbability: 'logProbability',
  expected: 'expected',
  entropyWeight: 'entropyWeight',
} as const;

/** x [L, B, F] → x W + b, [L, B, width], with each learner's own W and b. */
function layer(scope: Scope, x_LBF: Tensor, width: number, initializer: Initializer = linearInit): Tensor {
  const [L, , F] = x_LBF.shape;
  const product = matmul(x_LBF, scope.parameter('weight', [L, F, width], initializer));
  return add(product, scope.parameter('bias', [L, 1, width], zeroInit));
}

/** Two hidden layers. The output layer starts at zero, which gives a uniform policy and zero values. */
function perceptron(scope: Scope, x_LBF: Tensor, hidden: number, outputs: number): Tensor {
  const first = tanh(layer(scope.at('hidden0'), x_LBF, hidden));
  const second = tanh(layer(scope.at('hidden1'), first, hidden));
  return layer(scope.at('out'), second, outputs, zeroInit);
}

/**
 * A gated recurrent unit (Cho et al. 2014, with the reset gate after the product): h′ = n + z (h − n), where n = tanh(x W_n + r (h U_n +
 * c_n)). Inputs x [L, T·S, F] and the memory before the first step, [L, S, M] → the memory after every step, [L, T·S, M].
 */
function recall(scope: Scope, x_LBF: Tensor, before_LSM: Tensor, continues_LB1: Tensor | undefined): Tensor {
  const [, S, M] = before_LSM.shape;
  const T = x_LBF.shape[1] / S;
  const fromInput = layer(scope.at('input'), x_LBF, 3 * M);
  const states: Tensor[] = [];
  let h = before_LSM;
  for (let t = 0; t < T; t++) {
    const at = (x: Tensor) => slice(x, 1, t * S, (t + 1) * S);
    if (continues_LB1) h = mul(h, at(continues_LB1));
    const [xr, xz, xn] = split(at(fromInput), 2, 3);
    const [hr, hz, hn] = split(layer(scope.at('state'), h, 3 * M), 2, 3);
    const candidate = tanh(add(xn, mul(sigmoid(add(xr, hr)), hn)));
    h = add(candidate, mul(sigmoid(add(xz, hz)), sub(h, candidate)));
    states.push(h);
  }
  return concat(states, 1);
}

/** How the policy's outputs define a distribution. */
interface Head {
  /** Number of outputs of the network. */
  readonly outputs: number;
  /** [L, B, outputs] → distributions as sources record them [L, B, P], and the entropy and log-probabilities of actions [L, B]. */
  read(scope: Scope, out: Tensor): { row: Tensor; entropy: Tensor; logProbability(action_LBP: Tensor): Tensor };
}

/** Independent integer dimensions; the log-probability of a combination is the sum over its dimensions. */
function categorical(counts: readonly number[]): Head {
  return {
    outputs: counts.reduce((sum, n) => sum + n, 0),
    read(_scope, out) {
      const [L, B] = out.shape;
      const starts = counts.map((_, i) => counts.slice(0, i).reduce((sum, n) => sum + n, 0));
      const each = counts.map((n, i) => logSoftmax(slice(out, 2, starts[i], starts[i] + n)));
      const log = each.reduce((joint, own) => {
        const [A, n] = [joint.shape[2], own.shape[2]];
        return reshape(add(reshape(joint, [L, B, A, 1]), reshape(own, [L, B, 1, n])), [L, B, A * n]);
      });
      const row = exp(log);
      return { row, entropy: neg(sum(mul(row, log), [-1])), logProbability: action => sum(mul(action, log), [-1]) };
    },
  };
}

/** Initial standard deviation of an action, relative to half the range of its number. */
const FIRST_DEVIATION = 0.5;

/**
 * Limit of the mean's distance from the middle of the box, in units of half its range. With a mean inside the box at least half of the
 * samples miss an optimal edge, so that only a small deviation would work; far outside, only the recorded numbers change.
 */
const REACH = 2;

/** A Gaussian whose samples are clipped to the box, with the same standard deviation in every state. */
function gaussian(space: BoxSpace): Head {
  const { low, high } = space;
  const W = low.length;
  const finite = low.map((least, i) => Number.isFinite(high[i] - least) && least < high[i]);
  const center = low.map((least, i) => (finite[i] ? (least + high[i]) / 2 : 0));
  const half = low.map((least, i) => (finite[i] ? (high[i] - least) / 2 : 1));
  const row = (values: readonly number[]) => constant(values, [1, 1, W]);
  return {
    outputs: W,
    read(scope, out) {
      const [L, B] = out.shape;
      const own = scope.parameter('logDeviation', [L, 1, W], (_, shape) => new Float32Array(shape.at(-1)!).fill(Math.log(FIRST_DEVIATION)));
      const logDeviation = add(own, row(half.map(Math.log)));
      const reached = finite.every(Boolean) ? mul(tanh(mul(out, 1 / REACH)), REACH) : out;
      const center_LBW = add(mul(reached, row(half)), row(center));
      const spread = broadcastTo(logDeviation, [L, B, W]);
      return {
        row: concat([center_LBW, exp(spread)], 2),
        entropy: sum(add(spread, 0.5 * Math.log(2 * Math.PI * Math.E)), [-1]),
        logProbability: action => clippedLogLikelihood(space, slice(action, 2, 0, W), center_LBW, logDeviation),
      };
    },
  };
}

function headOf(space: Space): Head {
  const counts = countsOf(space);
  return counts ? categorical(counts) : gaussian(space as BoxSpace);
}

/** Applies the networks to B observations of each learner. */
function forward(scope: Scope, sizes: NetworkSizes, rows: number, sequences: number, resets: boolean) {
  const { learners: L, observation: F, echo, hidden, memory: M, actionSpace } = sizes;
  const observation = input(INPUT.observation, [L, rows, F]);
  let seen = observation;
  let memory: Tensor | undefined;
  if (M > 0) {
    const x = concat([observation, input(INPUT.echo, [L, rows, echo])], 2);
    const continues = resets ? input(INPUT.continues, [L, rows, 1]) : undefined;
    memory = recall(scope.at('memory'), x, input(INPUT.memory, [L, sequences, M]), continues);
    seen = concat([observation, memory], 2);
  }
  const head = headOf(actionSpace);
  const policy = head.read(scope.at('policy'), perceptron(scope.at('policy'), seen, hidden, head.outputs));
  const value = reshape(perceptron(scope.at('value'), seen, hidden, 1), [L, rows]);
  return { ...policy, value, memory };
}

/** Acting in `environments` of each learner: distributions `row` [L, E, P], `value` [L, E], and `next`, the memory [L, E, M]. */
export function actGraph(sizes: NetworkSizes, environments: number) {
  const scope = new Scope();
  const { row, value, memory } = forward(scope, sizes, environments, environments, false);
  return { scope, outputs: { row, value, ...(memory ? { next: memory } : {}) } };
}

/** Maximum absolute log-ratio of probabilities; the surrogate is clipped far below it. */
const LARGEST_CHANGE = 20;

export interface LossSettings {
  readonly clip: number;
  readonly valueWeight: number;
}

/**
 * Σ_l ⟨−surrogate⟩ + w_V ⟨(V − R)²⟩ − w_H ⟨entropy⟩ over the rows of learner l (Schulman et al. 2017, eq. 9). It is a sum over learners, so
 * that they do not affect each other. Rows are `sequences` of `steps` each.
 */
export function lossGraph(sizes: NetworkSizes, { sequences, steps }: { sequences: number; steps: number }, settings: LossSettings) {
  const scope = new Scope();
  const { learners: L, actionSpace } = sizes;
  const rows = sequences * steps;
  const { entropy, logProbability, value } = forward(scope, sizes, rows, sequences, true);
  const perRow = (name: string) => input(name, [L, rows]);
  const change = sub(logProbability(input(INPUT.action, [L, rows, actionDistribution(actionSpace).size])), perRow(INPUT.logProbability));
  // An action chosen by noise may have had almost no density: its ratio must stay finite.
  const logRatio = minimum(change, LARGEST_CHANGE);
  const surrogate = clippedSurrogate(logRatio, perRow(INPUT.advantage), settings.clip);
  const errors = square(sub(value, perRow(INPUT.expected)));
  const bonus = mul(entropy, reshape(input(INPUT.entropyWeight, [L]), [L, 1]));
  const each = mean(sub(sub(mul(errors, settings.valueWeight), surrogate), bonus), [1]);
  return { scope, loss: sum(each) };
}
