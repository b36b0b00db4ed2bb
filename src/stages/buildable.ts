/** @file Builds what an experiment names before anything runs: what does not exist or fit should not show after an hour of training. */

import { METRICS } from '../data/retrieval.ts';
import { inputsOf } from '../engine/index.ts';
import { type EnvFamily, type Task, tabularModel } from '../rl/index.ts';
import { demonstrations, source } from '../sources/index.ts';
import { CadenzaError } from '../util/errors.ts';
import { canonicalJson } from '../util/files.ts';
import { Random } from '../util/random.ts';
import { type ExperimentConfig, evaluatedAt } from './config.ts';
import { split } from './generate.ts';
import { INFERENCE_INPUTS, Model } from './model.ts';

/**
 * Throws `E_CONFIG`, `E_SHAPE` or `E_SPLIT` where the settings name something that cannot be built, here or at `evaluate.envs`; with `plays`, also
 * where nothing can be played in the environment.
 */
export function expectBuildable(config: ExperimentConfig, { plays = true } = {}): void {
  const { family, train, test } = split(config);
  // On training tasks: a study checks its trials here, and must not touch test tasks.
  if (plays) family.make(train, Random.seeded(config.seed));
  if (config.source.dataset === undefined)
    source(config.source.id).learner(family, train[0], Random.seeded(config.seed), config.source.options);
  if (config.policy.prompt) demonstrations.learner(family, train[0], Random.seeded(config.seed));
  const model = new Model(config, family);
  const { teacher, distil, finetune, reinforce } = config;
  if (config.source.dataset !== undefined && reinforce.steps > 0 && reinforce.imitationWeight > 0 && reinforce.labels === 'source')
    throw new CadenzaError(
      'E_CONFIG',
      'reinforce.labels source needs the learner that made the histories, but those of source.dataset were recorded elsewhere. ' +
        'Set reinforce.labels to monte-carlo, or reinforce.imitationWeight to 0.',
    );
  if (teacher.kind === 'monte-carlo' && (distil.beta > 0 || (finetune.beta ?? 0) > 0)) tabularModel(family, 'teacher.kind monte-carlo');
  const graphs = [config.compressor, ...baselinesOf(config)].map(kind => model.inference(kind, { compress: 1, act: 1 }));
  if (!graphs[0].compress)
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
    const at = split(there);
    expectSame(`evaluate.envs.${env.name}`, facts(family, test), facts(at.family, at.test));
    expectSame(`evaluate.envs.${env.name}`, parameters(config, model), parameters(config, new Model(there, at.family)));
  }
}

/** The baselines that are trained. */
const baselinesOf = ({ baselines }: ExperimentConfig) => (baselines.steps > 0 ? baselines.methods : []);

/** What the options of an evaluation must leave as it is. */
function facts({ observationSpace, actionSpace, taskKey }: EnvFamily, test: readonly Task[]) {
  return new Map<string, unknown>([
    ['the observation space', observationSpace],
    ['the action space', actionSpace],
    ['the list of test tasks', test.map(taskKey)],
  ]);
}

/** Shapes of all parameters of the models that are trained. */
function parameters(config: ExperimentConfig, model: Model): Map<string, unknown> {
  const taught = config.teacher.kind === 'context' && config.teacher.steps > 0;
  const kinds = [config.compressor, ...(taught ? ['full'] : []), ...baselinesOf(config)];
  const shapes = kinds.flatMap(kind => {
    const { compress, act } = model.inference(kind, { compress: 1, act: 1 });
    const inputs = [compress, act].flatMap(graph => (graph ? [...inputsOf(graph)] : []));
    return inputs.filter(([name]) => !INFERENCE_INPUTS.has(name)).map(([name, { shape }]) => [`${name} (${kind})`, shape] as const);
  });
  return new Map(shapes);
}

function expectSame(where: string, trained: ReadonlyMap<string, unknown>, there: ReadonlyMap<string, unknown>): void {
  for (const [what, value] of trained) {
    const [wanted, found] = [canonicalJson(value), canonicalJson(there.get(what))];
    if (wanted === found) continue;
    const short = (text: string) => (text.length > 80 ? `${text.slice(0, 79)}…` : text);
    throw new CadenzaError(
      'E_CONFIG',
      `${where}: its options change ${what} from ${short(wanted)}, which is trained on, to ${short(found)}. ` +
        `Give it options that leave that as it is, or train another experiment.`,
    );
  }
}
