/** @file Placeholder: the signature that the command line is written against, until the stages exist. */

import type { Results } from '../evaluation/results.ts';
import { CadenzaError } from '../util/errors.ts';
import type { Progress } from '../util/progress.ts';
import type { ExperimentConfig } from './config.ts';

/** The stages in the order in which they run. */
export const STAGES = ['generate', 'teacher', 'pretrain', 'distil', 'finetune', 'baselines', 'evaluate'] as const;
export type Stage = (typeof STAGES)[number];

export interface RunOptions {
  /** Folder of the run. */
  out: string;
  /** The last stage to run, with whatever it needs; all of them when left out. */
  until?: Stage;
  /** Continue from the checkpoints of an interrupted run. */
  resume: boolean;
  progress: Progress;
  /** Aborted on SIGINT and SIGTERM: the running stage saves and throws `E_INTERRUPTED`. */
  signal: AbortSignal;
}

export async function runExperiment(_config: ExperimentConfig, _options: RunOptions): Promise<Results> {
  throw new CadenzaError('E_USAGE', 'the stages are not built yet');
}
