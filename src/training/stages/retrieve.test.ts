import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { inferenceGraphs } from '../../agent/inference.ts';
import { Model } from '../../agent/model.ts';
import { StageCache, type StageOutput } from '../../cache/store.ts';
import { loadExperiment } from '../../config/experiment.ts';
import { nodeExecutor } from '../../engine/executors/node.ts';
import { type HostTensor, interpret } from '../../engine/index.ts';
import { generate, loadHistories } from '../../histories/generate.ts';
import { openTasks } from '../../histories/tasks.ts';
import { retrieverOf } from '../../retrieval/memory.ts';
import { firstRows, joinTables, loadTable, type StreamTable, shownTo } from '../../retrieval/table.ts';
import { firstOfEach, type History, segmentStarts } from '../../rl/index.ts';
import { STORE_IDS, STORES } from '../../settings/stores.ts';
import { writePast } from '../../tokenizers/index.ts';
import { silentProgress } from '../../util/progress.ts';
import { Random } from '../../util/random.ts';
import type { TrainingRun } from '../define.ts';
import { finetune } from './finetune.ts';
import { type StageSections, stageOptimizer } from './index.ts';
import { retrievalBatches, trainingContexts } from './retrieve.ts';

const TINY = fileURLToPath(new URL('../../../experiments/tiny.yaml', import.meta.url));
const out = mkdtempSync(join(tmpdir(), 'cadenza-retrieve-'));
afterAll(() => rmSync(out, { recursive: true, force: true }));

const SETTINGS = [
  'source={maxTasks: 6, histories: 4, episodes: 4}',
  'retrieve={histories: 3, stores: [others, own, all, none]}',
  'policy.retrieval={contexts: 2}',
  'finetune={steps: 2, beta: 0}',
];

async function prepare(
  overrides: readonly string[],
): Promise<{ run: TrainingRun<StageSections>; agent: StageOutput; contexts: StageOutput }> {
  const config = loadExperiment(TINY, [...SETTINGS, ...overrides]);
  const { family } = openTasks(config);
  const store = new StageCache(out, { progress: silentProgress, signal: new AbortController().signal });
  const generated = await generate(store, config, nodeExecutor());
  const { histories } = loadHistories(generated, family);
  const model = new Model(config, family);
  const run = { store, config, seed: 0, model, histories: () => histories, generated, executor: nodeExecutor(config.executor) };
  const agent = (await finetune.train(run, {})).output!;
  return { run, agent, contexts: await trainingContexts(run, agent) };
}

/** How the past reaches the compressor, and what Z is made of. */
const CASES: Record<string, string[]> = {
  'continuous latents': [],
  'segments that are pieces of episodes': ['context={segment: 8, segments: 4}'],
  codes: ['latents={kind: fsq, groups: 2}', 'policy.retrieval.metric=hamming'],
  'a compressor that goes on from its latents': ['compressor=recurrent'],
};

describe.each(Object.entries(CASES))('the table of training contexts, with %s', (_, overrides) => {
  let made: Awaited<ReturnType<typeof prepare>>;
  let table: StreamTable;
  let columns: Readonly<Record<string, Int32Array>>;
  let config: TrainingRun<StageSections>['config'];
  let histories: readonly History[];
  beforeAll(async () => {
    made = await prepare(overrides);
    ({ config } = made.run);
    ({ table, columns } = loadTable(made.contexts.folder));
    histories = firstOfEach(made.run.histories(), config.retrieve.histories);
  }, 60_000);

  it('holds every context of as many histories of each task as asked for, in order', () => {
    expect(histories).toHaveLength(6 * 3);
    const expected = histories.flatMap(history => {
      const segments = segmentStarts(history, made.run.model.segment).length - 1;
      return Array.from({ length: segments + 1 }, (_, count) => ({ task: history.taskKey, stream: history.stream, segments: count }));
    });
    expect(table.rows).toEqual(expected);
    for (const [row, last] of table.last.entries()) {
      expect(table.rows[last].stream).toBe(table.rows[row].stream);
      expect(table.rows[last + 1]?.stream).not.toBe(table.rows[row].stream);
    }
  });

  it("holds what the agent's compressor makes of each", () => {
    const { model } = made.run;
    const {
      compress,
      recurrent,
      context: shape,
    } = inferenceGraphs(model, { compressorId: config.compressor, trained: made.agent }, { compress: 1, act: 1 });
    const first = firstRows(table.rows);
    const width = table.latents.length / table.rows.length;
    const zeros = new Float32Array(width);
    for (const h of [0, 7]) {
      const starts = segmentStarts(histories[h], model.segment);
      let state: ArrayLike<number> = zeros;
      for (let count = recurrent ? 1 : 0; count < starts.length; count++) {
        const { tokensPerTransition, context: layout } = model.tokenizer;
        const context = new Float32Array(shape.contextTransitions * tokensPerTransition * layout.width);
        writePast(model.tokenizer, context, 0, shape, histories[h], starts, count);
        const { latents, next } = interpret(compress!, recurrent ? { context, state } : { context });
        state = next;
        const row = table.latents.slice((first[h] + count) * width, (first[h] + count + 1) * width);
        for (const [i, value] of row.entries()) expect(value).toBeCloseTo(latents[i], 3);
      }
      if (recurrent) expect(table.latents.slice(first[h] * width, (first[h] + 1) * width)).toEqual(zeros);
    }
  });

  it.each(STORE_IDS)('never shows a context of the own stream, nor one that the store "%s" does not have', store => {
    const K = config.policy.retrieval.contexts;
    const shown = columns[`shown.${store}`];
    expect(shown).toHaveLength(table.rows.length * K);
    let found = 0;
    for (const [row, query] of table.rows.entries()) {
      const slots = [...shown.slice(row * K, (row + 1) * K)];
      const filled = slots.filter(other => other >= 0);
      // The last context of a stream is no query; slots are filled from the nearest on.
      if (table.last[row] === row) expect(filled).toEqual([]);
      expect(slots.slice(filled.length).every(other => other === -1)).toBe(true);
      const streams = filled.map(other => table.rows[other].stream);
      expect(streams).not.toContain(query.stream);
      expect(new Set(streams).size).toBe(streams.length);
      for (const other of filled) {
        found++;
        expect(STORES[store].accepts(query, table.rows[other])).toBe(true);
        // What is shown of a stream is how it ended.
        expect(table.last[other]).toBe(other);
      }
      // Three histories of each task: two others.
      if (table.last[row] !== row) expect(filled).toHaveLength(store === 'none' ? 0 : 2);
    }
    expect(found > 0).toBe(store !== 'none');
  });

  it('gives every sample of a batch its own Z, and what it is shown in a store, equally for equal steps', () => {
    const { run, contexts } = made;
    const optimizer = stageOptimizer(config, 'retrieve');
    const open = () => retrievalBatches(run, contexts, { optimizer, random: Random.seeded(3) });
    const { feeds, fill } = open();
    const [B, K] = [optimizer.batch, config.policy.retrieval.contexts];
    const width = table.latents.length / table.rows.length;
    const rowOf = (values: ArrayLike<number>, at: number) => [...Array.from(values).slice(at * width, (at + 1) * width)];
    const known = new Map<string, number[]>();
    for (let row = 0; row < table.rows.length; row++) {
      const key = rowOf(table.latents, row).join();
      known.set(key, [...(known.get(key) ?? []), row]);
    }
    const stores = new Set<string>();
    for (const step of [0, 1, 2]) {
      fill(step);
      for (let b = 0; b < B; b++) {
        const rows = known.get(rowOf(feeds.latents.data, b).join());
        expect(rows, 'the own Z is one of the table').toBeDefined();
        const slots = Array.from({ length: K }, (_, k) =>
          feeds.present.data[b * K + k] ? rowOf(feeds.retrieved.data, b * K + k).join() : 'empty',
        );
        const inStore = (id: string, row: number) =>
          [...columns[`shown.${id}`].slice(row * K, (row + 1) * K)].map(other =>
            other < 0 ? 'empty' : rowOf(table.latents, other).join(),
          );
        const fitting = config.retrieve.stores.filter(id => rows!.some(row => inStore(id, row).join() === slots.join()));
        expect(fitting.length).toBeGreaterThan(0);
        for (const id of fitting) stores.add(id);
      }
    }
    expect([...stores].sort()).toEqual([...STORE_IDS].sort());
    const again = open();
    again.fill(2);
    for (const [name, { data }] of Object.entries(feeds)) expect(again.feeds[name as keyof typeof feeds].data).toEqual(data);
  });
});

describe('the query of a sample', () => {
  /** Shares of samples of three batches whose query is the own segment, and is one of the second half of its history not before that. */
  async function shares(store: string, ahead: number): Promise<{ own: number; later: number }> {
    const { run, contexts } = await prepare([`retrieve={histories: 3, stores: [${store}], laterQueryProbability: ${ahead}}`]);
    const { table } = loadTable(contexts.folder);
    const histories = firstOfEach(run.histories(), 3);
    const first = firstRows(table.rows);
    const { feeds, fill } = retrievalBatches(run, contexts, {
      optimizer: stageOptimizer(run.config, 'retrieve'),
      random: Random.seeded(5),
    });
    const width = table.latents.length / table.rows.length;
    const actions = run.model.head.distribution.size;
    const key = (latents: HostTensor['data'], at: number) => latents.slice(at * width, (at + 1) * width).join();
    const [B, size] = [feeds.latents.shape[0], feeds.target.data.length / feeds.latents.shape[0]];
    const tally = { own: 0, later: 0, all: 0 };
    for (const step of [0, 1, 2]) {
      fill(step);
      for (let b = 0; b < B; b++) {
        // Contexts may be alike: after equal episodes, or when nothing has happened.
        const rows = [...table.rows.keys()].filter(
          row => key(table.latents, row) === key(feeds.latents.data, b) && table.last[row] !== row,
        );
        const target = feeds.target.data.slice(b * size, (b + 1) * size);
        const fits = (accepts: (s: number, own: number, count: number) => boolean) =>
          rows.some(row => {
            const h = first.findLastIndex(begin => begin <= row);
            const starts = segmentStarts(histories[h], run.model.segment);
            return Array.from({ length: starts.length - 1 }, (_, s) => s).some(s => {
              const labels = histories[h].probabilities.subarray(starts[s] * actions, starts[s + 1] * actions);
              return accepts(s, row - first[h], starts.length - 1) && labels.every((value, i) => value === target[i]);
            });
          });
        tally.all++;
        if (fits((s, own) => s === own)) tally.own++;
        if (fits((s, own, count) => s >= Math.max(own, count / 2))) tally.later++;
      }
    }
    return { own: tally.own / tally.all, later: tally.later / tally.all };
  }

  it('comes from where the source knows what contexts of its own task reveal, unless set otherwise', async () => {
    const always = await shares('own', 1);
    expect(always.later).toBe(1);
    expect(always.own).toBeLessThan(1);
    expect((await shares('own', 0)).own).toBe(1);
  });

  it.each(['others', 'none'])('is the own segment where the store is "%s"', async store => {
    expect((await shares(store, 1)).own).toBe(1);
  });
});

describe('a look-up in an evaluation', () => {
  const rows = ['a', 'b'].flatMap(task => ['0', '1'].flatMap(i => [0, 1, 2].map(segments => ({ task, stream: `${task}#${i}`, segments }))));
  // The empty context of every stream is at 0, where a query would find it first.
  const latents = Float32Array.from(rows, ({ segments, task }, row) => (segments === 0 ? 0 : row + (task === 'b' ? 100 : 0)));
  const table: StreamTable = { rows, latents, last: Int32Array.from(rows, (_, row) => row - (row % 3) + 2) };
  const lookUp = { contexts: 3, metric: 'l2', shows: 'end' } as const;
  const asked = (store: keyof typeof STORES, shows: 'end' | 'itself' = 'end', of: StreamTable = table) => {
    const retriever = retrieverOf(of, STORES[store], { ...lookUp, shows }, ['a', 'b']);
    return [0, 1].map(i => {
      const into = { latents: new Float32Array(3), present: new Float32Array(3) };
      retriever.lookUp(i, { latents: Float32Array.of(0) }, into);
      return { latents: [...into.latents], present: [...into.present] };
    });
  };

  it('shows the ends of the nearest streams of the store, or the contexts that are near', () => {
    expect(asked('own')).toEqual([
      { latents: [2, 5, 0], present: [1, 1, 0] },
      { latents: [108, 111, 0], present: [1, 1, 0] },
    ]);
    expect(asked('others', 'itself')).toEqual([
      { latents: [107, 110, 0], present: [1, 1, 0] },
      { latents: [1, 4, 0], present: [1, 1, 0] },
    ]);
    expect(asked('all').map(({ present }) => present)).toEqual([
      [1, 1, 1],
      [1, 1, 1],
    ]);
  });

  it('finds nothing in an empty store', () => {
    const nothing = { latents: [0, 0, 0], present: [0, 0, 0] };
    expect(asked('none')).toEqual([nothing, nothing]);
    expect(asked('all', 'end', joinTables([]))).toEqual([nothing, nothing]);
  });

  it('says what it had to look up in', () => {
    expect(retrieverOf(table, STORES.own, lookUp, ['a']).use).toMatchObject({ contexts: 3, stored: 4 });
    expect(retrieverOf(table, STORES.all, lookUp, ['a']).use.stored).toBe(8);
  });

  it('is the same in joined tables', () => {
    const joined = joinTables([table, { ...table, rows: rows.map(row => ({ ...row, stream: `later ${row.stream}` })) }]);
    expect([...joined.last]).toEqual([...table.last, ...table.last.map(row => row + 12)]);
    const seeker = { task: 'a', stream: 'own', latents: Float32Array.of(5), index: 0 };
    const found = shownTo(joined, seeker, { ...lookUp, shows: 'itself' }, STORES.own).map(row => joined.rows[row].stream);
    expect(found).toEqual(['a#1', 'later a#1', 'a#0']);
  });
});
