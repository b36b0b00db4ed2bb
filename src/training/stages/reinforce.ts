/**
 * @file Stage `reinforce`: ℓ_task as the negative expected return of in-context rollouts (method 4.2), by proximal policy optimization
 * (Schulman et al. 2017), and distillation on the agent's own rollouts (Ross et al. 2011, "A Reduction of Imitation Learning"). It
 * uses training tasks only.
 * Shape key: B batch, H horizon, P numbers of a distribution over actions.
 */

import { z } from 'zod';
import { type Actor, collect, openActor, type Stream } from '../../agent/experience.ts';
import { type Model, PARTS, partOf, RETURN_PARTS, weighted } from '../../agent/model.ts';
import { capacityTerm } from '../../agent/terms.ts';
import type { Latents } from '../../compressor/index.ts';
import {
  abs,
  add,
  cast,
  exp,
  type HostTensor,
  input,
  less,
  mul,
  neg,
  square,
  stopGradient,
  sub,
  type Tensor,
  zeros,
} from '../../engine/index.ts';
import { openTasks } from '../../histories/tasks.ts';
import { clippedSurrogate, type Scope, weightedMean } from '../../nn/index.ts';
import { BUFFERS, PARAMETERS, pack, packing } from '../../optim/index.ts';
import {
  actionDistribution,
  discountedReturns,
  type EnvFamily,
  explainedVariance,
  generalizedAdvantages,
  type Policy,
  phaseCounter,
  rewardMaxOf,
  standardized,
  stateOf,
  streamDiscounts,
  type Task,
} from '../../rl/index.ts';
import type { BaseConfig } from '../../settings/base.ts';
import { count, fraction, optimizerFields, optimizerOverrides, real, section, steps, weight } from '../../settings/fields.ts';
import { monteCarloTables, source, sourcePolicy } from '../../sources/index.ts';
import { newBatch, writeSegment } from '../../tokenizers/index.ts';
import { CadenzaError } from '../../util/errors.ts';
import type { Random } from '../../util/random.ts';
import { feedsOf } from '../batches.ts';
import {
  agentOf,
  type BatchRequest,
  defineStage,
  type Objective,
  optimizerOf,
  type StageBatches,
  type TrainingRun,
  trainedAs,
} from '../define.ts';
import { trainOnHistories } from '../stage.ts';

/** Scalar input: 0 while only the value function learns, 1 afterwards. */
const POLICY_LEARNS = 'policyLearns';

const settings = section('Reinforcement learning (PPO) on in-context rollouts, after fine-tuning', {
  ...optimizerOverrides,
  learningRate: optimizerFields.learningRate.default(2e-4),
  steps: steps('Number of iterations. Each collects rollouts on training tasks and updates the agent on them. 0 skips the stage').default(
    0,
  ),
  streams: count('Number of rollout streams per iteration. Each plays one training task, starting with an empty context').default(64),
  episodes: count('In-context episodes per stream').default(10),
  epochs: count('Number of passes over the episodes of an iteration, in batches of the size `batch`').default(3),
  discount: fraction('Discount γ per environment step').default(0.99),
  crossEpisodeDiscount: fraction(
    'Factor on γ between two episodes. 1: an action is credited with rewards of later episodes; 0: only with rewards of its own episode',
  )
    .meta({ formerly: 'across' })
    .default(1),
  rewardMax: real()
    .positive()
    .describe('Maximum reward of one step, which scales the learned values. If omitted, the maximum that the environment declares')
    .optional(),
  lambda: fraction('λ of generalized advantage estimation (GAE). 0 relies on the value function, 1 on the observed rewards').default(0.95),
  clipRatio: real().positive().describe('Clipping range ε of PPO for the ratio of new to old action probability').default(0.2),
  policyWeight: weight('Weight of the clipped surrogate objective of PPO').default(1),
  valueWeight: weight('Weight of the squared error of the value function').default(0.5),
  valueLearningRateScale: weight("Learning rate of the value function, as a multiple of the policy's")
    .meta({ formerly: 'valueRate' })
    .default(5),
  valueSteps: steps('Number of initial iterations in which only the value function learns').default(2),
  entropyWeight: weight("Weight of the bonus for the policy's entropy").default(0.003),
  klWeight: weight('Weight of the KL divergence between the policy at the start of this stage and the current one').default(0),
  imitationWeight: weight(
    "Weight of the cross-entropy with action labels on the agent's own rollouts (on-policy distillation). 0 uses no labels",
  ).default(0),
  labels: z
    .enum(['source', 'monte-carlo'])
    .describe(
      "Labels for imitationWeight: source (the source's learner observes the rollout and labels each step) or monte-carlo (Monte-Carlo estimates of optimal actions)",
    )
    .default('source'),
  compressorLearningRateScale: fraction("Learning rate of the compressor, as a fraction of the policy's. 0 freezes the compressor")
    .meta({ formerly: 'compressorRate' })
    .default(0.5),
});

type ReinforceConfig = z.output<typeof settings>;

export type ReinforceSection = { readonly reinforce: ReinforceConfig };

/** Checks that the loss can recompute the contexts of a rollout: only the agent's own steps, whole episodes, and a limited number of them. */
function expectWholeStreams({ segment, family, contextLayout, contextTransitions }: Model, episodes: number): void {
  if (family.scored)
    throw new CadenzaError(
      'E_CONFIG',
      `The stage reinforce does not support ${family.id}: there, the environment takes some steps itself. Set reinforce.steps to 0.`,
    );
  if (segment < family.horizon)
    throw new CadenzaError(
      'E_CONFIG',
      `The stage reinforce needs segments of whole episodes, but context.segment is ${segment} and an episode has up to ${family.horizon} steps. Remove context.segment, or set reinforce.steps to 0.`,
    );
  if (contextLayout === 'segments' && episodes - 1 > contextTransitions / segment)
    throw new CadenzaError(
      'E_CONFIG',
      `reinforce.episodes is ${episodes}, but with this recurrent compressor it can be at most ${contextTransitions / segment + 1}, one more than the context holds. Lower it.`,
    );
}

const largestReward = (
  { family }: Model,
  { rewardMax = rewardMaxOf(family, 'reinforce', 'reinforce.rewardMax') }: ReinforceConfig,
): number => rewardMax;

/** The stage does not train return prediction. */
const REINFORCED = [{ method: 'reinforced', agent: true }];

const objective = ({ compressor, reinforce: settings }: BaseConfig & ReinforceSection, model: Model): Objective => ({
  name: 'reinforce',
  compressor,
  trains: [...(settings.compressorLearningRateScale > 0 ? [PARTS.compressor] : []), PARTS.policy, RETURN_PARTS.value],
  build: (scope, batch) => reinforceLoss(model, scope, compressor, batch, settings),
});

export const reinforce = defineStage({
  name: 'reinforce',
  settings,
  steps: ({ reinforce }: BaseConfig & ReinforceSection) => reinforce.steps,
  methods: () => REINFORCED,
  objectives(config, model: Model) {
    // Fails before any training.
    largestReward(model, config.reinforce);
    return [objective(config, model)];
  },
  iteration: config => ({
    updates: updatesOf(config.reinforce, optimizerOf(config, config.reinforce).batch),
    episodes: config.reinforce.streams * config.reinforce.episodes,
  }),
  async train(run: TrainingRun<ReinforceSection>, earlier) {
    const { model, config } = run;
    const { compressor: kind, reinforce: settings } = config;
    const { compressorLearningRateScale, valueLearningRateScale } = settings;
    const rates: Readonly<Record<string, number>> = {
      [PARTS.compressor]: compressorLearningRateScale,
      [RETURN_PARTS.value]: valueLearningRateScale,
    };
    const { family, train } = openTasks(config);
    expectWholeStreams(model, settings.episodes);
    const output = await trainOnHistories(run, {
      ...objective(config, model),
      own: settings,
      settings: { compressor: kind, latents: config.latents, reinforce: settings },
      from: { start: agentOf(earlier) },
      group: name => ({ rate: rates[partOf(name)] }),
      updates: batch => settings.steps * updatesOf(settings, batch),
      batches(request) {
        const labeler = labelerOf(family, config, request.random.split('monte-carlo'));
        return experienceBatches({ ...request, model, kind, settings, tasks: train, labeler, executor: run.executor });
      },
    });
    return trainedAs(REINFORCED, kind, output);
  },
});

/**
 * L = w_π ⟨−surrogate⟩ + w_V ⟨(V − R)²⟩ − w_H ⟨entropy⟩ + w_KL ⟨KL(π_start ‖ π)⟩ + w_I ⟨cross-entropy with the labels⟩. In the first
 * iterations only the value function learns, because advantages from an untrained value function would disturb the policy. Z is
 * computed from the raw context, so that gradients reach C_θ. If C_θ learns, the loss of its kind of latents is added.
 */
export function reinforceLoss(model: Model, scope: Scope, compressorId: string, batch: number, settings: ReinforceConfig) {
  const { head } = model;
  const { policyWeight, valueWeight, entropyWeight, klWeight, imitationWeight, clipRatio, compressorLearningRateScale } = settings;
  const { context, query, target, weight } = model.inputs(batch);
  const perStep = (name: string) => input(name, weight.shape);
  const [advantage, expected, before] = [perStep('advantage'), perStep('expected'), perStep('logProbability')];
  const latents = model.latents(scope, compressorId, { context });
  const { logits, values } = model.actorCritic(scope, query, latents && asActed(latents));
  // The cross-entropy with a one-hot distribution is −log p of that action.
  const logRatio = sub(neg(head.crossEntropy(input('action', target.shape), logits)), before);
  const ratio = exp(logRatio);
  const surprise = weightedMean(head.entropy(logits), weight);
  const value = () => weightedMean(square(sub(values(), expected)), weight);
  const imitation = () => weightedMean(head.crossEntropy(target, logits), weight);
  const start = () => {
    const own = scope.at(RETURN_PARTS.reference);
    return head.rows(model.logits(own, query, model.latents(own, compressorId, { context })?.settled));
  };
  const capacityWeight =
    compressorLearningRateScale > 0 && latents?.capacity ? capacityTerm({ latents: model.latentSettings }, compressorId, 0).weight : 0;
  const policyLoss = weighted([
    [policyWeight, () => neg(weightedMean(clippedSurrogate(logRatio, advantage, clipRatio), weight))],
    [-entropyWeight, () => surprise],
    [klWeight, () => weightedMean(head.kl(start(), logits), weight)],
    [imitationWeight, imitation],
    [capacityWeight, () => latents!.capacity!],
  ]);
  // Without advantages, the values are not needed.
  const learned = () => mul(policyLoss, input(POLICY_LEARNS, []));
  const loss =
    policyWeight > 0
      ? weighted([
          [1, learned],
          [valueWeight, value],
        ])
      : policyLoss;
  const metrics: Record<string, Tensor> = {
    entropy: surprise,
    // Schulman's estimator of KL(old ‖ new), which is never negative.
    approxKl: weightedMean(sub(sub(ratio, 1), logRatio), weight),
    clipFraction: weightedMean(cast(less(clipRatio, abs(sub(ratio, 1))), 'float32'), weight),
  };
  if (policyWeight > 0) metrics.valueError = value();
  if (imitationWeight > 0) metrics.imitation = imitation();
  return { loss, metrics };
}

/** Z as it was when the actions were sampled, with the gradient of its training form. With noise, the ratio would not start at 1. */
const asActed = ({ trained, settled }: Latents): Tensor =>
  trained === settled ? settled : add(stopGradient(settled), sub(trained, stopGradient(trained)));

/** The labeler of the agent's own steps: the source's learner, which observes them and learns, or Monte-Carlo estimates of optimal actions. */
export function labelerOf(
  family: EnvFamily,
  { source: chosen, reinforce: { labels, imitationWeight } }: Pick<BaseConfig, 'source'> & ReinforceSection,
  random: Random,
): Labeler | undefined {
  if (imitationWeight === 0) return undefined;
  if (labels === 'source') {
    const own = source(chosen.id);
    return (tasks, fresh) => sourcePolicy({ family, tasks, source: own, random: fresh, options: chosen.options });
  }
  // A task has the same table in every iteration, so that a resumed run computes the same one.
  const tableOf = monteCarloTables(family, random);
  const tablesOf = (tasks: readonly Task[]) => tasks.map(task => tableOf({ task, taskKey: family.taskKey(task) }));
  return tasks => tablePolicy(family, tablesOf(tasks));
}

/** Creates a policy that labels steps in these tasks. Random draws come from `fresh`. */
export type Labeler = (tasks: readonly Task[], fresh: Random) => Policy;

/** Optimal actions from the table of each environment's task, indexed by the observation. */
function tablePolicy(family: EnvFamily, tables: readonly Float32Array[]): Policy {
  const state = stateOf(family);
  const actions = actionDistribution(family.actionSpace);
  const { size: A } = actions;
  const probabilities = new Float32Array(tables.length * A);
  let phases = tables.map(() => phaseCounter(family));
  return {
    actions,
    reset() {
      phases = tables.map(() => phaseCounter(family));
    },
    async act(observation) {
      const width = observation.length / tables.length;
      for (const [i, table] of tables.entries()) {
        const row = state(observation, i * width, phases[i].now) * A;
        probabilities.set(table.subarray(row, row + A), i * A);
      }
      return probabilities;
    },
    async observe({ reward, terminated, truncated }) {
      for (const [i, phase] of phases.entries()) phase.step(reward[i], terminated[i] === 1 || truncated[i] === 1);
    },
  };
}

export interface ExperienceRequest extends BatchRequest {
  readonly model: Model;
  readonly kind: string;
  readonly settings: ReinforceConfig;
  readonly tasks: readonly Task[];
  readonly labeler?: Labeler;
  readonly executor: TrainingRun['executor'];
}

/** Optimizer steps per iteration. Episodes that do not fill a batch are dropped. */
export const updatesOf = ({ streams, episodes, epochs }: ReinforceConfig, batch: number): number =>
  epochs * Math.floor((streams * episodes) / batch);

/**
 * Batches of the agent's own experience. Each iteration collects new rollouts with the current weights and a random stream that depends
 * on its number. Its episodes, each with the preceding window as context, are then used `epochs` times in different orders.
 */
export async function experienceBatches(request: ExperienceRequest): Promise<StageBatches> {
  const { model, kind, settings, tasks, labeler, executor, optimizer, given, random, signal } = request;
  const { streams, episodes, epochs, valueSteps } = settings;
  const frozenLayout = packing(request.frozen);
  const frozen = { layout: frozenLayout, values: zeros([frozenLayout.size]) };
  pack(frozenLayout, given, frozen.values.data as Float32Array);
  const critic = settings.policyWeight > 0;
  const layouts = { [PARAMETERS]: packing(request.trainable), [BUFFERS]: packing(request.buffers) };
  const actor = await openActor({ model, compressorId: kind, streams, executor, layouts, frozen, critic });

  const { distribution } = model.head;
  const L = actionDistribution(model.family.actionSpace).size;
  const shape = model.batchShape(optimizer.batch);
  const batch = newBatch(model.tokenizer, shape);
  const inputs = feedsOf(model.inputs(batch.place.length.length), batch);
  const perStep = () => zeros(inputs.weight.shape);
  const own = { action: zeros(inputs.target.shape), advantage: perStep(), expected: perStep(), logProbability: perStep() };
  const policyLearns = zeros([]);
  const feeds: Record<string, HostTensor> = { ...inputs, ...own, [POLICY_LEARNS]: policyLearns };
  const rows = Array.from({ length: streams * episodes }, (_, row) => row);
  const unit = updatesOf(settings, optimizer.batch);
  const minibatches = unit / epochs;
  const { segment, actions: P } = shape;
  let experience: Experience;

  const write = (b: number, row: number) => {
    const s = Math.floor(row / episodes);
    const stream = experience.streams[s];
    const [first, end] = [stream.starts[row % episodes], stream.starts[(row % episodes) + 1]];
    writeSegment(model.tokenizer, shape, batch, b, stream, stream.starts, row % episodes);
    for (let t = first; t < end; t++) {
      const at = b * segment + t - first;
      distribution.certain(stream.action, t * distribution.width, own.action.data as Float32Array, at * P);
      own.advantage.data[at] = experience.advantage[s][t];
      own.expected.data[at] = experience.expected[s][t];
      own.logProbability.data[at] = stream.logProbability[t];
      if (labeler) model.head.writeTarget(stream.label, t * L, batch.target, at * P);
    }
  };
  return {
    feeds,
    unit,
    async fill(step, state) {
      const [iteration, within] = [Math.floor(step / unit), step % unit];
      if (within === 0) {
        actor.load(state);
        experience = await play({ actor, model, settings, tasks, labeler, random: random.split('rollout', iteration), signal });
      }
      const epoch = Math.floor(within / minibatches);
      const order = random.split('order', iteration, epoch).shuffled(rows);
      for (const { data } of Object.values(feeds)) data.fill(0);
      const from = (within % minibatches) * optimizer.batch;
      for (let b = 0; b < optimizer.batch; b++) write(b, order[from + b]);
      policyLearns.data[0] = iteration < valueSteps ? 0 : 1;
    },
    metrics: () => experience.metrics,
    note: () =>
      `return ${experience.metrics.return.toFixed(3)}, last episode ${experience.metrics.lastReturn.toFixed(3)}${model.family.oracleReturn ? " of the oracle's" : ''}`,
    dispose: actor.dispose,
  };
}

/** The rollouts of one iteration and their training targets, as columns of all streams. */
interface Experience {
  readonly streams: readonly Stream[];
  readonly advantage: readonly Float64Array[];
  /** Target values. */
  readonly expected: readonly Float64Array[];
  /**
   * `return`, `lastReturn`: mean return over all episodes and over the last of each stream, divided by the oracle's if the environment
   * declares it. `discounted`: mean discounted return, in units of the values. `explained`: explained variance of discounted returns.
   */
  readonly metrics: Readonly<Record<'return' | 'lastReturn' | 'discounted' | 'explained', number>>;
}

async function play(
  request: Pick<ExperienceRequest, 'model' | 'settings' | 'tasks' | 'labeler' | 'random' | 'signal'> & { readonly actor: Actor },
): Promise<Experience> {
  const { actor, model, settings, tasks, labeler, random, signal } = request;
  const { episodes, discount, crossEpisodeDiscount, lambda } = settings;
  const { family } = model;
  // Distribute tasks evenly over the streams.
  const order = random.split('tasks').shuffled(tasks);
  const chosen = Array.from({ length: settings.streams }, (_, i) => order[i % order.length]);
  const onlooker = labeler?.(chosen, random.split('teacher'));
  const streams = await collect({ model, actor, tasks: chosen, episodes, labeler: onlooker, random, signal });

  // Scale values so that a stream with the maximum reward at every step has a value of about 1, which a readout that starts at 0 learns quickly.
  const worth = largestReward(model, settings) * Math.min(1 / Math.max(1 - discount, 1e-9), episodes * family.horizon);
  const learned = streams.map(({ reward, ended, value }) => {
    const paid = reward.map(r => r / worth);
    const discounts = streamDiscounts(ended, { step: discount, crossEpisode: crossEpisodeDiscount });
    const advantage = generalizedAdvantages(paid, discounts, value, lambda);
    return {
      advantage,
      expected: advantage.map((a, t) => a + value[t]),
      discounted: discountedReturns(paid, discounts)[0],
      actual: discountedReturns(paid, discounts, value.at(-1)),
    };
  });
  const total = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);
  const unit = total(chosen.map(task => family.oracleReturn?.(task) ?? 1));
  const all = standardized(learned.flatMap(({ advantage }) => Array.from(advantage)));
  const actual = learned.flatMap(one => Array.from(one.actual));
  const predicted = streams.flatMap(({ value }) => Array.from(value.slice(0, -1)));
  let at = 0;
  return {
    streams,
    advantage: learned.map(({ advantage }) => {
      at += advantage.length;
      return all.subarray(at - advantage.length, at);
    }),
    expected: learned.map(({ expected }) => expected),
    metrics: {
      return: total(streams.map(({ reward }) => total(reward))) / (episodes * unit),
      lastReturn: total(streams.map(({ reward, starts }) => total(reward.slice(starts[episodes - 1])))) / unit,
      discounted: total(learned.map(({ discounted }) => discounted)) / streams.length,
      explained: explainedVariance(actual, predicted),
    },
  };
}
