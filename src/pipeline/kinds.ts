/** @file The kinds of experiment that a file can describe: one record and one line each. */

import type { ExperimentConfig } from '../config/experiment.ts';
import { familyOf } from '../histories/imported.ts';
import type { CommonConfig, ExperimentKind } from './kind.ts';
import { recorded } from './recorded.ts';
import { reinforcement } from './reinforcement.ts';
import { supervised } from './supervised.ts';

export const KINDS: readonly ExperimentKind[] = [reinforcement, supervised];

/** The kind of an experiment: what its keys say, unless its environment is not here and only recordings of it are, which this looks up. */
export function kindOf(config: CommonConfig): ExperimentKind {
  const kind = KINDS.find(({ key }) => key && key in config) ?? reinforcement;
  return kind === reinforcement && familyOf(config as ExperimentConfig).recorded ? recorded : kind;
}
