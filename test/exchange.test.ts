/** @file Histories out of a run, into a file of another tool's layout, back, and through the same stages: by the command line. */

import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { LABEL_KINDS, LAYOUTS, WRITTEN_LAYOUTS } from '../src/cli/commands/exchange.ts';
import { loadExperiment } from '../src/config/experiment.ts';
import { LABELS } from '../src/data/exchange.ts';
import { exchangeFormat, layouts } from '../src/data/formats/index.ts';
import { writeHdf5 } from '../src/data/hdf5-writer.ts';
import { openShards, readManifest } from '../src/data/index.ts';
import { decodeSafetensors } from '../src/engine/index.ts';
import { openTasks } from '../src/histories/tasks.ts';
import type { RecordedResults } from '../src/records/index.ts';
import { formatRecorded } from '../src/reports/recorded.ts';
import type { ErrorCode } from '../src/util/errors.ts';
import { Random } from '../src/util/random.ts';
import { settings, stageFiles, stageFolder, TINY, withinProcess } from './helpers/command.ts';
import { carrying, exit, type Needle } from './helpers/failure.ts';

const folder = mkdtempSync(join(tmpdir(), 'cadenza-exchange-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const at = (name: string) => join(folder, name);
const fixture = (name: string) => fileURLToPath(new URL(`fixtures/${name}`, import.meta.url));

const SHORT = settings({
  'teacher.steps': 0,
  'pretrain.steps': 0,
  'distill.steps': 0,
  'distill.beta': 0,
  'finetune.steps': 4,
  'baselines.steps': 0,
  'evaluate.episodes': 2,
  'evaluate.streams': 1,
});
async function succeed(...args: string[]): Promise<string> {
  const { status, stdout, stderr } = await withinProcess(args);
  expect(status, stderr).toBe(0);
  return stdout;
}
const report = (run: string) => JSON.parse(readFileSync(join(stageFolder(run, 'generate')!, 'stage.json'), 'utf8')).report;

it('the command names the layouts and labels that there are', () => {
  expect(LAYOUTS).toEqual(layouts.ids);
  expect(WRITTEN_LAYOUTS).toEqual(layouts.all.filter(({ write }) => write).map(({ id }) => id));
  expect(LABEL_KINDS).toEqual(Object.keys(LABELS));
});

describe('histories of a run, exported and imported', () => {
  beforeAll(() => succeed('run', TINY, '--out', at('rolled'), ...SHORT, ...settings({ 'source.maxTasks': 30 })), 60_000);

  it.each(WRITTEN_LAYOUTS)('as %s, train the same weights and score the same returns', async layout => {
    const file = at(`${layout}.hdf5`);
    await succeed('export', at('rolled'), '--format', layout, '--out', file);
    const reported = await succeed('import', file, '--format', layout, '--labels', 'recorded', '--out', at(layout));
    expect(reported).toEqual(carrying(30, /\bdark-room\b/, 3600, /\brecorded\b/, '--set source.dataset='));
    const out = at(`${layout}-run`);
    const dataset = relative(process.cwd(), at(layout));
    const results = JSON.parse(await succeed('run', TINY, '--out', out, ...SHORT, ...settings({ 'source.dataset': dataset }), '--json'));
    // From another working directory it must be the same folder.
    expect(results.run.config.source.dataset).toBe(resolve(at(layout)));
    expect(parse(readFileSync(join(out, 'config.yaml'), 'utf8')).source.dataset).toBe(resolve(at(layout)));
    // Who made a data set is not known, so there is no such row.
    expect(Object.keys(results.methods).sort()).toEqual(['cad', 'random']);
    const weights = (run: string) =>
      decodeSafetensors(readFileSync(join(stageFolder(run, 'finetune-seed0')!, 'model.safetensors'))).tensors;
    expect(weights(out)).toEqual(weights(at('rolled')));
    const returns = (run: string) => readFileSync(join(stageFolder(run, 'evaluate-cad-seed0')!, 'returns.json'), 'utf8');
    expect(returns(out)).toBe(returns(at('rolled')));
    const { imported } = report(out);
    const dropped = { heldOut: 0, beyondMaxTasks: 0 };
    expect(imported).toMatchObject({ labels: 'recorded', layout, files: [{ name: `${layout}.hdf5`, histories: 30 }], dropped });
    expect(imported.files[0].sha256).toMatch(/^[0-9a-f]{64}$/);
    expect(results.run.imported).toEqual({ main: imported });
  });

  it('are asked for where they were moved, and refused where others are in their place', async () => {
    const [own, run] = [at('xland'), at('xland-run')];
    const look = [
      ['report', run],
      ['inspect', run],
    ];
    const refusals = async () => {
      const ended = [];
      for (const args of look) ended.push(await withinProcess(args));
      return ended;
    };
    const moved = exit('E_DATA', own, 'source.dataset');
    renameSync(own, at('moved'));
    expect(await refusals()).toEqual([moved, moved]);
    await succeed('import', at('xland.hdf5'), '--format', 'xland', '--labels', 'action', '--out', own);
    expect(await refusals()).toEqual([exit('E_DATA', own), exit('E_CHECKPOINT', own)]);
    rmSync(own, { recursive: true });
    renameSync(at('moved'), own);
    await succeed('report', run);
  });

  it('are dropped where they are of tasks that another split holds out', async () => {
    await succeed(
      'generate',
      TINY,
      '--out',
      at('other'),
      ...settings({ 'source.dataset': at('xland'), 'split.seed': 5, 'source.maxTasks': 50 }),
    );
    const config = loadExperiment(TINY, ['split.seed=5', `source.dataset=${at('xland')}`]);
    const { test, family } = openTasks(config);
    const inFile = new Set(openTasks(loadExperiment(TINY)).train.slice(0, 30).map(family.taskKey));
    const held = test.map(family.taskKey).filter(key => inFile.has(key)).length;
    const {
      histories,
      imported: { dropped },
    } = report(at('other'));
    expect(held).toBeGreaterThan(0);
    expect(dropped.heldOut).toBe(held);
    expect(histories + dropped.heldOut + dropped.beyondMaxTasks).toBe(30);
    expect(readManifest(stageFolder(at('other'), 'generate')!).source).toMatchObject({ id: 'import', options: { layout: 'xland' } });
  });

  it('name a stage by their content: the same from a folder of another name, other ones not', async () => {
    const generate = (out: string, dataset: string) =>
      succeed('generate', TINY, '--out', at(out), ...settings({ 'source.dataset': at(dataset) }));
    await succeed('import', at('xland.hdf5'), '--format', 'xland', '--labels', 'recorded', '--out', at('elsewhere'));
    await succeed('import', at('xland.hdf5'), '--format', 'xland', '--labels', 'action', '--out', at('actions'));
    for (const name of ['xland', 'elsewhere', 'actions']) await generate('keys', name);
    const stages = [...stageFiles(at('keys')).keys()].filter(path => path.endsWith('stage.json'));
    expect(stages).toHaveLength(2);
  });
});

describe('a data set of an environment that is not here', () => {
  const foreign = (name: string, more: Record<string, unknown> = {}) =>
    settings({ 'source.dataset': at(name), 'split.heldOut': 1, 'context.episodes': 2, ...more });

  it.each([
    ['xland', 'xland.hdf5', 'expert', 'XLand-MiniGrid-R1-9x9/trivial-1m'],
    ['minari', 'minari/main_data.hdf5', 'action', 'toy/points-v0'],
  ])('of %s trains up to finetune', async (layout, name, labels, env) => {
    const data = `foreign-${layout}`;
    await succeed('import', fixture(name), '--format', layout, '--labels', labels, '--out', at(data));
    const out = at(`${data}-run`);
    // The history that is left of the second one is one episode.
    const pieces = { 'context.segment': 2, 'context.segments': 2 };
    await succeed('finetune', TINY, '--out', out, ...SHORT, ...foreign(data, { 'env.id': env, ...pieces }));
    expect(decodeSafetensors(readFileSync(join(stageFolder(out, 'finetune-seed0')!, 'model.safetensors'))).tensors.size).toBeGreaterThan(
      10,
    );
    // One task is held out, and its histories are not trained on.
    expect(report(out).imported.dropped.heldOut).toBeGreaterThan(0);
    const { split: sides } = readManifest(stageFolder(out, 'generate')!);
    expect([sides.train.length, sides.test.length]).toEqual([1, 1]);
  });

  it('is scored by its predictions of held-out recordings', async () => {
    const { environment, shards } = readManifest(stageFolder(at('rolled'), 'generate')!);
    const histories = openShards(stageFolder(at('rolled'), 'generate')!, shards);
    await writeHdf5(at('elsewhere.hdf5'), file => exchangeFormat('xland').write!(file, { ...environment, id: 'elsewhere' }, histories));
    await succeed('import', at('elsewhere.hdf5'), '--format', 'xland', '--labels', 'recorded', '--out', at('elsewhere-data'));
    const more = { 'env.id': 'elsewhere', 'split.heldOut': 6, 'teacher.steps': 80, 'baselines.steps': 4, 'baselines.methods': ['none'] };
    const run = [TINY, '--out', at('elsewhere-run'), ...SHORT, ...foreign('elsewhere-data', more)];
    const results = JSON.parse(await succeed('run', ...run, '--json')) as RecordedResults;
    expect(results).toMatchObject({ environment: 'elsewhere', labels: 'recorded', tasks: 6, split: { train: 24, test: 6, overlap: 0 } });
    expect(Object.keys(results.methods).sort()).toEqual(['cad', 'frequencies', 'none', 'teacher']);
    const { teacher, frequencies } = results.methods;
    expect(teacher.crossEntropy!.high).toBeLessThan(frequencies.crossEntropy!.low);
    for (const { perTask, accuracy, byEpisode } of Object.values(results.methods)) {
      // Two episodes of twenty steps, of one history a task: the third and the last of six.
      expect(byEpisode.episode).toEqual([3, 6]);
      expect((byEpisode.accuracy!.mean[0] + byEpisode.accuracy!.mean[1]) / 2).toBeCloseTo(accuracy!.mean, 12);
      expect(perTask.map(({ task, steps }) => [task, steps])).toEqual((results.split.testTasks as string[]).map(task => [task, 40]));
      expect(accuracy!.mean).toBeGreaterThan(0);
    }
    expect(results.run.imported).toMatchObject({ main: { dropped: { heldOut: 6 } } });
    // Nothing is done again, and the terminal has every method.
    const text = await succeed('run', ...run);
    for (const [name, { byEpisode }] of Object.entries(results.methods))
      expect(text).toEqual(carrying(name, ...byEpisode.accuracy!.mean.map(value => value.toFixed(3))));
    const out = at('elsewhere-run');
    const { page, figures } = JSON.parse(await succeed('report', out, '--json')) as { page: string; figures: string[] };
    expect(figures).toEqual(['svg', 'png'].map(ending => join(out, 'report', `report.${ending}`)));
    expect(readFileSync(figures[0], 'utf8')).toBe(readFileSync(join(out, 'results.svg'), 'utf8'));
    expect(readFileSync(page, 'utf8')).not.toMatch(/undefined|NaN/);
    expect(await withinProcess(['compare', out, '--method', 'cad,none'])).toEqual(exit('E_DATA', out, 'recorded', `cadenza report ${out}`));
    expect(await withinProcess(['inspect', out])).toEqual(exit('E_CONFIG', out, 'elsewhere', `cadenza report ${out}`));
  });

  /** Imports, and runs the command that this proposes. */
  async function proposed(name: string, out: string) {
    const reported = await succeed('import', at(name), '--out', at(out));
    const line = reported.split('\n').find(line => line.includes('cadenza run'))!;
    const args = line.replace(/^.*cadenza /, '').split(' ');
    return { args, results: JSON.parse(await succeed(...args, '--out', at(`${out}-run`), '--json')) as RecordedResults };
  }

  it('of few tasks, whose histories are one episode, runs by the command that the import proposes', async () => {
    await writeHdf5(at('few.hdf5'), file => {
      for (const group of ['0', '1', '2', '3']) {
        file.group(group);
        file.attribute(group, 'env-id', 'rooms');
        file.attribute(group, 'ruleset-id', Number(group));
        const columns = { states: [0, 1, 2, 3, 3, 2, 1, 0], actions: [0, 1, 1, 0, 1, 0, 0, 1], rewards: [0, 0, 0, 1, 1, 0, 0, 0] };
        for (const [name, values] of Object.entries({ ...columns, dones: Array(8).fill(0) }))
          file.dataset(group, name, Uint8Array.from([...values, ...values]), [2, 8]);
      }
    });
    const { args, results } = await proposed('few.hdf5', 'few');
    expect(args).toEqual(expect.arrayContaining(['split.heldOut=1', 'context.segment=2', 'context.segments=3']));
    expect(results.split).toMatchObject({ train: 3, test: 1 });
  }, 30_000);

  it('with actions of real numbers is scored by likelihood and squared error', async () => {
    const space = { kind: 'box', low: [-1], high: [1] } as const;
    const random = Random.seeded(1);
    const histories = Array.from({ length: 6 }, (_, goal) => {
      const action = Float32Array.from({ length: 32 }, () => Math.max(-1, Math.min(1, goal / 5 - 0.5 + 0.1 * random.normal())));
      const ends = Uint8Array.from({ length: 32 }, (_, t) => Number(t % 4 === 3));
      const nothing = new Float32Array(32);
      const seen = { observation: nothing, nextObservation: nothing, reward: nothing, terminated: new Uint8Array(32), truncated: ends };
      const probabilities = Float32Array.from({ length: 64 }, (_, i) => (i % 2 === 0 ? action[i / 2] : 0));
      return { task: { goal }, taskKey: `goal=${goal}`, stream: String(goal), action, probabilities, ...seen };
    });
    const environment = { id: 'pull', observationSpace: space, actionSpace: space, horizon: 4 };
    await writeHdf5(at('pull/main.hdf5'), file => exchangeFormat('minari').write!(file, environment, histories));
    const { results } = await proposed('pull/main.hdf5', 'pull-data');
    for (const [name, { negativeLogLikelihood, squaredError, accuracy, crossEntropy }] of Object.entries(results.methods)) {
      expect([accuracy, crossEntropy], name).toEqual([undefined, undefined]);
      expect(Number.isFinite(negativeLogLikelihood!.mean), name).toBe(true);
      expect(squaredError!.mean, name).toBeGreaterThan(0);
    }
    // The floor is the mean action of the training tasks, for every step.
    const { frequencies } = results.methods;
    const trained = histories.filter(({ taskKey }) => !(results.split.testTasks as string[]).includes(taskKey));
    const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
    const middle = mean(trained.flatMap(({ action }) => [...action]));
    const [held] = histories.filter(({ taskKey }) => taskKey === frequencies.perTask[0].task);
    const scored = [2, 5, 7].flatMap(e => [...held.action.slice(4 * e, 4 * e + 4)]);
    expect(frequencies.perTask[0].squaredError).toBeCloseTo(mean(scored.map(value => (value - middle) ** 2)), 6);
    const text = formatRecorded(results);
    for (const { mean } of [frequencies.negativeLogLikelihood!, frequencies.squaredError!]) expect(text).toContain(mean.toFixed(3));
  }, 30_000);

  it('can be too small to split, and says so at once', async () => {
    const args = ['import', fixture('minari/main_data.hdf5'), '--tasks', '1', '--out', at('lonely')];
    const { tasks, notes } = JSON.parse(await succeed(...args, '--json'));
    const { origin } = JSON.parse(readFileSync(at('lonely/dataset.json'), 'utf8'));
    expect([tasks, notes.length]).toEqual([1, origin.notes.length + 1]);
    // On the terminal, too, and how to import more in the place of a run.
    const text = (await succeed(...args)).replace(/\s+/g, ' ');
    expect(text).toEqual(carrying(notes.at(-1), 'cadenza import --help', /^(?!.*cadenza run)/));
  });

  it('in which no episode ends is not trained on without any context', async () => {
    await writeHdf5(at('no-ends.hdf5'), file => {
      for (const group of ['0', '1', '2']) {
        file.group(group);
        file.attribute(group, 'env-id', 'rooms');
        file.attribute(group, 'ruleset-id', Number(group));
        for (const name of ['states', 'actions', 'rewards', 'dones']) file.dataset(group, name, new Uint8Array(16), [2, 8]);
      }
    });
    const { notes } = JSON.parse(await succeed('import', at('no-ends.hdf5'), '--out', at('no-ends'), '--json'));
    expect(notes.join()).toContain('context.segment');
    const run = (more: Record<string, unknown>) =>
      withinProcess(['finetune', TINY, '--out', at('no-ends-run'), ...SHORT, ...foreign('no-ends', { 'env.id': 'rooms', ...more })]);
    expect(await run({})).toEqual(exit('E_CONFIG', 'context.segment'));
    const trained = await run({ 'context.segment': 2, 'context.segments': 2 });
    expect(trained.status, trained.stderr).toBe(0);
  });

  it.each<[string, string, Record<string, unknown>, ErrorCode, Needle[]]>([
    ['to be played in', 'run', { 'env.id': 'toy/points-v0', 'reinforce.steps': 1 }, 'E_CONFIG', ['toy/points-v0']],
    ['under another name', 'finetune', {}, 'E_CONFIG', ['toy/points-v0', 'env.id', /\bdark-room\b/]],
    ['under other options', 'generate', { 'source.dataset': at('xland'), 'env.options': { size: 7 } }, 'E_DATA', ['env.options']],
    ['with everything held out', 'generate', { 'env.id': 'toy/points-v0', 'split.heldOut': 2 }, 'E_SPLIT', ['toy/points-v0', 2]],
    ['with one task', 'generate', { 'source.dataset': at('lonely'), 'env.id': 'toy/points-v0' }, 'E_SPLIT', ['toy/points-v0']],
    ['without a folder', 'generate', { 'source.dataset': at('nowhere') }, 'E_DATA', [at('nowhere'), '`cadenza import`']],
  ])('is refused %s', async (_, command, more, code, needles) => {
    const ended = await withinProcess([command, TINY, '--out', at('refused'), ...SHORT, ...foreign('foreign-minari', more)]);
    expect(ended).toEqual(exit(code, ...needles));
    expect(ended.stderr.trimEnd().split('\n')).toHaveLength(1);
  });
});

it('a folder without histories is not exported', async () => {
  const ended = await withinProcess(['export', folder, '--format', 'xland', '--out', at('nothing.hdf5')]);
  expect(ended).toEqual(exit('E_DATA', folder, 'manifest.json', 'dataset.json'));
});

it('a run whose tables made several sets of histories is asked which one', async () => {
  await succeed('generate', TINY, '--out', at('twice'));
  // What another process holds a stage by is none.
  writeFileSync(join(at('twice'), 'stages', 'generate-0123456789ab.lock'), '{}');
  await succeed('export', at('twice'), '--format', 'xland', '--out', at('once.hdf5'));
  await succeed('generate', TINY, '--out', at('twice'), ...settings({ seed: 1 }));
  const ended = await withinProcess(['export', at('twice'), '--format', 'xland', '--out', at('twice.hdf5')]);
  expect(ended).toEqual(exit('E_DATA', /generate-[0-9a-f]{12}.*, .*generate-[0-9a-f]{12}/));
});
