/** @file Builds everything that an experiment names before anything runs, so that errors appear at once and not after an hour of training. */

import { baseline, isTrained } from '../agent/baselines/index.ts';
import { INFERENCE_INPUTS, Model } from '../agent/model.ts';
import { type ExperimentConfig, evaluatedAt } from '../config/experiment.ts';
import { METRICS } from '../data/retrieval.ts';
import { inputsOf } from '../engine/index.ts';
import { lifeOf } from '../histories/life.ts';
import { openTasks } from '../histories/tasks.ts';
import { type EnvFamily, tabularModel } from '../rl/index.ts';
import { demonstrations, expectLearners, expectLearns, oracle, source } from '../sources/index.ts';
import { followsTeacher } from '../training/stages/finetune.ts';
import { CadenzaError } from '../util/errors.ts';
import { canonicalJson } from '../util/files.ts';
import { Random } from '../util/random.ts';
import { estimate, modelsOf, type NamedModel } from './estimate.ts';
import type { Estimate } from './needs.ts';

/**
 * Returns the estimate of an experiment. Throws `E_CONFIG`, `E_SHAPE` or `E_SPLIT` if something cannot be built or does not fit into this
 * machine, in the environment or an entry of `evaluate.envs`; with `plays`, also if the environment is not installed.
 */
export function expectBuildable(config: ExperimentConfig, { plays = true } = {}): Estimate {
  // First, because models that are too large cannot be built.
  const found = estimate(config);
  const { family, train } = openTasks(config);
  // Uses training tasks, because a search checks its trials here and must not touch test tasks.
  const validates = config.evaluate.every !== undefined;
  if (plays || validates) family.make(train, Random.seeded(config.seed));
  if (validates) lifeOf(config);
  if (config.source.dataset === undefined) {
    const own = source(config.source.id);
    expectLearns(own, family, train[0], Random.seeded(config.seed), config.source.options);
    if (config.policy.prompt) expectLearners(own, 'policy.prompt');
    if (labelsBySource(config)) expectLearners(own, 'reinforce.labels source');
  }
  if (config.policy.prompt) demonstrations.learner(family, train[0], Random.seeded(config.seed));
  const model = new Model(config, family);
  const { teacher } = config;
  if (config.source.dataset !== undefined && labelsBySource(config))
    throw new CadenzaError(
      'E_CONFIG',
      'reinforce.labels source needs the source algorithm, but the histories of source.dataset were recorded elsewhere. ' +
        'Set reinforce.labels to monte-carlo, or reinforce.imitationWeight to 0.',
    );
  if (teacher.kind === 'monte-carlo' && followsTeacher(config)) tabularModel(family, 'teacher.kind monte-carlo');
  for (const row of config.baselines.methods.map(baseline))
    if (isTrained(row) ? row.labels : row.plays) oracle.learner(family, train[0], Random.seeded(config.seed));
  const models = modelsOf(config, model);
  for (const { compressorId: kind, model } of models) model.inference(kind, { compress: 1, act: 1 });
  if (!model.inference(config.compressor, { compress: 1, act: 1 }).compress)
    throw new CadenzaError(
      'E_CONFIG',
      `compressor: "${config.compressor}" produces no latents and can only be a baseline. Choose another compressor, or list it in baselines.methods.`,
    );
  const { contexts, metric } = config.policy.retrieval;
  if (contexts > 0) {
    const { codes } = model.inference(config.compressor, { compress: 1, act: 1 }, { retrieved: contexts });
    if (METRICS[metric].of === 'codes' && !codes)
      throw new CadenzaError(
        'E_CONFIG',
        `policy.retrieval.metric: "${metric}" compares codes, but latents.kind "${config.latents.kind}" has none. Choose a distance between latents, such as l2.`,
      );
  }
  for (const env of config.evaluate.envs) {
    const there = evaluatedAt(config, env);
    const at = openTasks(there);
    expectSame(`evaluate.envs.${env.name}`, facts(family), facts(at.family));
    expectSame(`evaluate.envs.${env.name}`, parameters(models), parameters(models, at.family));
  }
  return found;
}

/** Whether the source observes the agent's rollouts and labels its steps. */
const labelsBySource = ({ reinforce }: ExperimentConfig): boolean =>
  reinforce.steps > 0 && reinforce.imitationWeight > 0 && reinforce.labels === 'source';

/** What the options of an evaluation must not change. */
const facts = ({ observationSpace, actionSpace }: EnvFamily): Record<string, unknown> => ({
  'the observation space': observationSpace,
  'the action space': actionSpace,
});

/** Shapes of all parameters of the models, optionally in another environment. */
function parameters(models: readonly NamedModel[], family?: EnvFamily): Record<string, unknown> {
  const shapes = models.flatMap(({ id, compressorId: kind, model }) => {
    const { compress, act } = (family ? model.in(family) : model).inference(kind, { compress: 1, act: 1 });
    const inputs = [compress, act].flatMap(graph => (graph ? [...inputsOf(graph)] : []));
    return inputs.filter(([name]) => !INFERENCE_INPUTS.has(name)).map(([name, { shape }]) => [`${name} (${id})`, shape] as const);
  });
  return Object.fromEntries(shapes);
}

function expectSame(where: string, trained: Readonly<Record<string, unknown>>, there: Readonly<Record<string, unknown>>): void {
  for (const [what, value] of Object.entries(trained)) {
    const [wanted, found] = [canonicalJson(value), canonicalJson(there[what])];
    if (wanted === found) continue;
    const short = (text: string) => (text.length > 80 ? `${text.slice(0, 79)}…` : text);
    throw new CadenzaError(
      'E_CONFIG',
      `${where}: expected options that keep ${what} of the training environment (${short(wanted)}), found ${short(found)}. ` +
        `Change the options, or train a separate experiment.`,
    );
  }
}
