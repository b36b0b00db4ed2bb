/** @file The fine-tuning step of the Dark Room preset. */

import { Model } from '../src/agent/model.ts';
import { loadExperiment } from '../src/config/experiment.ts';
import { openTasks } from '../src/histories/tasks.ts';
import { optimizerOf } from '../src/training/define.ts';
import type { TimedStep } from '../src/training/divisions.ts';
import { finetune } from '../src/training/stages/finetune.ts';

/** The step with the batch of the preset; `settings` are overrides such as `optimizer.batch=64`. */
export function presetStep(settings: readonly string[] = []): TimedStep {
  const config = loadExperiment('experiments/dark-room.yaml', settings);
  const [{ build, trains }] = finetune.objectives(config, new Model(config, openTasks(config).family));
  return { build, trains, batch: optimizerOf(config, config.finetune).batch };
}
