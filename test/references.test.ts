/** @file An environment that knows neither its oracle, nor a model, nor its largest reward: played, trained, scored and reported by the command line. */

import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { environment, environments } from '../src/envs/index.ts';
import type { Inspection, Results, ReturnsTable, Study } from '../src/records/index.ts';
import { openRun, rawTable } from '../src/reports/index.ts';
import type { ComparisonReport } from '../src/reports/terminal/comparison.ts';
import type { EnvFamily } from '../src/rl/index.ts';
import type { ErrorCode } from '../src/util/errors.ts';
import { settings, TINY, withinProcess } from './helpers/command.ts';
import { exit } from './helpers/failure.ts';

/** Dark Room as somebody else would bring it: every step costs something, and nothing is known but how to play. */
function foreignRoom(): EnvFamily {
  const { observationSpace, actionSpace, horizon, tasks, taskKey, make } = environment('dark-room', { size: 5, horizon: 12 });
  return {
    id: 'foreign-room',
    observationSpace,
    actionSpace,
    horizon,
    tasks,
    taskKey,
    make(tasks, random) {
      const { size, reset, step } = make(tasks, random);
      return {
        size,
        reset,
        step(actions) {
          const result = step(actions);
          return { ...result, reward: result.reward.map(reward => 2 * reward - 0.25) };
        },
      };
    },
  };
}
environments.register({ id: 'foreign-room', description: 'a room that somebody else made', options: {}, create: foreignRoom });

const root = mkdtempSync(join(tmpdir(), 'cadenza-references-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));
const at = (name: string) => join(root, name);

const FOREIGN = settings({
  'env.id': 'foreign-room',
  'source.id': 'q-learning',
  'source.episodes': 30,
  'teacher.steps': 0,
  'pretrain.steps': 5,
  'distill.steps': 5,
  'distill.beta': 0,
  'finetune.steps': 20,
  'baselines.steps': 0,
  'policy.returns': { episodes: 2, bins: 9, weight: 1, largest: 10 },
  'evaluate.episodes': 30,
});
const given = settings({ 'evaluate.reference': { low: -3, high: 17 } });

async function command(...args: string[]): Promise<string> {
  const { status, stdout, stderr } = await withinProcess(args);
  expect(status, stdout + stderr).toBe(0);
  return stdout;
}
const run = (name: string, ...more: string[]) => command('run', TINY, '--out', at(name), ...FOREIGN, ...more);
const refused = async (code: ErrorCode, args: string[], ...needles: (string | RegExp)[]) => {
  expect(await withinProcess(args)).toEqual(exit(code, ...needles));
};

const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;
/** [T] mean returns of a row over its last episodes, by hand. */
const byTask = ({ tasks, streams, episodes, methods }: ReturnsTable, name: string, last: number): number[] =>
  tasks.map((_, t) =>
    mean(
      methods[name].returns.flatMap(returns =>
        Array.from({ length: streams }, (_, s) => mean(returns.slice(0, (t * streams + s + 1) * episodes).slice(-last))),
      ),
    ),
  );

beforeAll(async () => {
  await run('measured');
  await run('given', ...given);
}, 120_000);

describe('an environment without an oracle', () => {
  it('is scored by random choice and the source, as measured on the evaluated tasks', () => {
    const { results } = openRun(at('measured'));
    const table = rawTable(openRun(at('measured')));
    const low = byTask(table, 'random', table.episodes);
    const range = mean(byTask(table, 'source', 5)) - mean(low);
    expect(range).toBeGreaterThan(0);
    expect([results.oracle, table.oracle]).toEqual([undefined, undefined]);
    for (const [name, { final, area, perTask, reference, return: earned }] of Object.entries(results.methods)) {
      const returns = byTask(table, name, 5);
      expect(reference!.kind, name).toBe('measured');
      expect(reference!.low).toBeCloseTo(mean(low), 10);
      expect(reference!.high).toBeCloseTo(mean(low) + range, 10);
      for (const [t, entry] of perTask.entries()) {
        expect(entry).toEqual({
          task: table.tasks[t],
          low: expect.closeTo(low[t], 10),
          high: expect.closeTo(low[t] + range, 10),
          return: expect.closeTo(returns[t], 10),
          mean: expect.closeTo((returns[t] - low[t]) / range, 10),
        });
      }
      expect(earned!.mean, name).toBeCloseTo(mean(returns), 10);
      expect(earned!.low <= earned!.mean && earned!.mean <= earned!.high).toBe(true);
      // A mean score is the mean return in other units.
      expect(final.mean, name).toBeCloseTo((mean(returns) - mean(low)) / range, 10);
      expect(area!.mean, name).toBeCloseTo((mean(byTask(table, name, table.episodes)) - mean(low)) / range, 10);
    }
    expect(results.methods.source.final.mean).toBeCloseTo(1, 10);
    expect(results.methods.random.area!.mean).toBeCloseTo(0, 10);
  });

  it('is scored by two given returns, from the same rollouts', () => {
    const { results } = openRun(at('given'));
    const [table, measured] = ['given', 'measured'].map(name => rawTable(openRun(at(name))));
    expect(table.methods).toEqual(measured.methods);
    expect(table.reference).toEqual({ kind: 'given', low: table.tasks.map(() => -3), high: table.tasks.map(() => 17) });
    for (const [name, { final, reference, return: earned }] of Object.entries(results.methods)) {
      expect(reference).toEqual({ kind: 'given', low: -3, high: 17 });
      expect(final.mean, name).toBeCloseTo((mean(byTask(table, name, 5)) + 3) / 20, 10);
      expect(final.mean, name).toBeCloseTo((earned!.mean + 3) / 20, 10);
    }
  });

  it('divides errors of predicted returns by the same distance', () => {
    const errorsIn = (name: string) => openRun(at(name)).results.returns!.tiny.predictors;
    const { low, high } = openRun(at('measured')).results.methods.cad.reference!;
    const [measured, other] = [errorsIn('measured'), errorsIn('given')];
    for (const name of Object.keys(measured))
      expect(measured[name].absolute.mean * (high - low), name).toBeCloseTo(other[name].absolute.mean * 20, 8);
  });

  it.each(['measured', 'given'])('has a page, figures and a paper that say the reference (%s)', async name => {
    const { low, high } = openRun(at(name)).results.methods.cad.reference!;
    await command('report', at(name));
    const [page, own] = ['report/report.html', 'results.html'].map(file => readFileSync(join(at(name), file), 'utf8'));
    const ends = name === 'measured' ? /\b0\b[^<]*\brandom\b[^<]*\b1\b[^<]*\bsource\b/ : /\b0\b[^<]*-3\b[^<]*\b1\b[^<]*\b17\b/;
    for (const text of [page, own, readFileSync(join(at(name), 'results.svg'), 'utf8')]) {
      expect(text).toMatch(ends);
      expect(text).not.toMatch(/oracle(?!Return)|NaN|undefined/);
    }
    for (const value of [low, high]) expect(page).toContain(String(+value.toFixed(3)));
    const tex = ['methods', 'tables', 'main'].map(file => readFileSync(join(at(name), 'report/paper', `${file}.tex`), 'utf8')).join();
    for (const value of [low, high]) expect(tex).toContain(`\\num{${name === 'given' ? value : value.toFixed(3)}}`);
    expect(tex).not.toMatch(/oracle|NaN|undefined/);
  });

  it('is compared in the same units only', async () => {
    const compare = (...args: string[]) => ['compare', ...args];
    const twin = JSON.parse(await command(...compare(at('measured'), '--method', 'random,source', '--json'))) as ComparisonReport;
    expect(twin.reference.kind).toBe('measured');
    expect(twin.measures.final!.after).toBeCloseTo(1, 10);
    expect(twin.after.return!.mean).toBeGreaterThan(twin.before.return!.mean);
    await command(...compare(at('measured'), '--method', 'random,source'));
    await refused('E_DATA', compare(at('measured'), at('given'), '--method', 'cad'), 'evaluate.reference');
    await refused('E_DATA', ['report', at('measured'), at('given'), '--out', at('both')], 'evaluate.reference');
    expect(existsSync(at('both'))).toBe(false);
  });

  it('is looked into, but for returns with exchanged memories where no two returns are given', async () => {
    const few = ['--tasks', '3', '--streams', '2', '--exchanged', '2', '--json'];
    const [measured, other] = [
      JSON.parse(await command('inspect', at('measured'), ...few)) as Inspection,
      JSON.parse(await command('inspect', at('given'), ...few)) as Inspection,
    ];
    expect([measured.transplants, measured.reference]).toEqual([{ missing: expect.stringContaining('evaluate.reference') }, undefined]);
    expect(other.reference).toBe('given');
    expect(other.transplants).toHaveProperty('heldOut.own.return.mean');
  }, 60_000);
});

describe('an ablation without an oracle', () => {
  const ablation = (name: string, axis: string, more = '') => {
    const file = at(`${name}.yaml`);
    writeFileSync(file, `name: ${name}\nbase: ${TINY}\naxes:\n  - { name: ${name}, values: ${axis} }\n${more}`);
    return file;
  };

  it('has one table by one reference', async () => {
    const file = ablation('latents', '{ m1: { model: { latents: 1 } }, m2: {} }');
    const results = JSON.parse(await command('ablate', file, '--out', at('ablation'), '--json', ...FOREIGN)) as Results;
    const references = Object.values(results.methods).map(({ reference }) => reference);
    expect(references.length).toBe(4);
    expect(new Set(references.map(reference => JSON.stringify(reference))).size).toBe(1);
    // The same source on the same tasks.
    expect(results.methods.source.reference).toEqual(openRun(at('measured')).results.methods.source.reference);
    openRun(at('ablation'));
  }, 60_000);

  it('of sources needs one that is given', async () => {
    const file = ablation('learning', '{ slow: { source: { options: { stepSize: 0.1 } } }, fast: {} }', 'rate: { along: learning }\n');
    await refused('E_DATA', ['ablate', file, '--out', at('sources'), ...FOREIGN], 'evaluate.reference', 'q-learning', 'stepSize');
    const set = settings({ 'evaluate.reference': { low: -100, high: 17 }, 'teacher.steps': 5 });
    const results = JSON.parse(await command('ablate', file, '--out', at('sources'), '--json', ...FOREIGN, ...set)) as Results;
    const { 'source slow': source, 'cad fast': cad, teacher } = results.methods;
    expect(source.reference).toEqual({ kind: 'given', low: -100, high: 17 });
    expect(cad.final.mean).toBeCloseTo((cad.return!.mean + 100) / 117, 10);
    expect(results.rate!.points.map(({ method }) => method).sort()).toEqual(['cad fast', 'cad slow']);
    const point = results.rate!.points.find(({ method }) => method === 'cad fast')!;
    expect(point.final.mean).toBeCloseTo(cad.final.mean / teacher.final.mean, 10);
  }, 60_000);
});

describe('a study without an oracle', () => {
  const space = (name: string, text: string) => {
    writeFileSync(at(`${name}.yaml`), text);
    return at(`${name}.yaml`);
  };
  const tune = (file: string, ...more: string[]) => [
    'tune',
    TINY,
    '--space',
    file,
    '--trials',
    '2',
    '--method',
    'random',
    ...FOREIGN,
    ...more,
  ];

  it('scores all trials by what the source of the experiment earns on validation tasks', async () => {
    const out = at('study');
    await command(...tune(space('gamma', 'finetune.gamma: { uniform: [0, 1] }\n'), '--out', out));
    const study = JSON.parse(readFileSync(join(out, 'tune.json'), 'utf8')) as Study;
    const { kind, low, high } = study.reference!;
    expect(kind).toBe('measured');
    for (const { rungs } of study.trials) {
      const { mean, return: earned } = rungs[0].score!;
      expect((earned!.mean - low) / (high - low)).toBeCloseTo(mean, 10);
    }
  }, 60_000);
});

it.each([
  ['evaluate.reference oracle', { 'evaluate.reference': 'oracle' }, ['oracleReturn', 'foreign-room']],
  ['policy.returns without a largest return', { 'policy.returns': { episodes: 2, bins: 9, weight: 1 } }, ['policy.returns.largest']],
  ['reinforce without a largest reward', { 'reinforce.steps': 1 }, ['reinforce.rewardMax']],
  ['the baseline oracle', { 'baselines.methods': ['oracle'] }, ['foreign-room']],
  ['a baseline with optimal labels', { 'baselines.methods': ['dpt'], 'baselines.steps': 5 }, ['foreign-room']],
  ['a Monte-Carlo teacher', { 'teacher.kind': 'monte-carlo', 'finetune.beta': 0.5 }, ['teacher.kind', 'foreign-room']],
  ['a planning source', { 'source.id': 'r-max' }, ['foreign-room']],
  ['an expert', { 'source.id': 'noise-curriculum' }, ['foreign-room']],
])('%s is refused before anything runs', async (_, values, needles) => {
  const out = at('refused');
  await refused(
    'E_CONFIG',
    ['run', TINY, '--out', out, ...FOREIGN, ...settings(values as Record<string, unknown>)],
    ...(needles as string[]),
  );
  expect(existsSync(out)).toBe(false);
});

it('reinforces in the units of a given largest reward, and logs raw returns', async () => {
  const values = { 'reinforce.steps': 1, 'reinforce.rewardMax': 2, 'reinforce.streams': 4, 'reinforce.episodes': 3, 'reinforce.batch': 4 };
  await run('reinforced', ...settings(values));
  expect(openRun(at('reinforced')).results.methods).toHaveProperty('reinforced');
}, 60_000);
