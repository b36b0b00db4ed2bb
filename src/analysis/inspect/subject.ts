/** @file The run that is looked into: its trained agent with all that the measures share. */

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

/** A side of the tasks: those that were trained on, or those that were held out. */
export type Side = keyof Sides<unknown>;

/** The same of both sides. */
export const both = <T>(of: (side: Side) => T): Sides<T> => ({ train: of('train'), heldOut: of('heldOut') });

/** The same of one side after the other. */
export const inTurn = async <T>(of: (side: Side) => Promise<T>): Promise<Sides<T>> => ({
  train: await of('train'),
  heldOut: await of('heldOut'),
});

export interface InspectOptions {
  /** Tasks of each side at most. */
  readonly tasks: number;
  /** Streams in each task. */
  readonly streams: number;
  /** In-context episodes of a stream; as the run was evaluated when left out. */
  readonly episodes?: number;
  /** Tasks of each side at most whose memories are exchanged. */
  readonly exchanged: number;
  /** Training steps of a decoder for an agent that has none; 0 leaves reconstruction out. */
  readonly decoderSteps: number;
  readonly seed: number;
}

/** A run with all that the measures share. */
export type Subject = Awaited<ReturnType<typeof openSubject>>;

/** Opens a finished run. Throws `E_CHECKPOINT` as `openRun` does, `E_CONFIG` where nothing can be played. */
export async function openSubject(folder: string, options: InspectOptions, context: StoreOptions) {
  const run = await openRun(folder);
  const { config, family, description } = run;
  if (family.recorded)
    throw new CadenzaError(
      'E_CONFIG',
      `${folder} is the folder of a recorded experiment: only recordings of ${family.id} exist, so its agent cannot be watched while it acts. "cadenza report ${folder}" shows its scores.`,
    );
  const trained = stageOf(folder, description.trained);
  const { seed } = trained.settings as { seed: number };
  const { taught, evaluated } = openTasks(config);
  const most = (tasks: readonly Task[]) => tasks.slice(0, options.tasks);
  return {
    folder,
    config,
    model: new Model(config, family),
    agent: { compressorId: config.compressor, trained },
    /** Of the training run that the agent comes from. */
    seed,
    generated: stageOf(folder, trained.inputs.generate),
    histories: lazy(() => trainingHistories(run)),
    tasks: { train: most(taught), heldOut: most(evaluated) },
    episodes: options.episodes ?? config.evaluate.episodes,
    options,
    store: new StageCache(folder, context),
    executor: await readyExecutor(config.executor, context.progress.say),
    /** What every stage's output depends on besides its own settings and inputs. */
    shared: { env: config.env, split: config.split, executor: config.executor, seed: options.seed, ...datasetKey(config) },
  };
}
