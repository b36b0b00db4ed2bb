/** @file What a baseline is: one row beside CAD's, and how its model differs from the one of the experiment. */

import { compressor } from '../../compressor/index.ts';
import { Model, type ModelConfig } from '../model.ts';

/** The experiment that a baseline stands beside. */
export interface Beside {
  readonly config: ModelConfig;
  /** CAD's model, whose compressor is `config.compressor`. */
  readonly model: Model;
}

interface Row {
  /** Name of the row, and of the stages that make it. */
  readonly id: string;
  readonly description: string;
  /** What it was given that the other rows did not have, as it ends "Given …"; nothing when left out. */
  readonly given?: string;
}

/** A model that is trained on ℓ_task alone, and plays as the others do. */
export interface TrainedBaseline extends Row {
  /** What stands in the compressor's place. */
  readonly compressor: string;
  /** Settings of its model that are not the experiment's; none when left out. */
  readonly changes?: (beside: Beside) => Partial<ModelConfig>;
  /** What it imitates: the source, or whoever knows the task and plays optimally from where the source was. */
  readonly labels?: 'optimal';
}

/** A source that plays for itself, as `source` and `random` do in every table. */
export interface PlayedBaseline extends Row {
  /** Id of the source. */
  readonly plays: string;
}

export type Baseline = TrainedBaseline | PlayedBaseline;

export const isTrained = (baseline: Baseline): baseline is TrainedBaseline => 'compressor' in baseline;

/** The settings of the experiment as the model of a baseline has them. */
export const settingsOf = ({ compressor, changes }: TrainedBaseline, beside: Beside): ModelConfig => ({
  ...beside.config,
  ...changes?.(beside),
  compressor,
});

/** The model of such settings: the past stands in its context as it does in CAD's, unless what takes the compressor's place needs it otherwise. */
export function modelBeside({ model }: Beside, settings: ModelConfig): Model {
  const { form } = compressor(settings.compressor);
  return new Model(settings, model.family, form === 'window' ? model.form : form);
}
