/**
 * @file The source learns again on the evaluated tasks, and trained models observe it. A model sees what it would see if it had acted itself: Z of
 * past episodes and the running episode.
 */

import { openPolicy, type PolicyRequest } from '../agent/inference.ts';
import type { StageContext } from '../cache/store.ts';
import { openTasks } from '../histories/tasks.ts';
import { sourceRequest, wantedOf } from '../histories/wanted.ts';
import { type ReplayOptions, replay } from '../play/index.ts';
import type { TrainedMethod } from '../retrieval/memory.ts';
import type { History } from '../rl/index.ts';
import { generateHistories } from '../sources/index.ts';
import { stageTitle } from '../util/progress.ts';
import { Random } from '../util/random.ts';
import type { Evaluation } from './rollouts.ts';

/**
 * Histories of the evaluated tasks, `each` per task, generated on demand like those for training. Random streams depend on `purpose`.
 */
export function heldOutHistories({ config, executor, model: { family } }: Evaluation, purpose: string, each: number) {
  let made: Promise<readonly History[]> | undefined;
  const make = async ({ progress, signal }: Pick<StageContext, 'progress' | 'signal'>) => {
    const random = Random.seeded(config.seed).split(purpose);
    const parts = openTasks(config).evaluated.map(task => ({ task, from: 0, to: each }));
    const wanted = [...wantedOf(config.source, family, parts, random)];
    progress.start(`${purpose}: histories`, wanted.length);
    const onProgress = (done: number) => progress.update(Math.floor(done));
    const histories = await generateHistories({ ...sourceRequest(config.source, family), wanted, executor, signal, onProgress });
    progress.finish();
    return histories;
  };
  return (context: Pick<StageContext, 'progress' | 'signal'>): Promise<readonly History[]> => {
    made ??= make(context);
    return made;
  };
}

/** What these histories depend on. */
export function heldOutKey({ config: { env, split, source, seed, evaluate } }: Evaluation): Record<string, unknown> {
  return { env, split, source, seed, side: evaluate.tasks, maxTasks: evaluate.maxTasks };
}

export interface ObserveRequest
  extends Pick<PolicyRequest, 'retrieve' | 'onReturns'>,
    Pick<ReplayOptions, 'histories' | 'onStep'>,
    Pick<StageContext, 'progress' | 'signal'> {
  /** Title for the progress line. */
  readonly title: string;
}

/** Lets a trained model observe the histories. */
export async function observe(evaluation: Evaluation, method: TrainedMethod, request: ObserveRequest): Promise<void> {
  const { title, histories, onStep, retrieve, onReturns, progress, signal } = request;
  const policy = await openPolicy({ ...evaluation, size: histories.length, retrieve, onReturns }, method);
  progress.start(stageTitle(`${title} ${method.method}`, method.seed), Math.max(...histories.map(({ reward }) => reward.length)));
  await replay({ histories, policy, onStep, onProgress: done => progress.update(done), signal });
  progress.finish();
}
