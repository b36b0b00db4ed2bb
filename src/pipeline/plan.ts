/** @file The plan of a command: its jobs, to look at or to run elsewhere. */

import type { CommonConfig, ExperimentKind, RunOptions, SharedData } from './kind.ts';
import type { Variants } from './run.ts';
import { collectVariants, type Job, jobsOf } from './schedule.ts';

/** The jobs of a command. */
export interface JobPlan {
  /** Name of the experiment, ablation or sweep. */
  readonly name: string;
  /** Folder of the run. */
  readonly out: string;
  /** Address of the bucket where its stages are also kept. */
  readonly store?: string;
  /** Each after the jobs that it reads. */
  readonly jobs: readonly Job[];
}

/** The seeds of which all jobs are finished; none while a job is missing that all seeds share. */
export function finishedSeeds({ jobs }: Pick<JobPlan, 'jobs'>): number[] {
  const seedOf = ({ stage, config }: Job) => config.seeds.find(seed => stage.endsWith(`-seed${seed}`));
  const missing = new Set(jobs.filter(({ finished }) => !finished).map(seedOf));
  const seeds = [...new Set(jobs.flatMap(({ config }) => config.seeds))];
  return missing.has(undefined) ? [] : seeds.filter(seed => !missing.has(seed));
}

/**
 * Plans variants up to a stage: their jobs, each once, with those that are finished. Times are measured when results are made, by no job.
 *
 * @throws {CadenzaError} `E_CONFIG` if something cannot be built or does not fit into memory; `E_CHECKPOINT` like `previewVariants`.
 */
export async function planVariants<C extends CommonConfig, D extends SharedData<C>>(
  kind: Pick<ExperimentKind<C, D>, 'dataStage' | 'training' | 'open' | 'evaluate' | 'expectBuildable'>,
  { name, variants }: Pick<Variants<C>, 'name' | 'variants'>,
  options: Pick<RunOptions, 'out' | 'until' | 'fresh' | 'shared'>,
): Promise<JobPlan> {
  const store = options.shared?.address;
  return { name, out: options.out, ...(store ? { store } : {}), jobs: jobsOf(await collectVariants(kind, variants, options)) };
}
