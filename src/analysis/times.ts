/**
 * @file Wall times of every method: an action as deployed (one stream, one context compressed at a time), training and evaluation. Times depend on
 * the machine and its load, so they are part of the run's record and not of its results.
 */

import { openPolicy } from '../agent/inference.ts';
import { machine } from '../cache/provenance.ts';
import { reportOf } from '../cache/store.ts';
import { openTasks } from '../histories/tasks.ts';
import { type Latency, latencyOf, timedPlayer } from '../play/index.ts';
import type { MethodTable, MethodTimes } from '../records/index.ts';
import { LATENCY } from '../records/results-format.ts';
import type { TrainedMethod } from '../retrieval/memory.ts';
import { mean } from '../statistics/index.ts';
import { Random } from '../util/random.ts';
import { type Evaluation, evaluationOf, retrievalOf } from './rollouts.ts';

/** Minimum number of timed segments and of warm-up segments. The first runs of a graph are slower. */
const [SEGMENTS, WARM_UP] = [3, 2];

/**
 * Times of all methods of the main table. Call it in one process, while no other part of the run is active.
 *
 * @param methods the methods of the table. Actions of those in `trained` are timed.
 */
export async function measureTimes(
  evaluation: Evaluation,
  trained: readonly TrainedMethod[],
  methods: MethodTable,
): Promise<Record<string, MethodTimes>> {
  const { store, config } = evaluation;
  const times: Record<string, MethodTimes> = {};
  for (const [name, { budget }] of Object.entries(methods)) {
    const seconds = (stages: readonly string[]) =>
      mean(config.seeds.map(seed => stages.reduce((sum, stage) => sum + store.seconds[`${stage}-seed${seed}`], 0)));
    const model = trained.find(({ method }) => method === name);
    const action = model && config.evaluate.timedActions > 0 ? await actionTime(evaluation, model) : undefined;
    times[name] = {
      ...(budget ? { training: seconds(budget.map(({ stage }) => stage)) } : {}),
      evaluation: seconds([`evaluate-${name}`]),
      ...(action ? { action } : {}),
    };
  }
  return times;
}

/** Times actions of a trained model, or returns cached times of this machine. */
async function actionTime(evaluation: Evaluation, method: TrainedMethod): Promise<Latency> {
  const { store, config } = evaluation;
  const { family, segment } = evaluationOf(evaluation, method).model;
  const memory = await retrievalOf(evaluation, method);
  const { timedActions: timed } = config.evaluate;
  const output = await store.run({
    stage: `time-${method.method}`,
    settings: { timed, executor: config.executor, machine: machine(), memory: memory?.settings },
    inputs: { model: method.trained.key, ...memory?.inputs },
    async run({ progress, signal }) {
      const [task] = openTasks(config).evaluated;
      progress.start(`time ${method.method}`, 1);
      const policy = await openPolicy({ ...evaluation, size: 1, compress: 1, retrieve: memory?.retriever([family.taskKey(task)]) }, method);
      const play = timedPlayer({ family, task, policy, segment, random: Random.seeded(method.seed).split('time'), signal });
      await play(WARM_UP * segment);
      const latency = latencyOf(await play(Math.max(timed, SEGMENTS * segment)));
      progress.finish();
      return { ...latency };
    },
  });
  store.expectFinished();
  return reportOf(output, LATENCY);
}
