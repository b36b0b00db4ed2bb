/** @file A stage as a job: everything that another process or machine with the same folder needs to run it. */

import { extname } from 'node:path';
import { openStages } from '../../cache/bucket/stages.ts';
import { isFinished, StageCache } from '../../cache/store.ts';
import { readyExecutor } from '../../engine/executors/registry.ts';
import { CadenzaError } from '../../util/errors.ts';
import { importModules } from '../../util/modules.ts';
import type { RunOptions } from '../kind.ts';
import { kindOf } from '../kinds.ts';
import { collectStages, type Job } from '../schedule.ts';

/** The module of processes that run jobs; from TypeScript sources, there is no compiled one. */
export const JOB_PROCESS = new URL(`./job-process${extname(import.meta.url)}`, import.meta.url);

/** A stage to run in a folder. */
export interface StageJob
  extends Pick<Job, 'stage' | 'key' | 'config'>,
    Required<Pick<RunOptions, 'out' | 'until' | 'tensorboard'>>,
    Pick<RunOptions, 'fresh'> {
  /** Start of the command; see `StoreOptions.since`. */
  readonly since?: number;
  /** Address of the bucket where stages are also kept; `out` need not be the same folder on all machines then. */
  readonly store?: string;
  /** See `BucketOptions.silence`. */
  readonly silence?: number;
}

/**
 * Runs a stage after checking the files of its inputs. A finished stage is not run again.
 *
 * @throws {CadenzaError} `E_UNFINISHED` with `ifReady` if an input is not finished, which otherwise runs here first; `E_CHECKPOINT` if an input was modified; `E_DISK` if the bucket cannot be used; `E_INTERRUPTED` after `signal` was aborted and the stage saved its state.
 */
export async function runStageJob(
  { config, key, store: address, silence, ...options }: StageJob,
  { progress, signal, ifReady = false }: Pick<RunOptions, 'progress' | 'signal'> & { readonly ifReady?: boolean },
): Promise<void> {
  await importModules(config.imports);
  const executor = await readyExecutor(config.executor);
  const stages = await collectStages(kindOf(config), config, { ...options, executor });
  const { request, inputs } = stages.find(stage => stage.key === key)!;
  const shared = address === undefined ? undefined : await openStages(address, { silence });
  const store = new StageCache(options.out, { ...options, shared, progress, signal });
  const read = new Set(Object.values(inputs));
  const before = stages.filter(stage => read.has(stage.key));
  if (ifReady) {
    await shared?.look();
    const missing = before.find(stage => !isFinished(options.out, stage, shared));
    if (missing)
      throw new CadenzaError('E_UNFINISHED', `${request.stage} reads ${missing.stage}, which is not finished yet. Try again later.`);
  }
  for (const stage of before) await store.run(stage.request);
  await store.run(request);
}
