/** @file Contexts of a tiny run in a store, by the command line: build, build again, look up, measure; with and without codes. */

import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'libsql';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openRun, trainingHistories } from '../src/analysis/finished.ts';
import { ContextDatabase } from '../src/data/contexts.ts';
import { nodeExecutor } from '../src/engine/executors/node.ts';
import { type Executor, input, type Program, reshape, slice, toOnnx } from '../src/engine/index.ts';
import { openTasks } from '../src/histories/tasks.ts';
import { ContextCompressor, namedTasks, onceFree, policyHistories } from '../src/retrieval/contexts.ts';
import { episodeStarts, inMemory } from '../src/rl/index.ts';
import { tokenizer } from '../src/tokenizers/index.ts';
import type { ErrorCode } from '../src/util/errors.ts';
import { silentProgress } from '../src/util/progress.ts';
import { settings, TINY, withinProcess } from './helpers/command.ts';
import { describeAs } from './helpers/exported.ts';
import { carrying, exit, failure, type Needle } from './helpers/failure.ts';

const folder = mkdtempSync(join(tmpdir(), 'cadenza-store-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const run = join(folder, 'run');
const db = join(folder, 'contexts.db');
const signal = new AbortController().signal;
const store = (...args: string[]) => withinProcess(['store', ...args]);
const json = async (...args: string[]) => {
  const { status, stdout, stderr } = await store(...args, '--json');
  expect(status, stderr + stdout).toBe(0);
  return JSON.parse(stdout);
};

beforeAll(async () => {
  const short = settings({ ...Object.fromEntries(['teacher', 'pretrain', 'distill', 'finetune'].map(stage => [`${stage}.steps`, 20])) });
  const { status, stderr } = await withinProcess(['run', TINY, '--out', run, ...short, ...settings({ 'baselines.steps': 0 })]);
  expect(status, stderr).toBe(0);
}, 60_000);

/** A copy of the run whose compressor is a plain graph: latents are the first numbers of the context, and codes, if wanted, the first two. */
async function replaced(name: string, codes: boolean): Promise<string> {
  const out = join(folder, name);
  cpSync(run, out, { recursive: true });
  const { description, family } = await openRun(run);
  const { tokensPerTransition, context } = tokenizer(description.tokenizer, family);
  const size = description.contextTransitions * tokensPerTransition * context.width;
  const flat = reshape(input('context', [1, size / context.width, context.width]), [1, size]);
  // The end of the window: a full context has a transition there.
  const first = slice(flat, 1, size - 32, size);
  const outputs = { latents: reshape(first, [1, 2, 16]), ...(codes ? { codes: slice(first, 1, 20, 24) } : {}) };
  writeFileSync(join(out, 'model', 'compress.onnx'), toOnnx({ outputs }, { standard: true }));
  // Nothing here decodes.
  if (codes) writeFileSync(join(out, 'model', 'decode.onnx'), toOnnx({ outputs: { latents: outputs.latents } }));
  describeAs(join(out, 'model'), codes ? { ...description, codes: { shape: [2, 2], size: 2 ** 16 } } : description);
  return out;
}

describe('store build', () => {
  it('stores every context of the training histories once, however often it is run', async () => {
    const first = await json('build', run, '--out', db);
    // 77 tasks of one history of 6 episodes; early contexts of a task can be alike.
    expect(first.added + first.known).toBe(77 * 6);
    expect(first.contexts).toBe(first.added);
    const again = await json('build', run, '--out', db);
    expect(again).toMatchObject({ added: 0, known: 77 * 6, contexts: first.contexts });
  });

  it("stores what the run's own compressor makes of them", async () => {
    const opened = await openRun(run);
    const contexts = ContextDatabase.open(db, opened.model);
    const { rows, latents } = contexts.load();
    contexts.close();
    const histories = trainingHistories(opened);
    const compressor = await ContextCompressor.open(opened, nodeExecutor({ threads: 1 }));
    const row = rows.findIndex(({ stream, episode }) => stream === histories[5].stream && episode === 4);
    const [own] = await compressor.compress(histories[5], [4]);
    expect(own.latents).toEqual(latents.slice(row * 32, (row + 1) * 32));
    expect(own.latents.some(value => value !== 0)).toBe(true);
    // Only the window counts: 2 episodes of context, so an altered first episode changes nothing at episode 4.
    const altered = { ...inMemory(histories[5]), action: histories[5].action.slice() };
    altered.action[0] = (altered.action[0] + 1) % 5;
    expect(compressor.about(altered, 4).hash).toBe(rows[row].hash);
    expect(compressor.about(altered, 2).hash).not.toBe(compressor.about(histories[5], 2).hash);
    const total = histories[5].reward.slice(0, episodeStarts(histories[5])[4]).reduce((a, b) => a + b, 0);
    expect(rows[row]).toMatchObject({ task: histories[5].taskKey, side: 'train', return: total });
    await expect(compressor.compress(histories[5], [7])).rejects.toThrow(failure('E_DATA', 6));
    await compressor.dispose();
  });

  it('rolls the policy in named tasks and on sides, by seed', async () => {
    const key = openTasks((await openRun(run)).config).test.map((await openRun(run)).family.taskKey)[0];
    const out = join(folder, 'rolled.db');
    const rolled = await json(
      'build',
      run,
      '--out',
      out,
      '--from',
      key,
      '--from',
      'test',
      '--streams',
      '2',
      '--episodes',
      '3',
      '--every',
      '3',
    );
    // The named task is one of the four, and equal streams give equal contexts.
    expect(rolled).toMatchObject({ added: 4 * 2, known: 2 });
    const more = await json('build', run, '--out', out, '--from', key, '--streams', '2', '--episodes', '3', '--every', '3', '--seed', '1');
    expect(more).toMatchObject({ added: 2, known: 0 });
    const contexts = ContextDatabase.open(out);
    expect(new Set(contexts.load().rows.map(({ side }) => side))).toEqual(new Set(['test']));
    contexts.close();
  });

  it('records what the policy saw and did', async () => {
    const opened = await openRun(run);
    const tasks = namedTasks(opened, ['test']).slice(0, 2);
    const request = { tasks, streams: 1, episodes: 3, seed: 4, executor: nodeExecutor({ threads: 1 }), progress: silentProgress, signal };
    const histories = await policyHistories(opened, request);
    expect(histories).toHaveLength(2);
    for (const [i, { taskKey, action, reward, observation, nextObservation, probabilities, truncated }] of histories.entries()) {
      const goal = tasks[i].goal as number[];
      expect(taskKey).toBe(opened.family.taskKey(tasks[i]));
      expect([action.length, observation.length, probabilities.length]).toEqual([60, 120, 300]);
      expect([...truncated].flatMap((flag, t) => (flag ? [t] : []))).toEqual([19, 39, 59]);
      for (let t = 0; t < 60; t++) {
        expect(reward[t]).toBe(nextObservation[2 * t] === goal[0] && nextObservation[2 * t + 1] === goal[1] ? 1 : 0);
        if (t % 20 < 19) expect(observation.slice(2 * t + 2, 2 * t + 4)).toEqual(nextObservation.slice(2 * t, 2 * t + 2));
      }
    }
    expect(await policyHistories(opened, request)).toEqual(histories);
  });

  it('waits for another process that writes to the store, and computes nothing again', async () => {
    const path = join(folder, 'locked.db');
    const opened = await openRun(run);
    const contexts = ContextDatabase.open(path, opened.model);
    const other = new Database(path);
    other.exec('BEGIN EXCLUSIVE');
    const said: string[] = [];
    const say = (text: string) => {
      said.push(text);
      other.exec('COMMIT');
    };
    const progress = { ...silentProgress, say };
    let attempts = 0;
    const added = await onceFree(
      () => {
        attempts++;
        return contexts.insert([]);
      },
      { progress, signal },
    );
    expect([added, attempts]).toEqual([0, 2]);
    expect(said).toEqual([expect.stringContaining('locked.db')]);
    other.exec('BEGIN EXCLUSIVE');
    const stopped = onceFree(() => contexts.insert([]), { progress: silentProgress, signal: AbortSignal.timeout(50) });
    await expect(stopped).rejects.toThrow();
    other.close();
    contexts.close();
  });

  it('refuses the store of another model', async () => {
    const other = await replaced('other', false);
    for (const args of [
      ['build', other, '--out', db],
      ['query', db, '--run', other, '--history', '0', '--episode', '1'],
    ]) {
      const ended = await store(...args);
      expect(ended).toEqual(exit('E_CHECKPOINT', /contexts\.db .*\b[0-9a-f]{12}\b/));
      expect(ended.stdout).toBe('');
    }
  });

  const [none, first] = [join(folder, 'none.db'), ['--run', run, '--history', '0', '--episode', '1']];
  it.each<[string, string[], ErrorCode, Needle[]]>([
    ['a folder without a model', ['build', folder, '--out', 'x.db'], 'E_CHECKPOINT', [folder, '"cadenza run"']],
    ['a task that is none', ['build', run, '--out', join(folder, 'x.db'), '--from', 'goal=99,0'], 'E_SPLIT', ['goal=99,0']],
    ['a store that is not there', ['stats', none], 'E_DATA', [none]],
    ['to query one, without making it', ['query', none, ...first], 'E_DATA', [none]],
    ['a history that is not there', ['query', db, '--run', run, '--history', '77', '--episode', '1'], 'E_DATA', [77]],
    ['codes of a model without', ['query', db, ...first, '--metric', 'hamming'], 'E_DATA', ['l2, cosine']],
    ['half a context', ['query', db, '--run', run, '--history', '0', '--episode', '1.5'], 'E_USAGE', ['--episode 1.5']],
  ])('refuses %s', async (_, args, code, needles) => {
    const ended = await store(...args);
    expect(ended).toEqual(exit(code, ...needles));
    expect(ended.stdout).toBe('');
  });
});

describe('store query', () => {
  it('finds a context itself, and without --own only others', async () => {
    const args = ['query', db, '--run', run, '--history', '9', '--episode', '6', '-k', '3'];
    const own = await json(...args, '--own');
    expect(own.neighbors).toHaveLength(3);
    expect(own.neighbors[0]).toMatchObject({ distance: 0, stream: own.query.stream, hash: own.query.hash, episode: 6 });
    const others = await json(...args, '--metric', 'cosine');
    expect(others.neighbors.every(({ stream }: { stream: string }) => stream !== own.query.stream)).toBe(true);
    const distances = others.neighbors.map(({ distance }: { distance: number }) => distance);
    expect(distances).toEqual([...distances].sort((a, b) => a - b));
    const { stdout } = await store(...args);
    expect(stdout.split('\n')[0]).toEqual(carrying(own.query.task, 6, own.query.return, 'l2'));
  });
});

describe('which contexts count', () => {
  it('restricts what is looked up, and says what is left out', async () => {
    const all = await json('stats', db, '--queries', '1000');
    const of = (statistics: { retrieval: { metric: string }[] }) => statistics.retrieval.find(({ metric }) => metric === 'l2') as never;
    type Scored = { queries: number; leftOut: number; rewarded: { queries: number }; byEpisode: { episode: number }[] };
    const whole: Scored = of(all);
    expect([all.queriesOf, whole.leftOut]).toEqual([{ fromEpisode: 1, rewarded: false }, 0]);
    const rewarded: Scored = of(await json('stats', db, '--queries', '1000', '--rewarded'));
    // The share among those that had found a reward was there before; now they are the queries.
    expect(rewarded.queries).toBe(whole.rewarded.queries);
    expect(rewarded.queries + rewarded.leftOut).toBe(whole.queries);
    expect(rewarded.leftOut).toBeGreaterThan(0);
    const late: Scored = of(await json('stats', db, '--queries', '1000', '--from-episode', '5'));
    expect(late.byEpisode.map(({ episode }) => episode)).toEqual([5, 6]);
    const both: Scored = of(await json('stats', db, '--rewarded', '--from-episode', '5'));
    expect((await store('stats', db, '--rewarded', '--from-episode', '5')).stdout).toEqual(carrying(5, both.queries, both.leftOut));
    expect((await store('stats', db, '--from-episode', '7')).stdout).toEqual(carrying(7));
  });

  it('restricts what is found', async () => {
    const args = ['query', db, '--run', run, '--history', '9', '--episode', '1', '-k', '1000'];
    const found = async (...options: string[]) => (await json(...args, ...options)).neighbors as { episode: number; return: number }[];
    const every = await found();
    expect(await found('--rewarded')).toEqual(every.filter(({ return: total }) => total > 0));
    expect(await found('--from-episode', '6')).toEqual(every.filter(({ episode }) => episode === 6));
    const { query } = await json(...args);
    const { stdout } = await store(...args, '--rewarded');
    expect(stdout.split('\n')[0]).toEqual(carrying(query.task, 1, query.return, 'l2'));
    // One note more where the query had found no reward.
    expect(stdout).not.toBe((await store(...args)).stdout);
  });
});

describe('store stats', () => {
  it('waits for another process that writes to the store', async () => {
    const locked = join(folder, 'stats-locked.db');
    ContextDatabase.open(locked, (await openRun(run)).model).close();
    const other = new Database(locked);
    other.exec('BEGIN EXCLUSIVE');
    setTimeout(() => other.exec('COMMIT'), 1000);
    expect((await store('stats', locked, '--json')).status).toBe(0);
    other.close();
  });

  it('has a dash where no other stream is of the same task, so that none could match', async () => {
    const single = join(folder, 'single.db');
    expect((await store('build', run, '--out', single, '--from', 'test', '--streams', '1')).status).toBe(0);
    expect((await store('stats', single)).stdout).toMatch(/^\w+ +– .*\btest\b.*\bl2\b/m);
  });

  it('counts, weighs and scores', async () => {
    const statistics = await json('stats', db, '--queries', '60');
    expect(statistics).toMatchObject({ sides: { train: { tasks: 77 } }, bytes: { latents: 2 * 16 * 4, codes: null }, codes: null });
    expect(statistics.retrieval.map(({ metric }: { metric: string }) => metric)).toEqual(['l2', 'cosine']);
    // One history a task: no other stream is of the same task, but for contexts that two histories share.
    for (const { sameTask, chance, queries, byEpisode } of statistics.retrieval) {
      expect([sameTask, chance]).toEqual([0, 0]);
      expect(queries).toBeGreaterThanOrEqual(60);
      expect(byEpisode.reduce((sum: number, { queries: n }: { queries: number }) => sum + n, 0)).toBe(queries);
    }
    // No distance of codes, and no use of them.
    expect((await store('stats', db, '--queries', '10')).stdout).not.toMatch(/\bhamming\b/);
  });

  it('measures codes in addition to latents where a model has them', async () => {
    const coded = await replaced('coded', true);
    const out = join(folder, 'coded.db');
    await json('build', coded, '--out', out, '--from', 'histories', '--from', 'test', '--streams', '3', '--episodes', '2');
    const contexts = ContextDatabase.open(out);
    const { codes, rows, latents } = contexts.load();
    contexts.close();
    expect(codes).toHaveLength(4 * rows.length);
    expect([...codes!.slice(0, 4)]).toEqual([...latents.slice(20, 24)]);
    const statistics = await json('stats', out, '--queries', '50');
    expect(statistics.bytes).toMatchObject({ latents: 128, codes: 8 });
    expect(statistics.codes.perContext).toBe(4);
    expect(statistics.codes.used).toBe(new Set(codes).size);
    expect((await store('stats', out, '--queries', '50')).stdout).toEqual(
      carrying(4, statistics.codes.used, statistics.codes.perplexity.toFixed(1), /\bhamming\b/),
    );
    expect(statistics.codes.perplexity).toBeLessThanOrEqual(statistics.codes.used + 1e-9);
    const scored = statistics.retrieval.map(({ side, metric }: { side: string; metric: string }) => `${side} ${metric}`);
    expect(scored.sort()).toEqual(['test cosine', 'test hamming', 'test l2', 'train cosine', 'train hamming', 'train l2']);
    const query = await json('query', out, '--run', coded, '--history', '0', '--episode', '3', '--metric', 'hamming', '--own');
    expect(query.neighbors[0].distance).toBe(0);
  });

  it('knows a store by its file alone', () => {
    const contexts = ContextDatabase.open(db);
    const { configuration } = contexts.model as { configuration: { experiment: { name: string } } };
    expect(configuration.experiment.name).toBe('tiny');
    expect(contexts.bytes).toBe(readFileSync(db).length);
    contexts.close();
  });
});

describe('a model that goes on from its latents, on tasks that are drawn', () => {
  const lifelong = join(folder, 'lifelong');
  const file = join(folder, 'lifelong.yaml');
  beforeAll(async () => {
    writeFileSync(
      file,
      `
name: lifelong
env: { id: delayed-bandit, options: { arms: 3, pulls: 6, delay: 3 } }
split: { tasks: 5, heldOut: 4 }
source: { id: ucb, histories: 1, episodes: 3, noise: { fraction: 0 } }
context: { segment: 4, segments: 3 }
compressor: recurrent
model: { width: 16, heads: 2, feedForward: 2, encoderLayers: 1, decoderLayers: 1, latents: 2 }
optimizer: { batch: 4 }
teacher: { steps: 0 }
pretrain: { steps: 0 }
distill: { steps: 0 }
finetune: { steps: 3 }
baselines: { steps: 0 }
evaluate: { episodes: 1, streams: 1, resamples: 10 }
executor: { threads: 1 }
`,
    );
    const { status, stderr } = await withinProcess(['run', file, '--out', lifelong]);
    expect(status, stderr).toBe(0);
  }, 60_000);

  it('is led through the whole past, however it comes to a context', async () => {
    const opened = await openRun(lifelong);
    expect([opened.description.recurrent, opened.family.horizon]).toEqual([true, 15]);
    const [history, other] = trainingHistories(opened);
    const open = () => ContextCompressor.open(opened, nodeExecutor({ threads: 1 }));
    const [inOrder, again] = [await open(), await open()];
    const [first, third] = await inOrder.compress(history, [1, 3]);
    await inOrder.compress(other, [2]);
    expect(await again.compress(history, [3])).toEqual([third]);
    expect(await again.compress(history, [1, 2, 3])).toEqual([first, expect.anything(), third]);
    // What happened first is out of every window, but not forgotten.
    const altered = { ...inMemory(history), reward: history.reward.slice() };
    altered.reward[0] += 1;
    expect(inOrder.about(altered, 3).hash).not.toBe(inOrder.about(history, 3).hash);
    expect((await inOrder.compress(altered, [3]))[0].latents).not.toEqual(third.latents);
    for (const compressor of [inOrder, again]) await compressor.dispose();
  });

  it('has the latents that the acting policy has', async () => {
    const opened = await openRun(lifelong);
    const tasks = namedTasks(opened, ['test']).slice(0, 1);
    const base = nodeExecutor({ threads: 1 });
    const carried: Float32Array[] = [];
    // Listens to what the policy's compressor gives.
    const executor: Executor = {
      ...base,
      compile: async bytes => {
        const program = await base.compile(bytes);
        const run: Program['run'] = async (feeds, ...rest) => {
          const made = await program.run(feeds, ...rest);
          if (made.latents) carried.push(Float32Array.from(made.latents.data));
          return made;
        };
        return { run, dispose: () => program.dispose() };
      },
    };
    const [history] = await policyHistories(opened, {
      tasks,
      streams: 1,
      episodes: 3,
      seed: 4,
      executor,
      progress: silentProgress,
      signal,
    });
    const compressor = await ContextCompressor.open(opened, base);
    // Four segments an episode; after the last one nobody acts.
    expect(carried).toHaveLength(11);
    const made = await compressor.compress(history, [1, 2]);
    for (const [i, { latents }] of made.entries()) expect(latents).toEqual(carried[4 * (i + 1) - 1]);
    await compressor.dispose();
  });

  it('is stored and asked for by the names of drawn tasks', async () => {
    const out = join(folder, 'lifelong.db');
    const key = (await openRun(lifelong)).family.taskKey(namedTasks(await openRun(lifelong), ['test'])[0]);
    const built = await json('build', lifelong, '--out', out, '--from', 'histories', '--from', key, '--streams', '2', '--episodes', '2');
    expect(built).toMatchObject({ added: 5 * 3 + 2 * 2, known: 0 });
    expect(await store('build', lifelong, '--out', out, '--from', 'means=1,2,3')).toEqual(exit('E_SPLIT', 'means=1,2,3'));
  });
});
