/** @file The fine-tuning step of the Dark Room presets. */

import { Model } from '../src/agent/model.ts';
import { loadExperiment } from '../src/config/experiment.ts';
import { openTasks } from '../src/histories/tasks.ts';
import { optimizerOf } from '../src/training/define.ts';
import type { TimedStep } from '../src/training/divisions.ts';
import { finetune } from '../src/training/stages/finetune.ts';

/** The step with the batch of a preset, and the number of histories in it. */
export function presetStep(preset: 'dark-room' | 'dark-room-window' = 'dark-room'): { step: TimedStep; histories: number } {
  const config = loadExperiment(`experiments/${preset}.yaml`, []);
  const [{ build, trains }] = finetune.objectives(config, new Model(config, openTasks(config).family));
  const { batch } = optimizerOf(config, config.finetune);
  return { step: { build, trains, batch }, histories: batch / config.queries.perHistory };
}
