/** @file Opens a finished run: its configuration, its exported model, and the stages behind it. */

import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { CONFIG_FILE } from '../cache/outputs.ts';
import { readStage, recreateAdvice, type StoredStage } from '../cache/store.ts';
import { type ExperimentConfig, importExperiment } from '../config/experiment.ts';
import type { ContextModel } from '../data/contexts.ts';
import { openHistories } from '../data/index.ts';
import { familyOf } from '../histories/imported.ts';
import { tasksHash } from '../histories/tasks.ts';
import { checkDescription, checkGraph, type ModelDescription } from '../policy/index.ts';
import type { ExportedAgent } from '../retrieval/contexts.ts';
import type { History } from '../rl/index.ts';
import { topLevelKeys } from '../util/config.ts';
import { CadenzaError } from '../util/errors.ts';
import { hashJson, readBytes, readJson, sha256 } from '../util/files.ts';

/** A finished run: its configuration and its exported model. */
export interface FinishedRun extends ExportedAgent {
  readonly folder: string;
  readonly config: ExperimentConfig;
  readonly model: ContextModel;
}

/** Opens an evaluated run. Throws `E_CHECKPOINT` if it has no acting model, several models, or a model without latents. */
export async function openRun(folder: string): Promise<FinishedRun> {
  const settings = join(folder, CONFIG_FILE);
  const refuse = (what: string) => new CadenzaError('E_CHECKPOINT', `${folder} is ${what}`);
  const keys = existsSync(settings) ? topLevelKeys({ file: settings }) : [];
  if (keys.includes('axes'))
    throw refuse(
      'an ablation, which exports no agent. Run one combination as an experiment (cadenza run … --set …) and give the folder of that run.',
    );
  if (keys.includes('problem'))
    throw refuse(
      `a supervised experiment, which has no agent. Give the folder of an experiment with an environment ("env" in its file). "cadenza report ${folder}" shows this one.`,
    );
  const path = (name: string) => join(folder, 'model', name);
  const advice = `${folder} must be the folder of a finished "cadenza run".`;
  const description = checkDescription(readJson(path('model.json'), 'E_CHECKPOINT', advice), path('model.json'));
  if (!description.latentShape)
    throw new CadenzaError(
      'E_CHECKPOINT',
      `the model of ${folder} has no latents, so there is nothing to store or inspect. Give a run whose compressor produces latents.`,
    );
  const [compress, act] = ['compress.onnx', 'act.onnx'].map(name => readBytes(path(name), 'E_CHECKPOINT', advice));
  checkGraph(description, 'compress.onnx', compress);
  checkGraph(description, 'act.onnx', act);
  expectOwnConfig(settings, readBytes(settings, 'E_CHECKPOINT', advice), description);
  const config = await importExperiment(settings);
  expectOwnTasks(folder, config, description);
  // Other settings, such as those of the evaluation, do not affect the latents.
  const { experiment: _, hash: __, ...own } = description;
  const model: ContextModel = {
    hash: hashJson(own),
    environment: description.env.id,
    latentShape: description.latentShape,
    configuration: { description, experiment: config },
  };
  return { folder, config, family: familyOf(config), description, compress, act, model };
}

const AGAIN = 'Run the same command again in this folder; finished stages are reused.';

/** Throws `E_CHECKPOINT` unless config.yaml is the one that the model was trained with. */
function expectOwnConfig(path: string, bytes: Uint8Array, { experiment }: ModelDescription): void {
  if (!experiment)
    throw new CadenzaError(
      'E_CHECKPOINT',
      `the model next to ${path} does not record its experiment (it was written by an earlier version), so its training tasks are unknown. ${AGAIN}`,
    );
  const found = sha256(bytes);
  if (found === experiment.config) return;
  const hashes = `expected SHA-256 ${experiment.config.slice(0, 16)}…, found ${found.slice(0, 16)}…`;
  throw new CadenzaError(
    'E_CHECKPOINT',
    `${path} is not the configuration of the model next to it: ${hashes}. Restore the file, or recreate both. ${AGAIN}`,
  );
}

/** Throws `E_CHECKPOINT` unless the split of tasks is the one that the model was trained with. */
function expectOwnTasks(folder: string, config: ExperimentConfig, { experiment }: ModelDescription): void {
  if (tasksHash(config) === experiment?.tasks) return;
  const { dataset } = config.source;
  const why = dataset === undefined ? 'another version of cadenza split them' : `the data set ${dataset} was modified or replaced`;
  throw new CadenzaError(
    'E_CHECKPOINT',
    `the tasks of ${folder} are not those with which its model was trained and tested: ${why}. ${AGAIN}`,
  );
}

/** The learning histories that the run's model was trained on, from the stage cache. Throws `E_CHECKPOINT` if they are missing. */
export function trainingHistories({ folder, description, family }: FinishedRun): readonly History[] {
  const { inputs } = stageOf(folder, description.trained);
  return openHistories(stageOf(folder, inputs.generate).folder, family).histories;
}

/** A finished stage of a run by its key. Throws `E_CHECKPOINT` if it is missing or was modified. */
export function stageOf(run: string, key: string): StoredStage {
  const stages = join(run, 'stages');
  let names: string[] = [];
  try {
    names = readdirSync(stages);
  } catch {
    // A missing folder is reported below, like a missing stage.
  }
  const found = names.find(name => name.endsWith(`-${key.slice(0, 12)}`));
  if (found) return readStage(join(stages, found), key);
  throw new CadenzaError(
    'E_CHECKPOINT',
    `${stages} has no stage with the key ${key.slice(0, 12)}, from which the model was created: it was deleted, or the run was moved without it. Restore it, or create it again: ${recreateAdvice(run)}.`,
  );
}
