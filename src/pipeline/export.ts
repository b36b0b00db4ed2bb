/** @file Exports a trained method of a run, such as a baseline, in the form in which the run exports its agent. */

import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { exportModel } from '../agent/inference.ts';
import { stageOf } from '../analysis/finished.ts';
import { CONFIG_FILE } from '../cache/outputs.ts';
import { StagePreview } from '../cache/preview.ts';
import { importExperiment } from '../config/experiment.ts';
import { CadenzaError } from '../util/errors.ts';
import { onHistories } from './reinforcement.ts';
import { NO_EXECUTOR } from './schedule.ts';
import { trainMethods } from './variant.ts';

/**
 * Writes a trained method of a run, of the first of its seeds, as ONNX graphs with model.json. Trains nothing.
 *
 * @param run the folder of the run.
 * @param name its name in the results, such as `cad` or `truncated`.
 * @param out a new or empty folder for the model.
 * @throws {CadenzaError} `E_DISK` if there is something in `out`, `E_CONFIG` if the run has no trained method of this name, `E_CHECKPOINT` if it is not trained or was modified.
 * @example await exportMethod('runs/dark-room', 'truncated', 'models/truncated');
 */
export async function exportMethod(run: string, name: string, out: string): Promise<void> {
  if (existsSync(out) && readdirSync(out).length > 0)
    throw new CadenzaError('E_DISK', `${out} is not empty, so nothing was written. Choose a new or an empty folder.`);
  const config = await importExperiment(join(run, CONFIG_FILE));
  // A preview has the keys of all stages, finished or not.
  const store = new StagePreview(run);
  const { opened, trained } = await trainMethods(onHistories, config, { store, executor: NO_EXECUTOR });
  const own = trained.filter(({ seed }) => seed === config.seeds[0]);
  const method = own.find(each => each.method === name);
  if (!method) {
    const names = own.map(each => each.method).join(', ');
    throw new CadenzaError('E_CONFIG', `${run} trains no method "${name}". Choose one of: ${names}.`);
  }
  await exportModel({ model: opened.model, config }, { ...method, trained: stageOf(run, method.trained.key) }, out);
}
