/** @file A study on the tiny experiment: test tasks stay out of reach, stages are shared, a killed study goes on, the best can be run. */

import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { loadExperiment } from '../src/config/experiment.ts';
import { statedSelection } from '../src/config/selection.ts';
import { openTasks } from '../src/histories/tasks.ts';
import { SEARCHES, trialConfig } from '../src/pipeline/tune.ts';
import type { Study } from '../src/records/index.ts';
import type { EnvFamily, Task } from '../src/rl/index.ts';
import type { ErrorCode } from '../src/util/errors.ts';
import { sha256File } from '../src/util/files.ts';
import { stageTitle } from '../src/util/progress.ts';
import { cadenza, settings, stageFiles, start, TINY, withinProcess } from './helpers/command.ts';
import { carrying, exit, failure, type Needle } from './helpers/failure.ts';

/** Content keys of every task that this process plays, plans in, or uses the oracle of. */
const touched = new Set<string>();
vi.mock('../src/envs/index.ts', async original => {
  const module = await original<typeof import('../src/envs/index.ts')>();
  const watched = (family: EnvFamily): EnvFamily => {
    const touch = (task: Task) => touched.add(family.taskKey(task));
    return {
      ...family,
      make(tasks, random) {
        tasks.forEach(touch);
        return family.make(tasks, random);
      },
      oracleReturn(task) {
        touch(task);
        return family.oracleReturn!(task);
      },
      ...(family.model && {
        model: {
          ...family.model,
          reward(task, ...rest) {
            touch(task);
            return family.model!.reward(task, ...rest);
          },
        },
      }),
    };
  };
  return { ...module, environment: (...args: Parameters<typeof module.environment>) => watched(module.environment(...args)) };
});

const folder = mkdtempSync(join(tmpdir(), 'cadenza-tune-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const space = (name: string, text: string) => {
  const file = join(folder, `${name}.yaml`);
  writeFileSync(file, text);
  return file;
};
const GAMMA = space('gamma', 'finetune.gamma: { uniform: [0, 1] }\nfinetune.compressorLearningRateScale: { values: [0.5, 1] }\n');
const SHORT = settings({
  ...Object.fromEntries(['teacher', 'pretrain', 'distill'].map(stage => [`${stage}.steps`, 5])),
  'finetune.steps': 9,
});
const base = () => loadExperiment(TINY);
const keysOf = (config: ReturnType<typeof base>) => {
  const { family, train, validation, test } = openTasks(config);
  return { train: train.map(family.taskKey), validation: validation.map(family.taskKey), test: test.map(family.taskKey) };
};
const read = (out: string) => JSON.parse(readFileSync(join(out, 'tune.json'), 'utf8')) as Study;
const stagesOf = (out: string, name: string) =>
  readdirSync(join(out, 'stages')).filter(stage => stage.replace(/-[0-9a-f]{12}$/, '') === name);

describe('the configuration of a trial', () => {
  it('is scored on validation tasks, whatever the experiment says', () => {
    const config = trialConfig(base(), { 'finetune.gamma': 0.7, 'optimizer.learningRate': 0.02 });
    expect(config).toMatchObject({
      evaluate: { tasks: 'validation' },
      split: { ...base().split, validation: 4 },
      finetune: { gamma: 0.7 },
      optimizer: { learningRate: 0.02 },
      baselines: { steps: 0, methods: [] },
      tables: [],
    });
    const own = loadExperiment(TINY, ['split.validation=7']);
    expect(trialConfig(own, {}).split.validation).toBe(7);
  });

  it('takes its validation tasks from the training tasks; the test tasks are those of the experiment', () => {
    const [before, within] = [keysOf(base()), keysOf(trialConfig(base(), {}))];
    expect(within.test).toEqual(before.test);
    expect([...within.validation, ...within.train]).toEqual(before.train);
    expect(within.validation).toHaveLength(4);
  });

  it.each(['evaluate.tasks', 'evaluate.episodes', 'split.seed', 'split.heldOut', 'split'])('may not set %s', key => {
    expect(() => trialConfig(base(), { [key]: 'test' })).toThrow(failure('E_CONFIG', key));
  });

  it('has a teacher only where one is followed', () => {
    expect(trialConfig(base(), {}).teacher.steps).toBe(80);
    expect(trialConfig(base(), { 'distill.beta': 0, 'finetune.beta': 0 }).teacher.steps).toBe(0);
  });
});

describe('rounds', () => {
  it('of successive halving train one in η for η times as many steps', () => {
    const { rounds } = SEARCHES.halving;
    const of = (...args: [number, number, number]) => rounds(...args).map(({ trials, steps }) => [trials, steps]);
    expect(of(9, 900, 3)).toEqual([
      [9, 100],
      [3, 300],
      [1, 900],
    ]);
    expect(of(10, 100, 2)).toEqual([
      [10, 13],
      [5, 25],
      [2, 50],
      [1, 100],
    ]);
    expect(of(2, 80, 3)).toEqual([[2, 80]]);
  });

  it('of random search train all to the end', () => {
    expect(SEARCHES.random.rounds(7, 80)).toEqual([{ trials: 7, steps: 80 }]);
  });
});

describe('a study by successive halving', () => {
  const out = join(folder, 'halving');
  let stdout = '';
  beforeAll(async () => {
    touched.clear();
    const ended = await withinProcess(['tune', TINY, '--space', GAMMA, '--out', out, '--trials', '9', '--method', 'halving', ...SHORT]);
    expect(ended.status, ended.stderr).toBe(0);
    stdout = ended.stdout;
  }, 60_000);

  it('never touches a test task, and does touch training and validation tasks', () => {
    const { test, validation, train } = keysOf(trialConfig(base(), {}));
    expect(test.filter(key => touched.has(key))).toEqual([]);
    for (const key of [...validation, ...train]) expect(touched.has(key), key).toBe(true);
    expect(touched.size + test.length).toBe(81);
    expect(read(out).validationTasks).toEqual(validation);
  });

  it('would have been caught: a run does touch them', async () => {
    touched.clear();
    const { status } = await withinProcess(['run', TINY, '--out', join(folder, 'run'), ...SHORT, ...settings({ 'baselines.steps': 0 })]);
    expect(status).toBe(0);
    for (const key of keysOf(base()).test) expect(touched.has(key)).toBe(true);
  });

  it('trains the best third of every round for three times as many steps', () => {
    const { trials } = read(out);
    expect(trials.map(({ rungs }) => rungs.length)).toEqual([3, 2, 2, 1, 1, 1, 1, 1, 1]);
    for (const { rungs } of trials) expect(rungs.map(({ steps }) => steps)).toEqual([1, 3, 9].slice(0, rungs.length));
    const first = (deep: boolean) => trials.filter(({ rungs }) => rungs.length > 1 === deep).map(({ rungs }) => rungs[0].score!.mean);
    expect(Math.min(...first(true))).toBeGreaterThanOrEqual(Math.max(...first(false)));
    expect(trials.map(({ trial }) => trial).sort()).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
    expect(new Set(trials.map(({ settings }) => JSON.stringify(settings))).size).toBe(9);
  });

  it('shares the stages that its settings do not reach', () => {
    for (const stage of ['generate', 'teacher-seed0', 'pretrain-seed0', 'distill-seed0']) expect(stagesOf(out, stage)).toHaveLength(1);
    expect(stagesOf(out, 'finetune-seed0')).toHaveLength(9 + 3 + 1);
    expect(stagesOf(out, 'evaluate-cad-seed0')).toHaveLength(9 + 3 + 1);
    expect(readdirSync(join(out, 'stages'))).toHaveLength(4 + 2 * 13);
  });

  it('prints a table with intervals, ties and settings', () => {
    const { trials, tied } = read(out);
    const lines = stdout.split('\n');
    expect(lines[0]).toMatch(/ finetune\.gamma +finetune\.compressorLearningRateScale/);
    expect(lines[1]).toMatch(new RegExp(`^${trials[0].trial} +\\S+ +\\d\\.\\d{3} \\[(\\d\\.\\d{3}, \\d\\.\\d{3}|–)\\] +9 `));
    expect(lines.filter(line => / ≈ /.test(line))).toHaveLength(tied.length);
    const prose = stdout.replace(/\s+/g, ' ');
    expect(prose).toEqual(carrying('95%', 4));
  });

  it('writes the best configuration as an experiment of its own, with its evaluation untouched', () => {
    const best = loadExperiment(join(out, 'best.yaml'));
    const { settings: chosen } = read(out).trials[0];
    expect(best).toMatchObject({ name: 'tiny-tuned', evaluate: base().evaluate, split: base().split, baselines: base().baselines });
    // Where they come from goes with them: the study, and the tasks that it saw.
    expect(best.selection).toMatchObject({ by: 'validation', tasks: read(out).validationTasks, note: carrying(9) });
    expect(best.selection.study).toBe(sha256File(join(out, 'tune.json')));
    expect(statedSelection(best)).toEqual(best.selection);
    expect(best.finetune).toMatchObject({
      steps: 9,
      gamma: chosen['finetune.gamma'] ?? 0.1,
      compressorLearningRateScale: chosen['finetune.compressorLearningRateScale'] ?? 0.5,
    });
  });
});

describe('a study at random', () => {
  const args = (out: string, ...more: string[]) => ['tune', TINY, '--space', GAMMA, '--out', out, '--trials', '3', ...more];

  it('killed in the middle and resumed, ends as one that was left alone', async () => {
    const [whole, hit] = [join(folder, 'whole'), join(folder, 'hit')];
    const long = settings({ 'finetune.steps': 120 });
    const reference = cadenza(...args(whole, ...long, '--json'));
    const { child, ended } = start(args(hit, ...long));
    const underWay = () =>
      existsSync(join(hit, 'stages')) &&
      stagesOf(hit, 'finetune-seed0').some(stage => {
        const names = readdirSync(join(hit, 'stages', stage));
        return names.includes('checkpoint.safetensors') && !names.includes('stage.json') && stagesOf(hit, 'finetune-seed0').length === 2;
      });
    while (!underWay() && child.exitCode === null) await sleep(2);
    child.kill('SIGKILL');
    expect((await ended).signal).toBe('SIGKILL');
    expect(read(hit).trials).toHaveLength(1);
    const resumed = await withinProcess(args(hit, ...long));
    expect(resumed.status, resumed.stderr).toBe(0);
    const lines = resumed.stderr.split('\n').filter(line => line.includes(` ${stageTitle('finetune', 0)}: `));
    expect(lines).toContainEqual(carrying('1/2', /: .*\b[1-9]\d*\D+120\b/));
    const { run: _, ...study } = JSON.parse((await reference).stdout) as Study;
    expect(read(hit)).toMatchObject({ ...study });
    const [a, b] = [stageFiles(hit), stageFiles(whole)];
    expect([...a].filter(([path, bytes]) => !bytes.equals(b.get(path)!))).toEqual([]);
    expect([...a.keys()]).toEqual([...b.keys()]);
  });

  it('ranks settings under which training diverges last, instead of failing', async () => {
    const wild = space('wild', 'finetune.weightDecay: { values: [100000] }\n');
    const out = join(folder, 'wild');
    const ended = await withinProcess([
      'tune',
      TINY,
      '--space',
      wild,
      '--out',
      out,
      '--trials',
      '2',
      ...SHORT,
      ...settings({ 'finetune.steps': 80 }),
    ]);
    expect(ended.status, ended.stderr).toBe(0);
    expect(read(out).trials.map(({ trial, rungs }) => [trial, rungs[0].score === null])).toEqual([
      [0, false],
      [1, true],
    ]);
    expect(ended.stdout).toMatch(/^1 +[^\d\s]+ /m);
  });

  it.each<[string, string[], ErrorCode, Needle[]]>([
    ['no space', ['tune', TINY], 'E_USAGE', ['--space']],
    ['one trial', args('x', '--trials', '1'), 'E_USAGE', ['--trials 1', 2]],
    ['an unknown method', args('x', '--method', 'grid'), 'E_USAGE', ['--method', 'random, halving']],
    ['halving without its resource', args('x', '--method', 'halving', '--set', 'finetune.steps=0'), 'E_CONFIG', ['finetune.steps', 0]],
    [
      'settings that never go together',
      ['tune', TINY, '--space', space('odd', 'model.width: { values: [17] }\n')],
      'E_CONFIG',
      ['model.width', 'model.heads'],
    ],
    [
      'a compressor that does not exist',
      ['tune', TINY, '--space', space('c', 'compressor: { values: [nonesuch] }\n')],
      'E_CONFIG',
      ['"nonesuch"'],
    ],
  ])('refuses %s', async (_, given, code, needles) => {
    const ended = await withinProcess(given);
    expect(ended).toEqual(exit(code, ...needles));
    expect(ended.stdout).toBe('');
  });
});
