/** @file All kinds of experiment. */

import type { ExperimentConfig } from '../config/experiment.ts';
import { familyOf } from '../histories/imported.ts';
import type { CommonConfig, ExperimentKind } from './kind.ts';
import { recorded } from './recorded.ts';
import { reinforcement } from './reinforcement.ts';
import { supervised } from './supervised.ts';

export const KINDS: readonly ExperimentKind[] = [reinforcement, supervised];

/** The kind of an experiment according to its keys; `recorded` if its environment is not installed and only a data set exists. */
export function kindOf(config: CommonConfig): ExperimentKind {
  const kind = KINDS.find(({ key }) => key && key in config) ?? reinforcement;
  return kind === reinforcement && familyOf(config as ExperimentConfig).recorded ? recorded : kind;
}
