/**
 * @file Evaluation on recordings, for environments that are not installed: every method predicts the action labels in histories of held-out tasks,
 * given the recorded context and running episode.
 */

import { join } from 'node:path';
import { z } from 'zod';
import { exportModel, weightsOf } from '../agent/inference.ts';
import { type Model, withWeights } from '../agent/model.ts';
import { rolloutSettings } from '../analysis/protocol.ts';
import { type Evaluation, evaluationOf } from '../analysis/rollouts.ts';
import type { StageFile } from '../cache/store.ts';
import type { ExperimentConfig } from '../config/experiment.ts';
import { datasetHistories } from '../data/index.ts';
import { optimize, toOnnx } from '../engine/index.ts';
import { generatedReport, loadHistories } from '../histories/generate.ts';
import { datasetKey, datasetOf } from '../histories/imported.ts';
import { auditTasks, openTasks } from '../histories/tasks.ts';
import { Scope } from '../nn/index.ts';
import {
  type Along,
  describeRecordedIntervals,
  type PerMeasure,
  RECORDED_FORMAT,
  type RecordedMethodResult,
  type RecordedResults,
  type RecordedScore,
  RecordedTaskScorer,
  recordedResult,
  scoreIntegers,
  scoreReals,
} from '../records/index.ts';
import type { TrainedMethod } from '../retrieval/memory.ts';
import { combinations, episodeStarts, type History, segmentStarts } from '../rl/index.ts';
import { newBatch, writeSegment } from '../tokenizers/index.ts';
import { breathe } from '../util/breathe.ts';
import { CadenzaError } from '../util/errors.ts';
import { fields } from '../util/formats.ts';
import { stageTitle } from '../util/progress.ts';
import { Random } from '../util/random.ts';
import { expectBuildable } from './buildable.ts';
import { type ExperimentKind, runsUntil } from './kind.ts';
import { type HistoryData, onHistories } from './reinforcement.ts';
import { commonResults } from './results.ts';

const mean = z.number().optional();
const means = { crossEntropy: mean, accuracy: mean, negativeLogLikelihood: mean, squaredError: mean, steps: z.int() };
const place = fields<NonNullable<RecordedScore['along'][number]>>({ ...means, episode: z.number() });
const SCORES: StageFile<readonly RecordedScore[]> = {
  name: 'scores.json',
  schema: z.array(fields<RecordedScore>({ ...means, task: z.string(), along: z.array(place.nullable()) })),
};
/** Segments scored in one call. */
const BATCH = 32;

/** The evaluation of an experiment with one data set. */
interface RecordedEvaluation {
  readonly evaluation: HistoryData;
  readonly agent: TrainedMethod;
  readonly methods: Record<string, RecordedMethodResult>;
  readonly tasks: number;
}

/** Experiments whose environment is not installed: trained like others, but scored on recordings of held-out tasks. */
export const recorded: ExperimentKind<ExperimentConfig, HistoryData, RecordedEvaluation, RecordedResults> = {
  ...onHistories,
  name: 'recorded',
  acts: false,
  expectBuildable: (config, until) =>
    expectBuildable(config, {
      plays:
        (config.reinforce.steps > 0 && runsUntil(onHistories, until, 'reinforce')) ||
        (until === 'evaluate' && (config.policy.retrieval.contexts > 0 || config.evaluate.envs.length > 0)),
    }),
  async evaluate(evaluation, trained) {
    const { store, config, model, generated } = evaluation;
    const recordings = heldOutRecordings(evaluation);
    const collected = new Map<string, (readonly RecordedScore[])[]>();
    const keep = (method: string, scores: readonly RecordedScore[]) => collected.set(method, [...(collected.get(method) ?? []), scores]);
    await store.each(trained.map(method => async () => keep(method.method, await scoreModel(evaluation, method, recordings))));
    keep('frequencies', scoreFrequencies(model, loadHistories(generated, model.family).histories, recordings));
    const methods: Record<string, RecordedMethodResult> = {};
    for (const [name, seeds] of collected) {
      await breathe(store.signal);
      // All methods use the same random stream, so that they share resamples.
      methods[name] = recordedResult(seeds, config.evaluate.resamples, Random.seeded(config.seed).split('bootstrap'));
    }
    const agent = trained.find(({ method }) => method === 'cad')!;
    return { evaluation, agent, methods, tasks: recordings.byTask.size };
  },
  async results(config, [{ evaluated: main }, ...tables], { out, command, seconds }) {
    await exportModel(main.evaluation, main.agent, join(out, 'model'));
    const { resamples, tasks: side } = config.evaluate;
    const { dataHash, imported } = generatedReport(main.evaluation.generated);
    const provenance = { command, seconds, dataHashes: { main: dataHash }, imported: { main: imported } };
    return {
      format: RECORDED_FORMAT,
      ...commonResults(config, provenance),
      environment: config.env.id,
      labels: datasetOf(config)!.labels,
      tasks: main.tasks,
      intervalNote: describeRecordedIntervals({ tasks: main.tasks, side, resamples, seeds: config.seeds.length }),
      methods: main.methods,
      ...(tables.length > 0 ? { tables: Object.fromEntries(tables.map(({ name, evaluated }) => [name, evaluated.methods])) } : {}),
      split: auditTasks(config),
    };
  },
  planned: (config, until) => ({
    data: onHistories.plannedData(config, until),
    evaluation: trained => trained.map(({ method, seed }) => `evaluate-${method}-seed${seed}`),
  }),
};

/** One recorded segment: segment i of a history is [starts[i], starts[i + 1]). */
type Place = Along & { readonly history: History; readonly starts: Int32Array; readonly s: number };

interface Recordings {
  readonly byTask: ReadonlyMap<string, readonly Place[]>;
  /** Number of positions along a history to report separately. */
  readonly places: number;
}

/**
 * The recordings to score: for every evaluated task, `evaluate.episodes` evenly spaced segments of each of the first `evaluate.streams`
 * histories. Throws `E_SPLIT` if the data set has no histories of a task, which means that it was modified.
 */
function heldOutRecordings({ config, model: { family, segment } }: Evaluation): Recordings {
  const all = datasetHistories(config.source.dataset!, datasetOf(config)!);
  const { streams, episodes } = config.evaluate;
  const found = openTasks(config).evaluated.map(task => {
    const key = family.taskKey(task);
    const own = all.filter(({ taskKey }) => taskKey === key).slice(0, streams);
    if (own.length === 0)
      throw new CadenzaError(
        'E_SPLIT',
        `${config.source.dataset} has no histories of ${key}, although it lists this task. Import the data set again.`,
      );
    return { key, own: own.map(history => ({ history, starts: segmentStarts(history, segment) })) };
  });
  const longest = Math.max(...found.flatMap(({ own }) => own.map(({ starts }) => starts.length - 1)));
  const places = Math.min(episodes, longest);
  return { places, byTask: new Map(found.map(({ key, own }) => [key, own.flatMap(each => placesOf(each, places))])) };
}

/** Up to `most` evenly spaced segments of a history, including the last. The position of a segment is its fraction of the history times `most`. */
function placesOf({ history, starts }: Pick<Place, 'history' | 'starts'>, most: number): Place[] {
  const episodes = episodeStarts(history);
  const segments = starts.length - 1;
  const count = Math.min(segments, most);
  return Array.from({ length: count }, (_, i) => {
    const upTo = (whole: number) => Math.ceil(((i + 1) * whole) / count) - 1;
    const s = upTo(segments);
    return { history, starts, s, place: upTo(most), episode: episodes.subarray(0, -1).filter(start => start <= starts[s]).length };
  });
}

/** Scores a trained model, or returns its cached scores. */
async function scoreModel(evaluation: Evaluation, of: TrainedMethod, recordings: Recordings): Promise<readonly RecordedScore[]> {
  const { byTask, places: along } = recordings;
  const { method, compressorId: kind, trained, seed } = of;
  const { store, config, model, executor } = evaluationOf(evaluation, of);
  const { split } = config;
  const { sampling: _, ...protocol } = rolloutSettings(config);
  const { value } = await store.compute({
    stage: `evaluate-${method}-seed${seed}`,
    settings: { split, protocol, along, scored: takesReals(model) ? 'reals' : undefined, executor: config.executor, ...datasetKey(config) },
    inputs: { model: trained.key },
    file: SCORES,
    async run({ progress, signal }) {
      progress.start(stageTitle(`evaluate ${method}`, seed), byTask.size);
      const shape = model.batchShape(BATCH);
      const batch = newBatch(model.tokenizer, shape);
      const { context, query } = model.inputs(BATCH);
      const scope = new Scope();
      const logits = model.logits(scope, query, model.latents(scope, kind, { context })?.settled);
      const outputs = { probabilities: model.head.rows(logits) };
      const graph = withWeights({ outputs }, weightsOf({ trained }), new Set(['context', 'query']));
      const program = await executor.compile(toOnnx(optimize(graph)));
      const host = (data: Float32Array, like: typeof query) => ({ data, shape: like.shape, dtype: 'float32' as const });
      const feeds = {
        ...(model.latentShape(kind) && { context: host(batch.context, context) }),
        query: host(batch.query, query),
      };
      const { actions, segment } = shape;
      const score = stepScores(model);
      const scores: RecordedScore[] = [];
      for (const [task, places] of byTask) {
        signal.throwIfAborted();
        const scorer = new RecordedTaskScorer(along);
        for (let from = 0; from < places.length; from += BATCH) {
          const part = places.slice(from, from + BATCH);
          for (const column of [batch.context, batch.query, batch.weight]) column.fill(0);
          for (const [b, { history, starts, s }] of part.entries()) writeSegment(model.tokenizer, shape, batch, b, history, starts, s);
          const { probabilities } = await program.run(feeds, ['probabilities']);
          for (const [b, place] of part.entries()) {
            const { history, starts, s } = place;
            for (let t = starts[s]; t < starts[s + 1]; t++)
              scorer.add(place, score(probabilities.data as Float32Array, (b * segment + t - starts[s]) * actions, history, t));
          }
        }
        scores.push(scorer.score(task));
        progress.update(scores.length);
      }
      await program.dispose();
      progress.finish();
      return scores;
    },
  });
  return value;
}

const takesReals = ({ family }: Model) => family.actionSpace.kind === 'box';

/** Scores a predicted distribution, `rows[at …]`, against the action label of step t of a history. */
function stepScores(model: Model): (rows: ArrayLike<number>, at: number, history: History, t: number) => PerMeasure<number> {
  const { distribution } = model.head;
  const labelSize = ({ probabilities, reward }: History) => probabilities.length / reward.length;
  // The label of continuous actions starts with their means.
  if (takesReals(model)) return (rows, at, history, t) => scoreReals(distribution, rows, at, history.probabilities, t * labelSize(history));
  const rewrite = combinations(distribution);
  let recorded = new Float64Array();
  return (rows, at, history, t) => {
    const actions = labelSize(history);
    if (recorded.length !== actions) recorded = new Float64Array(actions);
    rewrite(rows, at, recorded);
    return scoreIntegers(recorded, 0, history.probabilities, t * actions, actions);
  };
}

/** The constant baseline: predicts the mean label of the training histories; a Gaussian head predicts their mean and deviation. */
function scoreFrequencies(model: Model, training: readonly History[], { byTask, places: along }: Recordings): RecordedScore[] {
  const { distribution, writeTarget, choice } = model.head;
  const { size, width } = distribution;
  const row = new Float32Array(size);
  const total = new Float64Array(size);
  let steps = 0;
  for (const { probabilities, reward } of training) {
    steps += reward.length;
    for (let t = 0; t < reward.length; t++) {
      writeTarget(probabilities, (t * probabilities.length) / reward.length, row, 0);
      // Second moments instead of standard deviations.
      if (choice?.kind === 'gaussian') for (let i = 0; i < width; i++) row[width + i] = row[i] ** 2 + row[width + i] ** 2;
      for (let i = 0; i < size; i++) total[i] += row[i];
    }
  }
  const frequencies = total.map(value => value / steps);
  if (choice?.kind === 'gaussian')
    for (let i = 0; i < width; i++) frequencies[width + i] = Math.sqrt(Math.max(0, frequencies[width + i] - frequencies[i] ** 2));
  const score = stepScores(model);
  return [...byTask].map(([task, places]) => {
    const scorer = new RecordedTaskScorer(along);
    for (const place of places)
      for (let t = place.starts[place.s]; t < place.starts[place.s + 1]; t++) scorer.add(place, score(frequencies, 0, place.history, t));
    return scorer.score(task);
  });
}
