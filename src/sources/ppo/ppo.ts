/** @file The source `ppo`: its options, and what it takes. What it does is in learners.ts (playing) and updates.ts (learning). */

import { packing } from '../../optim/index.ts';
import { actionDistribution, type EnvFamily, type Options, type OptionTable, resolveOptions } from '../../rl/index.ts';
import { CadenzaError } from '../../util/errors.ts';
import type { CohortSource } from '../source.ts';
import { openCohort, sizesOf } from './learners.ts';
import { actGraph } from './network.ts';

const OPTIONS = {
  environments: { default: 4, range: [1, 256], integer: true, about: 'environments of a learner, played at once' },
  rollout: { default: 32, range: [1, 4096], integer: true, about: 'steps in each environment between two updates' },
  epochs: { default: 4, range: [1, 100], integer: true, about: 'times that an update goes through the steps of a rollout' },
  minibatches: {
    default: 4,
    range: [1, 256],
    integer: true,
    about: 'parts of a rollout, a step of the optimizer each; with memory a part holds whole environments',
  },
  learningRate: { default: 0.003, range: [0, 1], about: 'step size of Adam, falling to 0 over the episodes of the history' },
  gradientNorm: { default: 0.5, range: [1e-6, 1e6], about: "largest norm of a learner's gradient; longer ones are shortened" },
  discount: { default: 0.95, range: [0, 1], about: 'γ, the worth of a reward one step later' },
  lambda: { default: 0.95, range: [0, 1], about: 'λ of the generalized advantages: 0 trusts the values, 1 the rewards' },
  clip: { default: 0.2, range: [1e-3, 10], about: "ε, by how much an action's probability may change before the change stops counting" },
  entropy: { default: 0.01, range: [0, 10], about: "weight of the policy's entropy, falling to 0 over the episodes of the history" },
  valueWeight: { default: 0.5, range: [0, 100], about: 'weight of the squared error of the values' },
  hidden: { default: 32, range: [1, 4096], integer: true, about: 'width of the two hidden layers of the policy and of the value' },
  memory: { default: 0, range: [0, 1024], integer: true, about: 'width of a recurrent memory of the episode (GRU); 0 for none' },
  scaleRewards: {
    default: 1,
    range: [0, 1],
    integer: true,
    about: '1 divides rewards by the running deviation of discounted returns, 0 leaves them',
  },
  episodes: { default: Infinity, range: [1, Infinity], integer: true, about: 'length of the history, which its caller fills in' },
} as const satisfies OptionTable;

export type PpoOptions = Options<typeof OPTIONS>;

type Given = Readonly<Record<string, unknown>>;

const resolve = (given?: Given): PpoOptions => resolveOptions('source ppo', OPTIONS, given);

/** Steps of a rollout that a memory may be written out for. */
const LONGEST_MEMORY = 256;

function check(family: EnvFamily, given?: Given): PpoOptions {
  const options = resolve(given);
  // Throws where no distribution over the actions could be recorded.
  actionDistribution(family.actionSpace);
  const { memory, rollout } = options;
  if (memory > 0 && rollout > LONGEST_MEMORY)
    throw new CadenzaError(
      'E_CONFIG',
      `source ppo: with memory, rollout must be at most ${LONGEST_MEMORY}, because each of its steps is a part of the graph, but is ${rollout}. Lower it.`,
    );
  return options;
}

export const ppo: CohortSource = {
  id: 'ppo',
  description: 'proximal policy optimization (PPO): small networks trained on what they do, recurrent ones with the option memory',
  knows: 'The observation space and the actions; nothing of the moves or the rewards.',
  options: OPTIONS,
  environments: given => resolve(given).environments,
  check: (family, given) => void check(family, given),
  bytes(family, given) {
    const options = check(family, given);
    const { rollout, environments, minibatches, hidden, memory } = options;
    const sizes = sizesOf(family, 1, options);
    const weights = packing([...actGraph(sizes, 1).scope.table.values()]).size;
    const row = sizes.observation + sizes.echo + 2 * actionDistribution(family.actionSpace).size + 8;
    // The rollout, results of both passes for a minibatch, and weights with moments, gradients and copies.
    return 4 * (rollout * environments * (row + (row + 12 * hidden + 24 * memory) / minibatches) + 12 * weights);
  },
  cohort: async (request, given) => openCohort(request, check(request.family, given)),
};
