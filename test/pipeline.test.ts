/** @file The whole pipeline by the real command line: generate → … → evaluate → report, on a tiny experiment. */

import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decodeSafetensors } from '../src/engine/index.ts';
import { type Results, type Score, scoreMethod } from '../src/records/index.ts';
import { openRun, rawTable } from '../src/reports/index.ts';
import { stageTitle } from '../src/util/progress.ts';
import { cadenza, type Ended, metricsOf, progressOf, settings, stageFiles, stageFolder, TINY, withinProcess } from './helpers/command.ts';
import { carrying } from './helpers/failure.ts';

const folder = mkdtempSync(join(tmpdir(), 'cadenza-pipeline-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const [first, twin, other, staged] = ['first', 'twin', 'other', 'staged'].map(name => join(folder, name));
const TRAINED = ['teacher', 'pretrain', 'distill', 'finetune', 'truncated', 'mean-pool', 'none'];
const METHODS = ['cad', 'teacher', 'truncated', 'mean-pool', 'none', 'source', 'random'];
/** Those whose weights were trained, by their rows. */
const MODELS = ['cad', 'teacher', 'truncated', 'mean-pool', 'none'];
const run = (out: string, ...args: string[]) => withinProcess(['run', TINY, '--out', out, ...args]);

let ended: Ended;
beforeAll(async () => {
  // One as a process, as a user has it.
  [ended] = await Promise.all([cadenza('run', TINY, '--out', first), run(twin)]);
}, 120_000);

describe('a tiny run', () => {
  it('ends well and says where everything is', () => {
    expect(ended.status, ended.stderr).toBe(0);
    expect(ended.stdout).toContain(` ${first}\n`);
    // The score with its interval, what it is compared with, and commands that come next.
    expect(ended.stdout).toMatch(/\n\ncad [^\n]*0\.\d{3} \[0\.\d{3}, 0\.\d{3}\][\s\S]*\ncad [\s\S]*source/);
    const commands = ended.stdout.match(/^ {2}npx cadenza .*$/gm)!.map(line => line.trim());
    expect(commands).toEqual([
      `npx cadenza report ${first}`,
      `npx cadenza inspect ${first}`,
      expect.stringMatching(/^npx cadenza run tiny --set \S+ --set name=\S+$/),
    ]);
    for (const stage of [...TRAINED, ...METHODS.map(name => `evaluate ${name}`)])
      expect(progressOf(ended.stderr, stage), stage).not.toEqual([]);
    expect(ended.stderr).toMatch(/^generate: /m);
  });

  it('writes results.json in its documented shape', () => {
    const results = JSON.parse(readFileSync(join(first, 'results.json'), 'utf8')) as Results;
    expect(results).toMatchObject({ name: 'tiny', episodes: 3, seeds: 1, streams: 8, split: { train: 77, test: 4, overlap: 0 } });
    expect(results.oracle!.mean).toBeGreaterThan(0);
    expect(Object.keys(results.methods).sort()).toEqual([...METHODS].sort());
    const columns = ['mean', 'iqm', 'low', 'high'] as const satisfies readonly (keyof Score)[];
    for (const [name, method] of Object.entries(results.methods)) {
      for (const column of columns) {
        expect(method.byEpisode[column], `${name} ${column}`).toHaveLength(3);
        expect([...method.byEpisode[column], method.final[column]].every(value => value >= 0 && value <= 1)).toBe(true);
      }
      expect(method.perTask.map(({ task }) => task)).toEqual((results.split as { testTasks: string[] }).testTasks);
      for (const { oracle, mean } of method.perTask) expect([oracle! > 0, mean >= 0 && mean <= 1]).toEqual([true, true]);
      expect(method.flopsPerAction > 0).toBe(!['source', 'random'].includes(name));
    }
    const { cad, teacher, none, random } = results.methods;
    const stage = (stage: string) => ({ stage, steps: 80, examples: 80 * 16 });
    expect(cad.budget).toEqual(['pretrain', 'teacher', 'distill', 'finetune'].map(stage));
    expect([teacher.budget, none.budget, random.budget]).toEqual([[stage('teacher')], [stage('none')], undefined]);
    expect(results.protocols).toEqual({
      tiny: {
        env: { id: 'dark-room' },
        side: 'test',
        episodes: 3,
        streams: 2,
        sampling: 'sample',
        split: { train: 77, test: 4, overlap: 0 },
        selection: { by: 'unstated' },
      },
    });
    // 2 latents of 16 floats, in addition to the running episode that all of them carry.
    expect(cad.stateBytes - none.stateBytes).toBe(2 * 16 * 4);
    expect(teacher.stateBytes).toBeGreaterThan(cad.stateBytes);
    expect(results.run).toMatchObject({ command: expect.stringContaining('cadenza run'), config: { name: 'tiny' }, seconds: {} });
  });

  it('compares the actions of every model with those of the source, and shows that with --verbose', async () => {
    const { imitation } = JSON.parse(readFileSync(join(first, 'results.json'), 'utf8')) as Results;
    expect(Object.keys(imitation!)).toEqual(['tiny']);
    // 4 goals × 4 histories.
    expect(imitation!.tiny.histories).toBe(16);
    expect(Object.keys(imitation!.tiny.methods).sort()).toEqual([...METHODS].sort());
    const { source, random, ...models } = imitation!.tiny.methods;
    expect([source.accuracy.value, source.excess.value, source.calibrationError.value]).toEqual([1, 0, 0]);
    expect(random.crossEntropy.value).toBeCloseTo(Math.log(5), 6);
    for (const [name, { excess, byEpisode, reliability }] of Object.entries(models)) {
      expect(excess.value > 0 && excess.low <= excess.value && excess.value <= excess.high, name).toBe(true);
      expect(excess.value, name).toBeLessThan(random.excess.value);
      for (const column of Object.values(byEpisode))
        expect([column.value.length, column.low.length, column.high.length]).toEqual([6, 6, 6]);
      expect(reliability.reduce((sum, { share }) => sum + share, 0)).toBeCloseTo(1, 12);
    }
    const shown = imitation!.tiny.methods.cad.excess.value.toFixed(3);
    const verbose = await run(first, '--verbose');
    for (const text of [verbose.stdout, readFileSync(join(first, 'results.html'), 'utf8')]) expect(text).toContain(shown);
    expect(ended.stdout).not.toContain(shown);
    // The same curve and table in both.
    expect(verbose.stdout).toContain(ended.stdout.slice(0, ended.stdout.indexOf('\n\ncad ')));
  });

  it('keeps the times of every row in the record of the run', () => {
    const { run } = JSON.parse(readFileSync(join(first, 'results.json'), 'utf8')) as Results;
    const { tiny } = run.times!;
    expect(Object.keys(tiny).sort()).toEqual([...METHODS].sort());
    for (const [name, { training, evaluation, action }] of Object.entries(tiny)) {
      expect([training !== undefined, action !== undefined], name).toEqual([MODELS.includes(name), MODELS.includes(name)]);
      expect(evaluation, name).toBe(run.seconds[`evaluate-${name}-seed0`]);
      if (action)
        expect([action.actions, action.median > 0, action.median <= action.p95, action.worst > 0]).toEqual([200, true, true, true]);
    }
    const stages = ['pretrain', 'teacher', 'distill', 'finetune'].map(stage => run.seconds[`${stage}-seed0`]);
    expect(tiny.cad.training).toBeCloseTo(
      stages.reduce((a, b) => a + b),
      9,
    );
  });

  it('writes the raw returns, from which every row is computed again', () => {
    const run = openRun(first);
    const table = rawTable(run);
    expect(Object.keys(run.raw!.tables)).toEqual(['tiny']);
    expect(Object.keys(table.methods).sort()).toEqual([...METHODS].sort());
    for (const [name, { flopsPerAction, stateBytes, historyBytes, bitsPerContext, budget: _, ...found }] of Object.entries(
      run.results.methods,
    )) {
      const cost = { flopsPerAction, stateBytes, historyBytes, ...(bitsPerContext === undefined ? {} : { bitsPerContext }) };
      expect(scoreMethod(table, name, cost)).toEqual({ ...found, ...cost });
      expect(table.methods[name].seeds).toEqual([0]);
    }
  });

  it('writes the page, the figures, the configuration and the exported model', () => {
    expect(readFileSync(join(first, 'results.html'), 'utf8')).toMatch(/^<!doctype html>/i);
    expect(readFileSync(join(first, 'results.svg'), 'utf8')).toContain('<svg');
    expect(readFileSync(join(first, 'results.png')).subarray(1, 4).toString()).toBe('PNG');
    expect(readdirSync(join(first, 'model')).sort()).toEqual([
      'act.onnx',
      'attention.onnx',
      'begin.onnx',
      'compress.onnx',
      'model.json',
      'step.onnx',
    ]);
    expect(existsSync(join(first, 'config.yaml'))).toBe(true);
  });

  it.each(TRAINED)('lowers the loss of %s', stage => {
    const rows = metricsOf(first, `${stage}-seed0`);
    expect(rows.map(({ step }) => step)).toEqual(rows.map((_, i) => 10 * (i + 1)));
    const quarter = Math.floor(rows.length / 4);
    const mean = (part: typeof rows) => part.reduce((sum, { loss }) => sum + loss, 0) / part.length;
    expect(mean(rows.slice(-quarter))).toBeLessThan(0.95 * mean(rows.slice(0, quarter)));
  });

  it('keeps the compressor as it was pretrained while distilling, and trains it further afterwards', () => {
    const part = (stage: string, name: string) => {
      const { tensors } = decodeSafetensors(readFileSync(join(stageFolder(first, `${stage}-seed0`)!, 'model.safetensors')));
      return [...tensors].filter(([key]) => key.startsWith(`${name}.`));
    };
    expect(part('distill', 'compressor')).toEqual(part('pretrain', 'compressor'));
    expect(part('distill', 'compressor').length).toBeGreaterThan(0);
    for (const [i, [name, { data }]] of part('finetune', 'compressor').entries())
      expect(data, name).not.toEqual(part('distill', 'compressor')[i][1].data);
    // The agent's file holds no teacher, the teacher's nothing else.
    expect(part('finetune', 'teacher')).toEqual([]);
    expect(part('teacher', 'policy')).toEqual([]);
  });
});

describe('a run again', () => {
  it('of equal seeds in another folder gives equal bytes', () => {
    const [a, b] = [stageFiles(first), stageFiles(twin)];
    expect([...a.keys()]).toEqual([...b.keys()]);
    expect([...a.values()].filter(bytes => bytes.length > 0)).toHaveLength(TRAINED.length + METHODS.length + MODELS.length + 2);
    expect([...a].filter(([path, bytes]) => !bytes.equals(b.get(path)!)).map(([path]) => path)).toEqual([]);
  });

  it('of equal seeds has equal results but for the record of the run, where times are', () => {
    const [a, b] = [first, twin].map(out => JSON.parse(readFileSync(join(out, 'results.json'), 'utf8')) as Results);
    expect({ ...a, run: 0 }).toEqual({ ...b, run: 0 });
  });

  it('in the same folder redoes nothing, and gives its results as JSON on stdout alone', async () => {
    const times = () => [...stageFiles(first).keys()].map(path => [path, statSync(join(first, 'stages', path)).mtimeMs]);
    const before = times();
    const { methods } = JSON.parse(readFileSync(join(first, 'results.json'), 'utf8'));
    const again = await run(first, '--json');
    expect([again.status, again.stderr]).toEqual([0, expect.stringMatching(/^[^\n]*\n$/)]);
    expect(JSON.parse(again.stdout).methods).toEqual(methods);
    expect(times()).toEqual(before);
  });

  it('leaves out what is not to be measured, which no other stage depends on', async () => {
    const before = [...stageFiles(first).keys()];
    const { methods } = JSON.parse(readFileSync(join(first, 'results.json'), 'utf8'));
    const plain = await run(first, ...settings({ 'evaluate.imitationHistories': 0, 'evaluate.timedActions': 0 }), '--json');
    expect([plain.status, plain.stderr]).toEqual([0, expect.not.stringContaining(`${stageTitle('', 0)}: `)]);
    const found = JSON.parse(plain.stdout) as Results;
    expect(found.methods).toEqual(methods);
    expect(found.imitation).toBeUndefined();
    expect(Object.values(found.run.times!.tiny).map(({ action }) => action)).toEqual(METHODS.map(() => undefined));
    expect([...stageFiles(first).keys()]).toEqual(before);
  });

  it('with another training seed shares the data and changes the rest', async () => {
    const { status, stderr } = await run(other, ...settings({ seeds: [1], 'baselines.methods': ['none'] }));
    expect(status, stderr).toBe(0);
    const shard = (out: string) => stageFolder(out, 'generate')!.slice(out.length);
    expect(shard(other)).toBe(shard(first));
    for (const stage of ['teacher', 'pretrain', 'finetune', 'none']) {
      const [a, b] = [stageFolder(first, `${stage}-seed0`)!, stageFolder(other, `${stage}-seed1`)!];
      expect(readFileSync(join(a, 'model.safetensors')).equals(readFileSync(join(b, 'model.safetensors'))), stage).toBe(false);
    }
  });
});

describe('a family with hidden phases', () => {
  it('goes the whole pipeline on some of its tasks, Monte-Carlo teacher included, and says which', async () => {
    const out = join(folder, 'pairs');
    const few = { 'pretrain.steps': 2, 'distill.steps': 2, 'finetune.steps': 2, 'teacher.kind': 'monte-carlo', 'baselines.methods': [] };
    const tasks = { 'env.id': 'key-to-door', 'split.heldOut': 656, 'source.maxTasks': 30, 'evaluate.maxTasks': 3 };
    const { status, stderr } = await run(out, ...settings({ ...few, ...tasks }));
    expect(status, stderr).toBe(0);
    const results = JSON.parse(readFileSync(join(out, 'results.json'), 'utf8')) as Results;
    expect(results.split).toMatchObject({ train: 5905, taught: 30, test: 656, evaluated: 3, overlap: 0 });
    expect(results).toMatchObject({ oracle: { mean: 2 }, streams: 6, intervalNote: carrying(3) });
    expect(results.methods.cad.perTask).toHaveLength(3);
  });
});

describe('a stage of its own', () => {
  const names = () =>
    readdirSync(join(staged, 'stages'))
      .map(name => name.replace(/-[0-9a-f]{12}$/, ''))
      .sort();

  it('brings what it needs and no more', async () => {
    expect(await withinProcess(['generate', TINY, '--out', staged])).toMatchObject({
      status: 0,
      stdout: expect.stringContaining(` ${staged}\n`),
    });
    expect(names()).toEqual(['generate']);
    const distill = await withinProcess(['distill', TINY, '--out', staged, '--json']);
    expect([distill.status, JSON.parse(distill.stdout)]).toEqual([0, { out: staged }]);
    expect(distill.stderr).not.toMatch(/^generate: /m);
    expect(names()).toEqual(['distill-seed0', 'generate', 'pretrain-seed0', 'teacher-seed0']);
    expect(existsSync(join(staged, 'results.json'))).toBe(false);
    for (const [path, bytes] of stageFiles(staged)) expect(bytes.equals(stageFiles(first).get(path)!), path).toBe(true);
  });

  it('trains on returns from where fine-tuning ended, and is compared with that', async () => {
    const small = settings({ 'reinforce.steps': 2, 'reinforce.streams': 4, 'reinforce.episodes': 4, 'baselines.methods': ['none'] });
    const before = [...stageFiles(first).keys()];
    const reinforce = await withinProcess(['reinforce', TINY, '--out', first, ...small]);
    expect(reinforce).toMatchObject({ status: 0, stdout: expect.stringContaining(` ${first}\n`) });
    expect(progressOf(reinforce.stderr, 'reinforce')).toContainEqual(carrying(/\b0\.\d{3}, .*\b\d\.\d{3}\b/));
    const added = [...stageFiles(first).keys()].filter(path => !before.includes(path));
    expect(added.every(path => path.startsWith('reinforce-seed0-'))).toBe(true);
    const whole = await run(first, ...small, '--json');
    expect(whole.status, whole.stderr).toBe(0);
    const { methods } = JSON.parse(whole.stdout) as Results;
    expect(Object.keys(methods).sort()).toEqual(['cad', 'none', 'random', 'reinforced', 'source', 'teacher']);
    // Two iterations, three times through sixteen episodes, sixteen at once.
    expect(methods.reinforced.budget).toEqual([...methods.cad.budget!, { stage: 'reinforce', steps: 6, examples: 96 }]);
    // The same networks: what values there were is in no exported graph.
    for (const cost of ['flopsPerAction', 'stateBytes', 'historyBytes'] as const) expect(methods.reinforced[cost]).toBe(methods.cad[cost]);
    const { trained } = JSON.parse(readFileSync(join(first, 'model', 'model.json'), 'utf8'));
    expect(trained.startsWith(stageFolder(first, 'reinforce-seed0')!.slice(-12))).toBe(true);
  });
});
