/**
 * @file The source learns anew on the evaluated tasks, and trained models look on: each sees what any agent would that had acted there itself, Z of
 * what is past and the running episode.
 */

import { openPolicy, type PolicyRequest } from '../agent/inference.ts';
import type { StageContext } from '../cache/store.ts';
import { learningHistories, wantedOf } from '../histories/generate.ts';
import { openTasks } from '../histories/tasks.ts';
import { type ReplayOptions, replay } from '../play/index.ts';
import type { TrainedMethod } from '../retrieval/memory.ts';
import { lazy } from '../util/lazy.ts';
import { Random } from '../util/random.ts';
import type { Evaluation } from './rollouts.ts';

/**
 * Histories of the evaluated tasks, `each` a task: made as those for training were, when they are first asked for, from draws of their own, which
 * `purpose` tells apart.
 */
export const heldOutHistories = ({ config, executor, store: { signal }, model: { family } }: Evaluation, purpose: string, each: number) =>
  lazy(() => {
    const random = Random.seeded(config.seed).split(purpose);
    const wanted = openTasks(config).evaluated.flatMap(task => wantedOf(family, task, each, random));
    return learningHistories(config.source, { family, wanted, executor, signal });
  });

/** What such histories depend on. */
export function heldOutKey({ config: { env, split, source, seed, evaluate } }: Evaluation): Record<string, unknown> {
  return { env, split, source, seed, side: evaluate.tasks, maxTasks: evaluate.maxTasks };
}

export interface LookOnRequest
  extends Pick<PolicyRequest, 'retrieve' | 'onReturns'>,
    Pick<ReplayOptions, 'histories' | 'onStep'>,
    Pick<StageContext, 'progress' | 'signal'> {
  /** What is measured, for whoever waits. */
  readonly title: string;
}

/** Shows the histories to a trained model. */
export async function observe(evaluation: Evaluation, method: TrainedMethod, request: LookOnRequest): Promise<void> {
  const { title, histories, onStep, retrieve, onReturns, progress, signal } = request;
  const policy = await openPolicy({ ...evaluation, size: histories.length, retrieve, onReturns }, method);
  progress.start(`${title} ${method.method} (seed ${method.seed})`, Math.max(...histories.map(({ reward }) => reward.length)));
  await replay({ histories, policy, onStep, onProgress: done => progress.update(done), signal });
  progress.finish();
}
