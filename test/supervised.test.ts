/** @file A supervised experiment by the real command line, in seconds: run, continue, reports, and what is refused. */

import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { supervisedSchema } from '../src/config/supervised.ts';
import type { SupervisedResults } from '../src/records/index.ts';
import { summarizeSupervised } from '../src/reports/summary.ts';
import { configJsonSchema, type JsonSchema, loadConfig } from '../src/util/config.ts';
import type { ErrorCode } from '../src/util/errors.ts';
import {
  cadenza,
  type Ended,
  metricsOf,
  progressOf,
  ROOT,
  settings,
  stageFiles,
  stageFolder,
  start,
  withinProcess,
} from './helpers/command.ts';
import { exit, type Needle } from './helpers/failure.ts';

const folder = mkdtempSync(join(tmpdir(), 'cadenza-supervised-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const TINY = join(ROOT, 'experiments', 'tiny-regression.yaml');
const METHODS = ['cad', 'full', 'truncated', 'mean-pool', 'none'];
const first = join(folder, 'first');

let ended: Ended;
let results: SupervisedResults;
beforeAll(async () => {
  ended = await cadenza('run', TINY, '--out', first);
  results = JSON.parse(readFileSync(join(first, 'results.json'), 'utf8'));
}, 120_000);

/** Expects the stages and the numbers of the first run. */
function expectSame(out: string): void {
  const [a, b] = [first, out].map(folder => stageFiles(folder, /^(model\.safetensors|scores\.json|metrics\.jsonl)$/));
  expect([...a.keys()]).toEqual([...b.keys()]);
  expect([...a].filter(([path, bytes]) => !bytes.equals(b.get(path)!)).map(([path]) => path)).toEqual([]);
  expect(JSON.parse(readFileSync(join(out, 'results.json'), 'utf8')).methods).toEqual(results.methods);
}

describe('a tiny supervised run', () => {
  it('ends well and says what it found', () => {
    expect(ended.status, ended.stderr).toBe(0);
    expect(ended.stdout).toMatch(/^ridge +/m);
    for (const line of summarizeSupervised(results)) expect(ended.stdout.replace(/\s+/g, ' ')).toContain(line);
    expect(ended.stdout).toMatch(new RegExp(`\\n[^\\n]*${first}\\n[\\s\\S]*  npx cadenza run tiny-regression --set `));
  });

  it('writes results.json in its documented shape', () => {
    expect(results).toMatchObject({
      format: 'cadenza-supervised-2',
      name: 'tiny-regression',
      examples: [1, 2, 3, 4],
      headline: 2,
      tasks: 100,
    });
    expect(Object.keys(results.methods).sort()).toEqual([...METHODS, 'ridge', 'zero'].sort());
    for (const [name, { byExamples, parameters, curve }] of Object.entries(results.methods)) {
      for (let i = 0; i < 4; i++) {
        expect(byExamples.low[i] < byExamples.mean[i] && byExamples.mean[i] < byExamples.high[i], name).toBe(true);
        expect(byExamples.ratio[i]).toBeCloseTo(byExamples.mean[i] / results.methods.ridge.byExamples.mean[i], 12);
      }
      expect(parameters > 0).toBe(METHODS.includes(name));
      expect(curve?.step).toEqual(METHODS.includes(name) ? [50, 100, 150] : undefined);
    }
    expect(results.split).toMatchObject({ train: 150 * 32, validation: 32, test: 100, overlap: 0 });
    // Two latents of 16 floats.
    expect(results.methods.cad.stateBytes).toBe(2 * 16 * 4);
    expect(results.methods.full.stateBytes).toBe(4 * 16 * 4);
  });

  it('lowers the loss, and learns from the context what is in it', () => {
    const rows = metricsOf(first, 'cad-seed0').flatMap(({ loss }) => (loss === undefined ? [] : [loss]));
    expect(rows).toHaveLength(15);
    const mean = (part: number[]) => part.reduce((a, b) => a + b) / part.length;
    expect(mean(rows.slice(-4))).toBeLessThan(0.8 * mean(rows.slice(0, 4)));
    const at = (name: string) => results.methods[name].byExamples.mean[1];
    expect(at('cad')).toBeLessThan(0.7 * at('zero'));
    expect(at('none')).toBeGreaterThan(0.9 * at('zero'));
    for (const name of [...METHODS, 'zero']) expect(at(name), name).toBeGreaterThan(at('ridge'));
  });

  it('writes a page, figures and the configuration', () => {
    const files = ['config.yaml', 'progress.json', 'results.html', 'results.json', 'results.png', 'results.svg', 'stages'];
    expect(readdirSync(first).sort()).toEqual(files);
    const page = readFileSync(join(first, 'results.html'), 'utf8');
    expect(page).toMatch(/^<!doctype html>/i);
    for (const name of [...METHODS, 'ridge']) expect(page).toContain(name);
    expect(page.match(/<svg (?!class="line")/g)).toHaveLength(4);
    expect(page).not.toMatch(/NaN|undefined|\[object/);
    expect(readFileSync(join(first, 'results.png')).subarray(1, 4).toString()).toBe('PNG');
  });
});

describe('the folder of a supervised run', () => {
  it('is reported on the terminal and as a page with its figure', async () => {
    const out = join(folder, 'report');
    const { status, stdout } = await withinProcess(['report', first, '--out', out]);
    expect([status, readdirSync(out).sort()]).toEqual([0, ['report.html', 'report.png', 'report.svg']]);
    expect(stdout).toMatch(/^ridge +/m);
    expect(readFileSync(join(out, 'report.svg'), 'utf8')).toBe(readFileSync(join(first, 'results.svg'), 'utf8'));
    expect(readFileSync(join(out, 'report.html'), 'utf8').match(/<svg (?!class="line")/g)).toHaveLength(4);
  });

  it.each<[string, string[], ErrorCode]>([
    ['compare', ['compare', first, '--method', 'cad,full'], 'E_DATA'],
    ['report, with another run', ['report', first, join(ROOT, 'results/delayed-bandit')], 'E_DATA'],
    ['inspect', ['inspect', first], 'E_CHECKPOINT'],
    ['store build', ['store', 'build', first, '--out', join(folder, 'none.db')], 'E_CHECKPOINT'],
  ])('is answered by %s with what it is, and the command for it', async (_, args, code) => {
    expect(await withinProcess(args)).toEqual(exit(code, first, 'supervised', `cadenza report ${first}`));
  });
});

describe('a supervised run again', () => {
  it.each([
    ['SIGKILL', { status: null, signal: 'SIGKILL' }],
    ['SIGINT', { status: 130, signal: null }],
  ] as const)('ended by %s in the middle of training and run again, ends in the same bytes', async (signal, end) => {
    const out = join(folder, signal);
    const { child, ended: death } = start(['run', TINY, '--out', out]);
    const checkpoint = () => METHODS.some(name => existsSync(join(stageFolder(out, `${name}-seed0`) ?? '', 'checkpoint.safetensors')));
    while (!checkpoint() && child.exitCode === null) await sleep(2);
    child.kill(signal);
    expect(await death).toMatchObject(end);
    const resumed = await withinProcess(['run', TINY, '--out', out]);
    expect(resumed.status, resumed.stderr).toBe(0);
    expectSame(out);
  });

  it('with its parts in processes of their own, ends in the same bytes', async () => {
    const out = join(folder, 'jobs');
    const { status, stderr } = await cadenza('run', TINY, '--out', out, '--jobs', '2');
    expect(status, stderr).toBe(0);
    expectSame(out);
  });

  it('from stage to stage trains what each names, and ends in the same bytes', async () => {
    const out = join(folder, 'stages');
    const made = () => readdirSync(join(out, 'stages')).map(name => name.replace(/-seed0-[0-9a-f]{12}$/, ''));
    const until = async (...args: string[]) => expect((await withinProcess([...args, '--out', out])).status).toBe(0);
    await until('audit', TINY);
    expect(made()).toEqual(['audit']);
    await until('run', TINY, '--until', 'train');
    expect(made()).toEqual(['audit', 'cad']);
    await until('baselines', TINY);
    expect(made().sort()).toEqual(['audit', ...METHODS].sort());
    expect(readdirSync(out).sort()).toEqual(['progress.json', 'stages']);
    await until('evaluate', TINY);
    expectSame(out);
  });

  it('started over makes every stage again', async () => {
    const again = await withinProcess(['run', TINY, '--until', 'train', '--fresh', '--out', join(folder, 'stages')]);
    expect([again.status, again.stderr]).toEqual([0, expect.stringMatching(/cad-seed0-[0-9a-f]{12}/)]);
  });

  it('is estimated before it starts, each model with its steps', async () => {
    const out = join(folder, 'estimated');
    const { status, stdout } = await withinProcess(['run', TINY, '--out', out, '--dry-run', '--json', '--jobs', '2']);
    const { stages, processes, parts } = JSON.parse(stdout) as { stages: { stage: string; steps?: number }[] } & Record<string, unknown>;
    expect([status, processes, existsSync(out)]).toEqual([0, 2, false]);
    // Training and evaluation of every model.
    expect(parts).toHaveLength(2 * METHODS.length);
    expect(stages.map(({ stage, steps }) => [stage, steps])).toEqual([...METHODS.map(name => [name, 150]), ['evaluate', undefined]]);
  });

  it('in the same folder redoes nothing, and gives its results as JSON', async () => {
    const again = await withinProcess(['run', TINY, '--out', first, '--json']);
    expect([again.status, again.stderr]).toEqual([0, expect.stringMatching(/^[^\n]*\n$/)]);
    expect(JSON.parse(again.stdout).methods).toEqual(results.methods);
  });

  it('of classes gives accuracies', async () => {
    const changes = { 'problem.id': 'gaussian-classes', 'problem.options': { dimension: 2, classes: 3 }, 'baselines.methods': [] };
    const { status, stdout, stderr } = await withinProcess(['run', TINY, '--out', join(folder, 'classes'), '--json', ...settings(changes)]);
    expect(status, stderr).toBe(0);
    const { methods, score } = JSON.parse(stdout) as SupervisedResults;
    expect(score).toEqual({ name: 'accuracy', better: 'higher' });
    expect(Object.keys(methods).sort()).toEqual(['Bayes', 'cad', 'majority']);
    const at = (name: string) => methods[name].byExamples.mean[3];
    expect(at('Bayes')).toBeGreaterThan(at('cad'));
    expect(at('cad')).toBeGreaterThan(at('majority') + 0.05);
  });
});

describe('what is refused', () => {
  const write = (name: string, text: string) => {
    const path = join(folder, name);
    writeFileSync(path, text);
    return path;
  };

  it.each<[string, string, string[], Needle[]]>([
    ['two kinds in one file', 'name: a\nproblem: {id: sinusoids}\nenv: {id: dark-room}\n', [], ['"problem"', '"env"']],
    ['an unknown problem', 'name: a\nproblem: {id: parabolas}\n', [], ['"parabolas"', 'linear-regression']],
    ['an unknown option', 'name: a\nproblem: {id: sinusoids, options: {color: 1}}\n', [], ['2:43', 'problem.options.color']],
    ['a mistyped key', 'name: a\nproblem: {id: sinusoids}\nbaslines: {}\n', [], ['baslines', '"baselines"']],
    ['a compressor without latents', 'name: a\nproblem: {id: sinusoids}\n', ['--set', 'compressor=none'], ['none']],
    ['a compressor fitted to histories', 'name: a\nproblem: {id: sinusoids}\n', ['--set', 'compressor=pca'], ['pca']],
  ])('%s', async (name, text, args, needles) => {
    const path = write(`${name.replaceAll(' ', '-')}.yaml`, text);
    const ended = await withinProcess(['run', path, '--out', join(folder, 'refused'), ...args]);
    expect(ended).toEqual(exit('E_CONFIG', ...needles));
    expect(ended.stdout).toBe('');
  });

  it.each([
    ['compression.perSegment=2', 'perSegment'],
    ['compression.workingMemory=5', '5'],
  ])('%s', async (setting, needle) => {
    const ended = await withinProcess(['run', TINY, '--dry-run', '--set', 'compressor=recurrent', '--set', setting]);
    expect([ended.status === 0, ended.stdout]).toEqual([false, '']);
    expect(ended.stderr).toContain(needle);
  });

  it('a stage that such an experiment does not have', async () => {
    expect(await withinProcess(['distill', TINY, '--out', join(folder, 'refused')])).toEqual(exit('E_USAGE', '"distill"'));
  });
});

describe('the settings of a compressor', () => {
  it('change what its stage trains, and no stage of a compressor that does not read them', async () => {
    const out = join(folder, 'perceiver');
    const short = settings({ compressor: 'perceiver', 'train.steps': 2, 'baselines.steps': 2, 'baselines.methods': ['mean-pool'] });
    const run = async (rounds: number) => {
      const { status, stdout, stderr } = await withinProcess([
        ...['run', TINY, '--out', out, '--json', ...short],
        ...settings({ 'compression.rounds': rounds }),
      ]);
      expect(status, stderr).toBe(0);
      return { stderr, parameters: (JSON.parse(stdout) as SupervisedResults).methods.cad.parameters };
    };
    const [one, three] = [await run(1), await run(3)];
    expect(three.parameters).toBeGreaterThan(one.parameters);
    expect(progressOf(three.stderr, 'cad')).not.toEqual([]);
    expect(progressOf(three.stderr, 'mean-pool')).toEqual([]);
  });
});

describe('its configuration', () => {
  it('is printed and has a schema in which every key is described', async () => {
    const printed = await withinProcess(['config', 'print', TINY, '--json', '--set', 'model.latents=4']);
    expect(JSON.parse(printed.stdout)).toMatchObject({ problem: { id: 'linear-regression' }, model: { latents: 4 }, queries: 4 });
    const schema = await withinProcess(['config', 'schema', '--kind', 'supervised']);
    expect(JSON.parse(schema.stdout).properties).toHaveProperty('problem');
    const missing: string[] = [];
    const walk = ({ properties }: JsonSchema, path: string): void => {
      for (const [key, child] of Object.entries(properties ?? {})) {
        if (!child.description) missing.push(path + key);
        walk(child, `${path}${key}.`);
      }
    };
    walk(configJsonSchema(supervisedSchema()), '');
    expect(missing).toEqual([]);
  });

  it.each(['regression', 'regression-d10', 'classification', 'sinusoids'])('experiments/%s.yaml names every setting', name => {
    const file = fileURLToPath(new URL(`../experiments/${name}.yaml`, import.meta.url));
    const config = loadConfig(supervisedSchema(), { file });
    expect(config.name).toBe(name);
    const text = readFileSync(file, 'utf8');
    for (const key of Object.keys(config)) expect(text, key).toContain(`\n${key}:`);
  });
});
