/** @file The training stages, in the order in which they run: one file and one line each. */

import type { z } from 'zod';
import type { BaseConfig, OptimizerConfig } from '../../settings/base.ts';
import { optimizerOf, type TrainingRun, type TrainingStage } from '../define.ts';
import { baselines } from './baselines.ts';
import { consolidate } from './consolidate.ts';
import { distill } from './distill.ts';
import { finetune } from './finetune.ts';
import type { TrainingStageName } from './names.ts';
import { pretrain } from './pretrain.ts';
import { reinforce } from './reinforce.ts';
import { retrieve } from './retrieve.ts';
import { teacher } from './teacher.ts';

const TRAINING_STAGES = [teacher, pretrain, distill, finetune, consolidate, reinforce, retrieve, baselines] as const;

type Stage = (typeof TRAINING_STAGES)[number];

/** Their sections of the configuration, by their names. */
export const stageFields = Object.fromEntries(TRAINING_STAGES.map(({ name, settings }) => [name, settings])) as unknown as {
  readonly [S in Stage as S['name']]: S['settings'];
};

export type StageSections = z.output<z.ZodObject<typeof stageFields>>;

type AnyStage = TrainingStage<TrainingStageName, z.ZodType, BaseConfig & StageSections, TrainingRun<StageSections>>;

/** The same list for what treats all stages alike. */
export const trainingStages: readonly AnyStage[] = TRAINING_STAGES;

/** Training steps of every model of a stage, 0 where the configuration leaves it out; what counts as a step of `reinforce` is an iteration. */
export const stageSteps = (config: BaseConfig & StageSections, name: TrainingStageName): number =>
  trainingStages.find(stage => stage.name === name)!.steps(config);

/** The optimizer of a stage: the shared settings with the stage's own on top. */
export const stageOptimizer = (config: BaseConfig & StageSections, name: TrainingStageName): OptimizerConfig =>
  optimizerOf(config, config[name]);
