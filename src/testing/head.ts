/**
 * @file The contract of action heads: a distribution, and losses that agree with it. Shape key: B batch, D width, P numbers of a
 * distribution.
 */

import { input, interpret, type Tensor } from '../engine/index.ts';
import { initialize, Scope } from '../nn/index.ts';
import type { ActionHead } from '../policy/index.ts';
import { actionDistribution, newActions, type Space } from '../rl/index.ts';
import { Random } from '../util/random.ts';
import { type Check, checksOf, expectClose, expectThat, normals, type Rule } from './check.ts';
import { jacobianError } from './engine.ts';
import { expectWithin } from './playing.ts';

const [B, D] = [2, 4];

/** The head over random hidden states, with random weights, and targets that sources may record. */
function open(head: ActionHead) {
  const scope = new Scope();
  const states = input('states', [B, 1, D]);
  const outputs = head.outputs(scope.at('head'), states);
  const random = Random.seeded(3);
  const weights = Object.fromEntries(initialize(scope.table.values(), random));
  // Biases start at 0, which would hide errors of their gradient.
  for (const values of Object.values(weights)) for (let i = 0; i < values.length; i++) values[i] += 0.3 * random.normal();
  const { size, space } = head.distribution;
  const target = input('target', [B, 1, size]);
  const targets = new Float32Array(B * size);
  for (const [i, label] of labels(space, Random.seeded(5)).entries()) head.writeTarget(label, 0, targets, i * size);
  const numbers = { ...weights, states: normals(B * D, random), target: targets };
  const value = (y: Tensor, more = {}) => Array.from(interpret({ outputs: { y } }, { ...numbers, ...more }).y);
  const parameters = [states, ...[...scope.table.values()].map(({ tensor }) => tensor)];
  return { outputs, numbers, target, parameters, value, rows: value(head.rows(outputs)) };
}

/** What sources may record in two steps: some distribution, and the uniform one. */
function labels(space: Space, random: Random): Float32Array[] {
  const { size, uniform } = actionDistribution(space);
  const [some, none] = [new Float32Array(size), new Float32Array(size)];
  uniform(none);
  if (space.kind === 'box') {
    const { low, high } = space;
    some.set(low.map((lowest, i) => lowest + 0.7 * (high[i] - lowest)));
    some.set(
      low.map((lowest, i) => 0.2 * (high[i] - lowest)),
      low.length,
    );
    return [some, none];
  }
  some.set(Array.from(some, () => random.uniform()));
  const total = some.reduce((a, b) => a + b, 0);
  return [some.map(p => p / total), none];
}

const RULES: readonly Rule<ActionHead>[] = [
  {
    name: 'gradients: those of the losses agree with finite differences',
    check(head) {
      const { outputs, target, parameters, numbers } = open(head);
      const losses = { crossEntropy: head.crossEntropy(target, outputs), kl: head.kl(target, outputs), entropy: head.entropy(outputs) };
      for (const [name, loss] of Object.entries(losses)) {
        const error = jacobianError(loss, parameters, numbers);
        expectThat(error < 1e-6, `relative error of the gradient of ${name}`, 'less than 0.000001', error);
      }
    },
  },
  {
    name: 'likelihood: the cross-entropy with a certain action is its negative log-probability',
    check(head) {
      const { size, width, space, draw, certain, logProbability } = head.distribution;
      const { outputs, target, value, rows } = open(head);
      const random = Random.seeded(7);
      for (let n = 0; n < 20; n++) {
        const actions = newActions(space, B);
        const sure = new Float32Array(B * size);
        for (let b = 0; b < B; b++) {
          draw(rows, b * size, random, actions, b * width);
          certain(actions, b * width, sure, b * size);
        }
        const surprise = value(head.crossEntropy(target, outputs), { target: sure });
        for (let b = 0; b < B; b++)
          expectClose(-surprise[b], logProbability(rows, b * size, actions, b * width), `log p of draw ${n} in row ${b}`, 1e-5);
      }
    },
  },
  {
    name: 'divergence: zero from itself, positive from another, and the entropy is the cross-entropy with itself',
    check(head) {
      const { outputs, target, value, rows } = open(head);
      const itself = { target: rows };
      expectClose(value(head.entropy(outputs)), value(head.crossEntropy(target, outputs), itself), 'entropy', 1e-8);
      for (const v of value(head.kl(target, outputs), itself)) expectThat(Math.abs(v) < 1e-8, 'divergence from itself', '0', v);
      for (const v of value(head.kl(target, outputs))) expectThat(v > 1e-3, 'divergence from another distribution', 'more than 0.001', v);
    },
  },
  {
    name: 'draws: they are in the space, and none is more likely than the mode',
    check(head) {
      const { space, draw, mode, logProbability } = head.distribution;
      const { rows } = open(head);
      const [best, drawn, random] = [newActions(space, 1), newActions(space, 1), Random.seeded(1)];
      mode(rows, 0, best, 0);
      expectWithin(space, best, 1, 'mode');
      const most = logProbability(rows, 0, best, 0);
      for (let n = 0; n < 200; n++) {
        draw(rows, 0, random, drawn, 0);
        expectWithin(space, drawn, 1, `draw ${n}`);
        const likelihood = logProbability(rows, 0, drawn, 0);
        expectThat(likelihood <= most + 1e-6, `log p of draw ${n}`, `at most ${most}, that of the mode`, likelihood);
      }
    },
  },
];

/**
 * The contract of action heads, checked in the interpreter.
 *
 * @example
 * import { test } from 'node:test';
 * const head = actionHead({ kind: 'discrete', n: 5 }, { kind: 'my-head', bins: 11, autoregressive: true });
 * for (const { name, run } of headChecks(head)) test(name, run);
 */
export const headChecks = (head: ActionHead): Check[] => checksOf(RULES, head);
