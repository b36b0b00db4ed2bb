/** @file Builds what an experiment names before anything runs: what does not exist or fit should not show after an hour of training. */

import { baseline, isTrained } from '../agent/baselines/index.ts';
import { INFERENCE_INPUTS, Model } from '../agent/model.ts';
import { type ExperimentConfig, evaluatedAt } from '../config/experiment.ts';
import { METRICS } from '../data/retrieval.ts';
import { inputsOf } from '../engine/index.ts';
import { openTasks } from '../histories/tasks.ts';
import { type EnvFamily, type Task, tabularModel } from '../rl/index.ts';
import { demonstrations, expectLearners, expectLearns, oracle, source } from '../sources/index.ts';
import { followsTeacher } from '../training/stages/finetune.ts';
import { CadenzaError } from '../util/errors.ts';
import { canonicalJson } from '../util/files.ts';
import { Random } from '../util/random.ts';
import { estimate, modelsOf, type NamedModel } from './estimate.ts';
import type { Estimate } from './needs.ts';

/**
 * Gives the estimate of what the settings need. Throws `E_CONFIG`, `E_SHAPE` or `E_SPLIT` where the settings name something that cannot be built or does not fit into this machine, here or at `evaluate.envs`; with `plays`, also
 * where nothing can be played in the environment.
 */
export function expectBuildable(config: ExperimentConfig, { plays = true } = {}): Estimate {
  // First, because what is too large cannot even be built.
  const found = estimate(config);
  const { family, train, test } = openTasks(config);
  // On training tasks: a study checks its trials here, and must not touch test tasks.
  if (plays) family.make(train, Random.seeded(config.seed));
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
      'reinforce.labels source needs the learner that made the histories, but those of source.dataset were recorded elsewhere. ' +
        'Set reinforce.labels to monte-carlo, or reinforce.imitationWeight to 0.',
    );
  if (teacher.kind === 'monte-carlo' && followsTeacher(config)) tabularModel(family, 'teacher.kind monte-carlo');
  for (const row of config.baselines.methods.map(baseline))
    if (isTrained(row) ? row.labels : row.plays) oracle.learner(family, train[0], Random.seeded(config.seed));
  const models = modelsOf(config, model);
  for (const { compressorId: kind, model } of models) model.inference(kind, { compress: 1, act: 1 });
  if (!model.inference(config.compressor, { compress: 1, act: 1 }).compress)
    throw new CadenzaError('E_CONFIG', `compressor "${config.compressor}" makes no latents for the policy; it can only be a baseline.`);
  const { contexts, metric } = config.policy.retrieval;
  if (contexts > 0) {
    const { codes } = model.inference(config.compressor, { compress: 1, act: 1 }, { retrieved: contexts });
    if (METRICS[metric].of === 'codes' && !codes)
      throw new CadenzaError(
        'E_CONFIG',
        `policy.retrieval.metric: "${metric}" compares codes, which latents of the kind "${config.latents.kind}" do not have; choose a distance of latents, such as l2.`,
      );
  }
  for (const env of config.evaluate.envs) {
    const there = evaluatedAt(config, env);
    const at = openTasks(there);
    expectSame(`evaluate.envs.${env.name}`, facts(family, test), facts(at.family, at.test));
    expectSame(`evaluate.envs.${env.name}`, parameters(models), parameters(models, at.family));
  }
  return found;
}

/** Whether the source watches the agent's rollouts, and says what it would have done there. */
const labelsBySource = ({ reinforce }: ExperimentConfig): boolean =>
  reinforce.steps > 0 && reinforce.imitationWeight > 0 && reinforce.labels === 'source';

/** What the options of an evaluation must leave as it is. */
const facts = ({ observationSpace, actionSpace, taskKey }: EnvFamily, test: readonly Task[]): Record<string, unknown> => ({
  'the observation space': observationSpace,
  'the action space': actionSpace,
  'the list of test tasks': test.map(taskKey),
});

/** Shapes of all parameters of the models, in another family where one is given. */
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
      `${where}: its options change ${what} from ${short(wanted)}, which is trained on, to ${short(found)}. ` +
        `Give it options that leave that as it is, or train another experiment.`,
    );
  }
}
