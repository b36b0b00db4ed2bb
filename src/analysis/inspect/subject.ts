/** @file The inspected run: its trained agent and everything that the measurements share. */

import { Model } from '../../agent/model.ts';
import { StageCache, type StoreOptions } from '../../cache/store.ts';
import { readyExecutor } from '../../engine/executors/registry.ts';
import { datasetKey } from '../../histories/imported.ts';
import { openTasks } from '../../histories/tasks.ts';
import type { Sides } from '../../records/index.ts';
import type { Task } from '../../rl/index.ts';
import { CadenzaError } from '../../util/errors.ts';
import { lazy } from '../../util/lazy.ts';
import { openRun, stageOf, trainingHistories } from '../finished.ts';

/** A side of the split: training or held-out tasks. */
export type Side = keyof Sides<unknown>;

/** A value for each side. */
export const both = <T>(of: (side: Side) => T): Sides<T> => ({ train: of('train'), heldOut: of('heldOut') });

/** Computes a value for one side after the other. */
export const inTurn = async <T>(of: (side: Side) => Promise<T>): Promise<Sides<T>> => ({
  train: await of('train'),
  heldOut: await of('heldOut'),
});

export interface InspectOptions {
  /** Maximum number of tasks per side. */
  readonly tasks: number;
  /** Streams per task. */
  readonly streams: number;
  /** In-context episodes per stream. Default: `evaluate.episodes` of the run. */
  readonly episodes?: number;
  /** Maximum number of tasks per side between which latents are swapped. */
  readonly exchanged: number;
  /** Training steps of a decoder for an agent without one. 0 skips reconstruction. */
  readonly decoderSteps: number;
  readonly seed: number;
}

/** A run and everything that the measurements share. */
export type Subject = Awaited<ReturnType<typeof openSubject>>;

/** Opens a finished run. Throws `E_CHECKPOINT` like `openRun`, and `E_CONFIG` if its environment is not installed. */
export async function openSubject(folder: string, options: InspectOptions, context: StoreOptions) {
  const run = await openRun(folder);
  const { config, family, description } = run;
  if (family.recorded)
    throw new CadenzaError(
      'E_CONFIG',
      `${folder} is an experiment on recordings: the environment ${family.id} is not installed, so its agent cannot act. "cadenza report ${folder}" shows its scores.`,
    );
  const trained = stageOf(folder, description.trained);
  const { seed } = trained.settings as { seed: number };
  const { taught, evaluated } = openTasks(config);
  const most = (tasks: readonly Task[]) => tasks.slice(0, options.tasks);
  return {
    folder,
    description,
    config,
    model: new Model(config, family),
    agent: { compressorId: config.compressor, trained },
    /** Training seed of the agent. */
    seed,
    generated: stageOf(folder, trained.inputs.generate),
    histories: lazy(() => trainingHistories(run)),
    tasks: { train: most(taught), heldOut: most(evaluated) },
    episodes: options.episodes ?? config.evaluate.episodes,
    options,
    store: new StageCache(folder, context),
    executor: await readyExecutor(config.executor, context.progress.say),
    /** What the output of every stage depends on, besides its own settings and inputs. */
    shared: { env: config.env, split: config.split, executor: config.executor, seed: options.seed, ...datasetKey(config) },
  };
}
