/** @file The source `ppo`: its options and requirements. See learners.ts for acting and updates.ts for learning. */

import { packing } from '../../optim/index.ts';
import { actionDistribution, type EnvFamily, type Options, type OptionTable, resolveOptions } from '../../rl/index.ts';
import { CadenzaError } from '../../util/errors.ts';
import type { CohortSource } from '../source.ts';
import { openCohort, sizesOf } from './learners.ts';
import { actGraph } from './network.ts';

const OPTIONS = {
  environments: { default: 4, range: [1, 256], integer: true, about: 'number of environments per learner, stepped together' },
  rollout: { default: 32, range: [1, 4096], integer: true, about: 'number of steps in each environment between two updates' },
  epochs: { default: 4, range: [1, 100], integer: true, about: 'number of passes over a rollout per update' },
  minibatches: {
    default: 4,
    range: [1, 256],
    integer: true,
    about: 'number of minibatches per pass, one optimizer step each; with memory a minibatch holds whole environments',
  },
  learningRate: { default: 0.003, range: [0, 1], about: 'learning rate of Adam, decreasing to 0 over the episodes of the history' },
  gradientNorm: { default: 0.5, range: [1e-6, 1e6], about: "maximum norm of a learner's gradient; larger ones are clipped" },
  discount: { default: 0.95, range: [0, 1], about: 'γ, the discount factor' },
  lambda: { default: 0.95, range: [0, 1], about: 'λ of generalized advantage estimation: 0 relies on the values, 1 on the rewards' },
  clip: { default: 0.2, range: [1e-3, 10], about: 'ε, the clip range of the probability ratio' },
  entropy: { default: 0.01, range: [0, 10], about: 'weight of the entropy bonus, decreasing to 0 over the episodes of the history' },
  valueWeight: { default: 0.5, range: [0, 100], about: 'weight of the value loss' },
  hidden: { default: 32, range: [1, 4096], integer: true, about: 'width of the two hidden layers of the policy and of the value' },
  memory: { default: 0, range: [0, 1024], integer: true, about: 'width of a recurrent memory (GRU); 0 for none' },
  scaleRewards: {
    default: 1,
    range: [0, 1],
    integer: true,
    about: '1: divide rewards by the running standard deviation of discounted returns; 0: do not',
  },
  episodes: { default: Infinity, range: [1, Infinity], integer: true, about: 'number of episodes of the history, set by the caller' },
} as const satisfies OptionTable;

export type PpoOptions = Options<typeof OPTIONS>;

type GivenOptions = Readonly<Record<string, unknown>>;

const resolve = (given?: GivenOptions): PpoOptions => resolveOptions('source ppo', OPTIONS, given);

/** Maximum number of rollout steps that a memory is unrolled over. */
const LONGEST_MEMORY = 256;

function check(family: EnvFamily, given?: GivenOptions): PpoOptions {
  const options = resolve(given);
  // Throws if no distribution over the actions can be recorded.
  actionDistribution(family.actionSpace);
  const { memory, rollout } = options;
  if (memory > 0 && rollout > LONGEST_MEMORY)
    throw new CadenzaError(
      'E_CONFIG',
      `source ppo: with memory, rollout must be at most ${LONGEST_MEMORY}, because the graph contains each of its steps, but is ${rollout}. Lower it.`,
    );
  return options;
}

export const ppo: CohortSource = {
  id: 'ppo',
  description: 'proximal policy optimization (PPO): small networks trained on their own experience, recurrent with the option memory',
  knows: 'The observation and action spaces; nothing about moves or rewards.',
  options: OPTIONS,
  environments: given => resolve(given).environments,
  check: (family, given) => void check(family, given),
  bytes(family, given) {
    const options = check(family, given);
    const { rollout, environments, minibatches, hidden, memory } = options;
    const sizes = sizesOf(family, 1, options);
    const weights = packing([...actGraph(sizes, 1).scope.table.values()]).size;
    const row = sizes.observation + sizes.echo + 2 * actionDistribution(family.actionSpace).size + 8;
    // The rollout, activations of both passes for a minibatch, and weights with moments, gradients and copies.
    return 4 * (rollout * environments * (row + (row + 12 * hidden + 24 * memory) / minibatches) + 12 * weights);
  },
  cohort: async (request, given) => openCohort(request, check(request.family, given)),
};
