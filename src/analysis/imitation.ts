/**
 * @file Accuracy and calibration on held-out tasks (method 6.2): trained models observe new histories of the source, and their action
 * probabilities are compared with those of the source.
 * Shape key: R histories, E episodes of a history, S sums, P numbers of a distribution, A (combinations of) actions.
 */

import { z } from 'zod';
import type { ExperimentConfig } from '../config/experiment.ts';
import { bootstrapRandom } from '../records/index.ts';
import type { TrainedMethod } from '../retrieval/memory.ts';
import { combinations, type EnvFamily, episodeStarts, type History } from '../rl/index.ts';
import { addStep, IMITATION_SUMS, type ImitationScore, type ImitationTable, imitationPieces, scoreStep } from '../statistics/index.ts';
import { breathing } from '../util/breathe.ts';
import { heldOutHistories, heldOutKey, observe } from './observe.ts';
import { resampledOf } from './protocol.ts';
import { type Evaluation, evaluationOf, retrievalOf } from './rollouts.ts';

const FILE = 'imitation.json';
/** [R × E × S] */
const sums = z.array(z.number());
/** References for the models, under the names of the same methods in the results table. */
const REFERENCES = { name: FILE, schema: z.strictObject({ tasks: z.array(z.string()), source: sums, random: sums }) };
const SUMS = { name: FILE, schema: z.strictObject({ sums }) };

/** Whether a comparison is possible. Imported histories have no available learner, and continuous actions no action probabilities. */
export const measuresImitation = ({ evaluate, source }: ExperimentConfig, { actionSpace }: EnvFamily): boolean =>
  evaluate.imitationHistories > 0 && source.dataset === undefined && actionSpace.kind !== 'box';

/** Accumulates scores of predicted actions, by history and episode. */
function tallyOf(family: EnvFamily, histories: readonly History[]) {
  /** [R][T] the episode of every step. */
  const episodeOf = histories.map(history => {
    const starts = episodeStarts(history);
    const of = new Int32Array(history.reward.length);
    for (let e = 0; e < starts.length - 1; e++) of.fill(e, starts[e], starts[e + 1]);
    return of;
  });
  const episodes = Math.max(...episodeOf.map(of => of[of.length - 1])) + 1;
  const sums = new Array<number>(histories.length * episodes * IMITATION_SUMS).fill(0);
  /** Adds step t of history i with [A] predicted probabilities. Steps without a choice do not count. */
  const add = (i: number, t: number, probabilities: ArrayLike<number>): void => {
    const { probabilities: label, reward } = histories[i];
    if (family.scored && !family.scored(histories[i], t)) return;
    const actions = label.length / reward.length;
    const at = (i * episodes + episodeOf[i][t]) * IMITATION_SUMS;
    addStep(sums, at, scoreStep(probabilities, 0, label, t * actions, actions));
  };
  return { sums, add };
}

/** The table of all trained models over their seeds, with the source's own distribution and uniform choice as references. */
export async function compareWithSource(evaluation: Evaluation, trained: readonly TrainedMethod[]): Promise<ImitationTable> {
  const { store, config, model } = evaluation;
  const { family } = model;
  const { imitationHistories: each, resamples } = config.evaluate;
  const histories = heldOutHistories(evaluation, 'imitation', each);
  const known = await store.compute({
    stage: 'imitation-references',
    settings: { ...heldOutKey(evaluation), histories: each },
    inputs: {},
    file: REFERENCES,
    run: async context => references(family, await histories(context)),
    report: ({ tasks }) => ({ histories: tasks.length }),
  });
  const collected = new Map<string, number[][]>();
  const compare = async (method: TrainedMethod) => {
    const memory = await retrievalOf(evaluation, method);
    const { value } = await store.compute({
      stage: `imitation-${method.method}-seed${method.seed}`,
      settings: { executor: config.executor, memory: memory?.settings },
      inputs: { references: known.key, model: method.trained.key, ...memory?.inputs },
      file: SUMS,
      async run({ progress, signal }) {
        const watched = await histories({ progress, signal });
        const retrieve = memory?.retriever(watched.map(({ taskKey }) => taskKey));
        const { sums, onStep } = answers(evaluation, method, watched);
        await observe(evaluation, method, { title: 'imitation', histories: watched, onStep, retrieve, progress, signal });
        return { sums };
      },
    });
    collected.set(method.method, [...(collected.get(method.method) ?? []), value.sums]);
  };
  await store.each(trained.map(method => () => compare(method)));
  const { tasks, ...bySource } = known.value;
  for (const [name, sums] of Object.entries(bySource)) collected.set(name, [sums]);
  const scores: Record<string, ImitationScore> = {};
  for (const [name, sums] of collected) {
    // All models use the same random stream, so that they share resamples.
    const random = bootstrapRandom(config.seed);
    const resampled = resampledOf(config, config.evaluate.imitationHistories);
    scores[name] = await breathing(imitationPieces({ tasks, sums, random, resamples, resampled }), store.signal);
  }
  return { histories: tasks.length, methods: scores };
}

/** Scores of the source's own distribution and of uniform choice: upper and lower references. */
function references(family: EnvFamily, histories: readonly History[]): z.output<typeof REFERENCES.schema> {
  const [source, random] = [tallyOf(family, histories), tallyOf(family, histories)];
  for (const [i, { probabilities, reward }] of histories.entries()) {
    const actions = probabilities.length / reward.length;
    const uniform = new Float64Array(actions).fill(1 / actions);
    for (let t = 0; t < reward.length; t++) {
      source.add(i, t, probabilities.subarray(t * actions, (t + 1) * actions));
      random.add(i, t, uniform);
    }
  }
  return { tasks: histories.map(({ taskKey }) => taskKey), source: source.sums, random: random.sums };
}

/** Accumulates the predictions of one model: the sums [R × E × S] and the observer that fills them. */
function answers(evaluation: Evaluation, method: TrainedMethod, histories: readonly History[]) {
  const { family, head } = evaluationOf(evaluation, method).model;
  const tally = tallyOf(family, histories);
  const recorded = new Float64Array(histories[0].probabilities.length / histories[0].reward.length);
  const rewrite = combinations(head.distribution);
  const onStep = (i: number, t: number, rows: Float32Array) => {
    rewrite(rows, i * head.distribution.size, recorded);
    tally.add(i, t, recorded);
  };
  return { sums: tally.sums, onStep };
}
