/**
 * @file Return prediction error on held-out tasks (method 6.2): trained models observe new histories of the source, and at the start of every
 * episode predict its return and those of the following episodes.
 * Shape key: R histories, E episodes of a history, K predicted returns.
 */

import { z } from 'zod';
import type { StageOutput } from '../cache/store.ts';
import { loadHistories } from '../histories/generate.ts';
import { bootstrapRandom, type Reference } from '../records/index.ts';
import type { TrainedMethod } from '../retrieval/memory.ts';
import { episodeReturns, episodeStarts, type History } from '../rl/index.ts';
import { lastReturns, meanReturns, REFERENCES, type ReturnError, type ReturnTable, returnError } from '../statistics/index.ts';
import { breathe } from '../util/breathe.ts';
import { heldOutHistories, heldOutKey, observe } from './observe.ts';
import { resampledOf } from './protocol.ts';
import type { Evaluation } from './rollouts.ts';

const numbers = z.array(z.number());
/** Actual returns of the learner, and the mean return of every episode over the training histories. */
const ACTUAL = { name: 'actual.json', schema: z.strictObject({ tasks: z.array(z.string()), returns: numbers, trainingMean: numbers }) };
const PREDICTED = { name: 'predicted.json', schema: z.strictObject({ predicted: numbers }) };

/** The mean return of every episode, over all histories. */
function meanByEpisode(histories: readonly History[]): number[] {
  const all = histories.map(episodeReturns);
  return Array.from(all[0], (_, e) => all.reduce((sum, returns) => sum + returns[e], 0) / all.length);
}

/** The errors of all models that predict returns, over seeds, with those of simple predictors. Returns are normalized as in the evaluation. */
export async function returnPrediction(
  evaluation: Evaluation,
  generated: StageOutput,
  trained: readonly TrainedMethod[],
  reference: () => Reference,
): Promise<ReturnTable> {
  const { store, config, model } = evaluation;
  const { family } = model;
  const { count } = model.returns!;
  const { streams, resamples } = config.evaluate;
  const histories = heldOutHistories(evaluation, 'return-prediction', streams);
  const known = await store.compute({
    stage: 'returns-actual',
    settings: { ...heldOutKey(evaluation), streams },
    inputs: { generate: generated.key },
    file: ACTUAL,
    async run(context) {
      const watched = await histories(context);
      return {
        tasks: watched.map(({ taskKey }) => taskKey),
        returns: watched.flatMap(history => Array.from(episodeReturns(history))),
        trainingMean: meanByEpisode(loadHistories(generated, family).histories),
      };
    },
    report: ({ tasks }) => ({ histories: tasks.length }),
  });
  const collected = new Map<string, number[][]>();
  const predict = async (method: TrainedMethod) => {
    const { value } = await store.compute({
      stage: `returns-${method.method}-seed${method.seed}`,
      settings: { executor: config.executor },
      inputs: { actual: known.key, model: method.trained.key },
      file: PREDICTED,
      async run({ progress, signal }) {
        const watched = await histories({ progress, signal });
        const { predicted, ...asked } = predictions(watched, count);
        await observe(evaluation, method, { title: 'predict returns', histories: watched, ...asked, progress, signal });
        return { predicted: predicted.flat() };
      },
    });
    collected.set(method.method, [...(collected.get(method.method) ?? []), value.predicted]);
  };
  await store.each(trained.filter(({ predictsReturns }) => predictsReturns).map(method => () => predict(method)));
  const actual = known.value;
  const { scales } = reference();
  collected.set(REFERENCES.mean, [meanReturns(actual, actual.trainingMean, count)]);
  collected.set(REFERENCES.last, [lastReturns(actual, count)]);

  const errors: Record<string, ReturnError> = {};
  for (const [name, predicted] of collected) {
    await breathe(store.signal);
    // All predictors use the same random stream, so that they share resamples.
    const random = bootstrapRandom(config.seed);
    errors[name] = returnError({ actual, predicted, count, scales, random, resamples, resampled: resampledOf(config) });
  }
  return { histories: actual.tasks.length, predictors: errors };
}

/** The predictions of one model at the start of every episode, [R][E × K], and the observer that records them. */
function predictions(histories: readonly History[], count: number) {
  let said: Float32Array = new Float32Array();
  const firsts = histories.map(history => new Set([...episodeStarts(history)].slice(0, -1)));
  const predicted = histories.map(() => [] as number[]);
  return {
    predicted,
    onReturns(returns: Float32Array) {
      said = returns;
    },
    onStep(i: number, t: number) {
      if (firsts[i].has(t)) predicted[i].push(...said.subarray(i * count, (i + 1) * count));
    },
  };
}
