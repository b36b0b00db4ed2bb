/**
 * @file Stage `retrieve`: A_φ learns to use retrieved contexts in addition to its own Z, with C_θ frozen (method 7.1). Z and the nearest
 * contexts of each context are computed once, so that a training step only runs the policy.
 * Shape key: B batch, N contexts, M latents, D width, K retrieved contexts.
 */

import { z } from 'zod';
import { type Model, PARTS } from '../../agent/model.ts';
import { lossOf, Pass } from '../../agent/terms.ts';
import type { StageContext, StageOutput } from '../../cache/store.ts';
import { type HostTensor, zeros } from '../../engine/index.ts';
import { encodeStreams, firstRows, loadTable, type StreamTable, saveTable, shownTo } from '../../retrieval/table.ts';
import { firstOfEach, type History } from '../../rl/index.ts';
import type { BaseConfig } from '../../settings/base.ts';
import { count, distinct, fraction, stageSection, steps } from '../../settings/fields.ts';
import { STORE_IDS, STORES, type StoreId } from '../../settings/stores.ts';
import { BatchSampler, newBatch } from '../../tokenizers/index.ts';
import { breathe } from '../../util/breathe.ts';
import { stageTitle } from '../../util/progress.ts';
import { feedsOf } from '../batches.ts';
import { agentOf, type BatchRequest, defineStage, type Objective, type StageBatches, type TrainingRun } from '../define.ts';
import { trainOnHistories } from '../stage.ts';

const settings = stageSection('Training of the policy with retrieved contexts, after fine-tuning, with the compressor frozen', {
  steps: steps('Number of training steps. The stage only runs if policy.retrieval.contexts is above 0').default(600),
  histories: count(
    'Number of streams per task in the context database: learning histories of training tasks and, in evaluations, earlier streams of evaluated tasks',
  ).default(8),
  laterQueryProbability: fraction(
    'Probability that the query episode of a sample is drawn from later in the history, if all its retrieved contexts belong to its own task. Later, the source has learned what these contexts reveal',
  )
    .meta({ formerly: 'ahead' })
    .default(1),
  stores: distinct(z.enum(STORE_IDS), 'store')
    .min(1)
    .describe(
      'Context databases to retrieve from: contexts of other tasks (others), of the same task (own), of both (all) or none. Training draws one per sample; the evaluation has one method for each',
    )
    .default(['others', 'own', 'none']),
});

/** The section of the configuration that the stage reads. */
type Config = { readonly retrieve: z.output<typeof settings> };

/** The histories that the stage trains on and whose contexts it stores. */
const storedHistories = ({ config, histories }: TrainingRun<Config>): readonly History[] =>
  firstOfEach(histories(), config.retrieve.histories);

/** The table of Z over training histories, with the retrieved contexts of every context in each database. */
export function trainingContexts(run: TrainingRun<Config>, agent: StageOutput): Promise<StageOutput> {
  const { config, seed, model, executor, generated, store } = run;
  const { retrieval } = config.policy;
  const { histories, stores } = config.retrieve;
  return store.run({
    stage: `contexts-seed${seed}`,
    settings: { histories, stores, retrieval, executor: config.executor },
    inputs: { generate: generated.key, agent: agent.key },
    async run({ folder, progress, signal }) {
      const recordings = storedHistories(run).map(history => ({ past: history, task: history.taskKey, stream: history.stream }));
      const title = stageTitle('contexts', seed);
      const request = { model, executor, agent: { compressorId: config.compressor, trained: agent }, title, progress, signal };
      const table = await encodeStreams(request, recordings);
      const began = performance.now();
      const columns: Record<string, Int32Array> = {};
      for (const id of stores) columns[`shown.${id}`] = await allShown(table, run, id, { progress, signal });
      saveTable(folder, table, columns);
      const lookUpSeconds = Math.round(performance.now() - began) / 1000;
      return { contexts: table.rows.length, streams: recordings.length, lookUpSeconds };
    },
  });
}

/** [N × K] rows of the contexts that each context retrieves from a database, nearest first; −1 in empty slots. */
async function allShown(
  table: StreamTable,
  { config, seed }: TrainingRun<Config>,
  store: StoreId,
  { progress, signal }: Pick<StageContext, 'progress' | 'signal'>,
): Promise<Int32Array> {
  const { retrieval } = config.policy;
  const shown = new Int32Array(table.rows.length * retrieval.contexts).fill(-1);
  progress.start(stageTitle(`retrieve from "${store}"`, seed), table.rows.length);
  for (const [index, { task, stream }] of table.rows.entries()) {
    // The last context of a stream has no next episode, so it cannot be a query.
    if (table.last[index] !== index)
      shown.set(shownTo(table, { ...table, task, stream, index }, retrieval, STORES[store]), index * retrieval.contexts);
    if (index % 64 !== 0) continue;
    await breathe(signal);
    progress.update(index);
  }
  progress.finish();
  return shown;
}

const termsOf = () => [{ term: 'task', weight: 1 }];

const objective = ({ compressor, policy }: BaseConfig, model: Model): Objective => ({
  name: 'retrieve',
  compressor,
  trains: [PARTS.policy],
  build: (scope, batch) => lossOf(new Pass(model, scope, compressor, batch, { retrieved: policy.retrieval.contexts }), termsOf()),
});

/** Trains the policy on its own Z and on the contexts retrieved with it. */
export const retrieve = defineStage({
  name: 'retrieve',
  settings,
  needs: 'policy.retrieval.contexts above 0',
  steps: ({ policy, retrieve }: BaseConfig & Config) => (policy.retrieval.contexts > 0 ? retrieve.steps : 0),
  parts: ({ retrieve: { steps } }) => [{ name: 'contexts' }, { name: 'retrieve', steps }],
  terms: termsOf,
  objectives: (config, model: Model) => [objective(config, model)],
  // The stage does not train return prediction.
  methods: ({ retrieve }) => retrieve.stores.map(store => ({ method: STORES[store].method, retrieves: STORES[store].holds.evaluated })),
  async train(run: TrainingRun<Config>, earlier) {
    const { model, config } = run;
    const { compressor: kind, policy } = config;
    const { histories, stores, laterQueryProbability } = config.retrieve;
    const agent = agentOf(earlier);
    const contexts = await trainingContexts(run, agent);
    const output = await trainOnHistories(run, {
      ...objective(config, model),
      own: config.retrieve,
      settings: { compressor: kind, latents: config.latents, retrieval: policy.retrieval, histories, stores, laterQueryProbability },
      from: { agent },
      data: { contexts: contexts.key },
      batches: async request => retrievalBatches(run, contexts, request),
    });
    const row = { compressorId: kind, trained: output, retrieved: policy.retrieval.contexts };
    const memory = { contexts, agent: { compressorId: kind, trained: agent } };
    return { output, methods: stores.map(store => ({ method: STORES[store].method, ...row, memory: { store, ...memory } })) };
  },
});

/**
 * Batches of the stored histories. Each sample draws a database and sees the contexts retrieved from it next to its own Z. If all of them
 * belong to its own task, the query comes from later in the history with probability `laterQueryProbability`: at the sample's own
 * position, the source does not know yet what these contexts reveal, so imitating it would teach the policy to ignore them.
 */
export function retrievalBatches(
  run: TrainingRun<Config>,
  contexts: StageOutput,
  { optimizer, random }: Pick<BatchRequest, 'optimizer' | 'random'>,
) {
  const { model, config } = run;
  const { table, columns } = loadTable(contexts.folder);
  const first = firstRows(table.rows);
  const histories = storedHistories(run);
  const [B, K] = [optimizer.batch, config.policy.retrieval.contexts];
  const { stores, laterQueryProbability } = config.retrieve;
  const latentShape = model.latentShape(config.compressor)!;
  const shape = model.batchShape(B);
  const batch = newBatch(model.tokenizer, shape);
  const sampler = new BatchSampler(histories, model.tokenizer, shape, { early: config.queries.earlyEpisodeFraction });
  const [latents, retrieved, present] = [zeros([B, ...latentShape]), zeros([B, K, ...latentShape]), zeros([B, K])];
  const width = table.latents.length / table.rows.length;
  const copy = (row: number, into: HostTensor, at: number) =>
    into.data.set(table.latents.subarray(row * width, (row + 1) * width), at * width);
  const feeds: Readonly<Record<string, HostTensor>> = { ...feedsOf(model.inputs(B), batch), latents, retrieved, present };
  return {
    feeds,
    fill(step) {
      const draws = random.split('batch', step);
      for (const { data } of Object.values(feeds)) data.fill(0);
      for (let b = 0; b < B; b++) {
        const place = sampler.draw(draws);
        const row = first[place.h] + place.s;
        copy(row, latents, b);
        const slots = columns[`shown.${stores[draws.integer(stores.length)]}`].subarray(row * K, (row + 1) * K);
        const shown = slots.filter(other => other >= 0);
        for (const [k, other] of shown.entries()) {
          copy(other, retrieved, b * K + k);
          present.data[b * K + k] = 1;
        }
        const ownTask = shown.length > 0 && shown.every(other => table.rows[other].task === table.rows[row].task);
        sampler.write(batch, b, ownTask && draws.uniform() < laterQueryProbability ? sampler.drawLater(place, draws) : place);
      }
    },
  } satisfies StageBatches;
}
