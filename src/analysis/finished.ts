/** @file A finished run opened again: its configuration, its exported model, and the stages that this came from. */

import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { CONFIG_FILE } from '../cache/outputs.ts';
import { makesAgain, readStage, type StoredStage } from '../cache/store.ts';
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

/** Opens a run that was evaluated. Throws `E_CHECKPOINT` where there is no model that acts, or one that carries no latents, or many. */
export async function openRun(folder: string): Promise<FinishedRun> {
  const settings = join(folder, CONFIG_FILE);
  const refuse = (what: string) => new CadenzaError('E_CHECKPOINT', `${folder} is the folder of ${what}`);
  const keys = existsSync(settings) ? topLevelKeys({ file: settings }) : [];
  if (keys.includes('axes'))
    throw refuse(
      'an ablation: a table of many agents, none of which is kept by itself. Run one combination as an experiment (cadenza run … --set …) and give the folder of that run.',
    );
  if (keys.includes('problem'))
    throw refuse(
      `a supervised experiment, whose models do not act. Give the folder of an experiment with an environment ("env" in its file); "cadenza report ${folder}" shows this one.`,
    );
  const path = (name: string) => join(folder, 'model', name);
  const advice = `${folder} must be the folder of a run that "cadenza run" finished.`;
  const description = checkDescription(readJson(path('model.json'), 'E_CHECKPOINT', advice), path('model.json'));
  if (!description.latentShape)
    throw new CadenzaError('E_CHECKPOINT', `the model of ${folder} carries no latents, so it has no contexts to store or look into.`);
  const [compress, act] = ['compress.onnx', 'act.onnx'].map(name => readBytes(path(name), 'E_CHECKPOINT', advice));
  checkGraph(description, 'compress.onnx', compress);
  checkGraph(description, 'act.onnx', act);
  expectOwnConfig(settings, readBytes(settings, 'E_CHECKPOINT', advice), description);
  const config = await importExperiment(settings);
  expectOwnTasks(folder, config, description);
  // What else the folder was configured for, such as other evaluations, changes nothing in the latents.
  const { experiment: _, hash: __, ...own } = description;
  const model: ContextModel = {
    hash: hashJson(own),
    environment: description.env.id,
    latentShape: description.latentShape,
    configuration: { description, experiment: config },
  };
  return { folder, config, family: familyOf(config), description, compress, act, model };
}

const AGAIN = 'Run the same command again in this folder: finished stages are not trained again.';

/** Throws `E_CHECKPOINT` unless config.yaml is the one that the model was trained with. */
function expectOwnConfig(path: string, bytes: Uint8Array, { experiment }: ModelDescription): void {
  if (!experiment)
    throw new CadenzaError(
      'E_CHECKPOINT',
      `the model beside ${path} does not say which experiment it was trained in (an earlier version wrote it), so which tasks it knows is uncertain. ${AGAIN}`,
    );
  const found = sha256(bytes);
  if (found === experiment.config) return;
  const hashes = `expected SHA-256 ${experiment.config.slice(0, 16)}…, found ${found.slice(0, 16)}…`;
  throw new CadenzaError(
    'E_CHECKPOINT',
    `${path} is not the configuration of the model beside it: ${hashes}. Put the file back as it was, or let both be written again: ${AGAIN}`,
  );
}

/** Throws `E_CHECKPOINT` unless the tasks are divided as they were when the model was trained. */
function expectOwnTasks(folder: string, config: ExperimentConfig, { experiment }: ModelDescription): void {
  if (tasksHash(config) === experiment?.tasks) return;
  const { dataset } = config.source;
  const why = dataset === undefined ? 'another version of cadenza divided them' : `the data set ${dataset} was changed or exchanged`;
  throw new CadenzaError('E_CHECKPOINT', `the tasks of ${folder} are not those that its model was trained and tested on: ${why}. ${AGAIN}`);
}

/** The learning histories that the run's model was trained on, found through the records of the stages. Throws `E_CHECKPOINT` without them. */
export function trainingHistories({ folder, description, family }: FinishedRun): readonly History[] {
  const { inputs } = stageOf(folder, description.trained);
  return openHistories(stageOf(folder, inputs.generate).folder, family).histories;
}

/** A finished stage of a run by its key. Throws `E_CHECKPOINT` where it is not there, or was altered. */
export function stageOf(run: string, key: string): StoredStage {
  const stages = join(run, 'stages');
  let names: string[] = [];
  try {
    names = readdirSync(stages);
  } catch {
    // Reported below, as a folder without the stage is.
  }
  const found = names.find(name => name.endsWith(`-${key.slice(0, 12)}`));
  if (found) return readStage(join(stages, found), key);
  throw new CadenzaError(
    'E_CHECKPOINT',
    `${stages} has no stage with the key ${key.slice(0, 12)}, which the model comes from: it was deleted, or the run was moved without it. Put it back; or ${makesAgain(run)}.`,
  );
}
