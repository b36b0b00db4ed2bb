/** @file The training stages, in the order in which they run: one file and one line each. */

import type { z } from 'zod';
import type { BaseConfig, OptimizerConfig } from '../../settings/base.ts';
import { Registry } from '../../util/registry.ts';
import { optimizerOf, type TrainingRun, type TrainingStage } from '../define.ts';
import { baselines } from './baselines.ts';
import { consolidate } from './consolidate.ts';
import { distill } from './distill.ts';
import { finetune } from './finetune.ts';
import { STAGE_HELP, type TrainingStageName } from './names.ts';
import { pretrain } from './pretrain.ts';
import { reinforce } from './reinforce.ts';
import { retrieve } from './retrieve.ts';
import { teacher } from './teacher.ts';

const TRAINING_STAGES = [teacher, pretrain, distill, finetune, consolidate, reinforce, retrieve, baselines] as const;

type Stage = (typeof TRAINING_STAGES)[number];

type BuiltinSections = { readonly [S in Stage as S['name']]: S['settings'] };

export type StageSections = z.output<z.ZodObject<BuiltinSections>>;

type AnyStage = TrainingStage<string, z.ZodType, BaseConfig & StageSections, TrainingRun<StageSections>>;

const parts = { settings: 'object', steps: 'function', methods: 'function', objectives: 'function', train: 'function' } as const;

/** The registry of training stages, in the order in which they run. */
export const stages = new Registry<AnyStage, 'name'>('training stage', TRAINING_STAGES, parts, 'name');

/** The stages in the order in which they run, including those of imported modules. */
export const trainingStages = stages.all;

/** The stages' sections of the configuration, by stage name. */
export const stageFields = () =>
  Object.fromEntries(trainingStages.map(({ name, settings }) => [name, settings])) as unknown as BuiltinSections;

/** What a stage does, for the help of its command. */
export const helpOf = ({ name, help }: Pick<AnyStage, 'name' | 'help'>): string =>
  help ?? STAGE_HELP[name as TrainingStageName] ?? 'run this training stage';

/** Training steps of each model of a stage; 0 if the configuration skips the stage. A step of `reinforce` is one iteration. */
export const stageSteps = (config: BaseConfig & StageSections, name: string): number => stages.get(name).steps(config);

/** The optimizer settings of a stage: the shared settings with the stage's overrides. */
export const stageOptimizer = (config: BaseConfig & StageSections, name: string): OptimizerConfig =>
  optimizerOf(config, config[name as TrainingStageName]);
