/** @file Returns on validation tasks while a stage trains: its current weights act in context, as in the evaluation (method 6). */

import { openActor } from '../agent/experience.ts';
import { zeros } from '../engine/index.ts';
import { lifeOf, periodsOf } from '../histories/life.ts';
import { openTasks } from '../histories/tasks.ts';
import { BUFFERS, PARAMETERS, pack, packing } from '../optim/index.ts';
import { playLife, rollout } from '../play/index.ts';
import type { Task } from '../rl/index.ts';
import type { BaseConfig } from '../settings/base.ts';
import { Random } from '../util/random.ts';
import type { BatchRequest, StageBatches, TrainingRun } from './define.ts';

/** Streams in each validation task. */
const STREAMS = 2;

/** What these returns depend on besides the weights; undefined where none are measured. */
export function validationSettings({ evaluate }: Pick<BaseConfig, 'evaluate'>) {
  const { every, maxTasks, episodes, sampling, window } = evaluate;
  return every === undefined ? undefined : { every, maxTasks, episodes, sampling, window, streams: STREAMS };
}

/**
 * Plays the agent of a stage on the validation tasks every `every` steps. All measurements draw the same random numbers, none of which training
 * draws, so that they differ by the weights alone and a resumed stage measures the same.
 */
export async function validationProbe(
  { model, config, seed, executor }: TrainingRun,
  compressorId: string,
  { trainable, buffers, frozen: constant, given }: BatchRequest,
  { every, maxTasks, streams, sampling }: NonNullable<ReturnType<typeof validationSettings>>,
): Promise<Required<Pick<StageBatches, 'probe' | 'dispose'>>> {
  const { family } = model;
  const tasks = openTasks(config)
    .validation.slice(0, maxTasks)
    .flatMap(task => new Array<Task>(streams).fill(task));
  const layouts = { [PARAMETERS]: packing(trainable), [BUFFERS]: packing(buffers) };
  const layout = packing(constant);
  const frozen = { layout, values: zeros([layout.size]) };
  const actor = await openActor({ model, compressorId, streams: tasks.length, executor, layouts, frozen, critic: false });
  const life = lifeOf(config);
  const periods = periodsOf(config);
  // As in the evaluation, returns are relative to the optimal ones where these are known; windows count an outcome.
  const unit = !life && family.oracleReturn ? tasks.reduce((sum, task) => sum + family.oracleReturn!(task), 0) : tasks.length;
  const score = (returns: Float64Array, counts: (period: number) => boolean, count: number) =>
    Number((returns.reduce((sum, each, i) => (counts(i % periods) ? sum + each : sum), 0) / (unit * count)).toPrecision(7));
  return {
    probe: {
      every,
      async measure(state) {
        // Statistics of the data are among the constants, and are known only after the batches are made.
        pack(layout, given, frozen.values.data as Float32Array);
        actor.load(state);
        const random = Random.seeded(seed).split('validation');
        const played = { family, tasks, policy: actor.policy, random, greedy: sampling === 'greedy' };
        const { returns } = await (life ? playLife({ ...played, ...life }) : rollout({ ...played, episodes: periods }));
        return { return: score(returns, () => true, periods), lastReturn: score(returns, period => period === periods - 1, 1) };
      },
    },
    dispose: actor.dispose,
  };
}
