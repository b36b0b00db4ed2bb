/** @file Lifelong evaluation end to end: a tiny agent lives in changing tasks, with and without interventions on its memory. */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectLife } from '../src/analysis/life.ts';
import { loadExperiment } from '../src/config/experiment.ts';
import { type MethodTable, type RawReturns, type Results, referenceIn, scoreMethod } from '../src/records/index.ts';
import { sealResults } from '../src/records/seal.ts';
import { drawnOf } from '../src/reports/figures/draw.ts';
import { figuresOf } from '../src/reports/figures/index.ts';
import { formatResults, htmlReport, openResults, summarize } from '../src/reports/index.ts';
import { stageFiles, stageFolder, withinProcess } from './helpers/command.ts';
import { failure } from './helpers/failure.ts';
import './helpers/buttons.ts';

const folder = mkdtempSync(join(tmpdir(), 'cadenza-life-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const file = join(folder, 'life.yaml');
writeFileSync(
  file,
  `
name: life
env: { id: buttons }
split: { heldOut: 3 }
source: { id: ucb, histories: 2, episodes: 1, noise: { fraction: 0 } }
context: { segment: 4, segments: 1 }
compressor: recurrent
model: { width: 16, heads: 2, feedForward: 2, encoderLayers: 1, decoderLayers: 1, latents: 2 }
optimizer: { warmup: 2, batch: 4 }
teacher: { steps: 0 }
pretrain: { steps: 0 }
distill: { steps: 0, beta: 0 }
finetune: { steps: 10, beta: 0 }
baselines: { steps: 10, methods: [none] }
evaluate:
  episodes: 1
  streams: 2
  resamples: 50
  imitationHistories: 0
  timedActions: 0
  window: 10
  recoveryBin: 5
  interventions: [clear-at-change, clear-at-attempt, { clear-once: 40 }, { donor: 40 }]
  envs: [{ name: long, options: { horizon: 200 } }]
executor: { threads: 1 }
`,
);
const out = join(folder, 'run');
const read = <T>(name: string) => JSON.parse(readFileSync(join(out, name), 'utf8')) as T;
const AGENTS = ['cad', 'cad-cleared-at-40', 'cad-cleared-at-attempts', 'cad-cleared-at-changes', 'cad-donor-at-40'];

describe('a tiny life', () => {
  let results: Results;
  let raw: RawReturns;
  let methods: MethodTable;
  beforeAll(async () => {
    const { status, stderr } = await withinProcess(['run', file, '--out', out]);
    expect(status, stderr).toBe(0);
    [results, raw] = [read('results.json'), read('returns.json')];
    methods = results.methods;
  }, 60_000);

  it('has a method for every intervention on the agent, and none for the baselines', () => {
    expect(Object.keys(methods).sort()).toEqual([...AGENTS, 'none', 'random', 'source'].sort());
  });

  it('has scores by window and recovery curves by bin, in what the environment counts', () => {
    expect([results.episodes, results.protocols!.life.window]).toEqual([8, { calls: 10, outcome: 'presses' }]);
    expect(referenceIn(methods)).toEqual({ kind: 'raw', low: 0, high: 1, window: { calls: 10, outcome: 'presses' } });
    for (const { byEpisode, recovery, episodesTo, profile } of Object.values(methods)) {
      expect([byEpisode.mean.length, episodesTo, profile]).toEqual([8, undefined, undefined]);
      const { bin, first, later } = recovery!;
      expect([bin, first.byBin.mean.length, later.byBin.mean.length]).toEqual([5, 4, 4]);
      for (const { overall, byBin } of [first, later]) {
        expect(overall.low <= overall.mean && overall.mean <= overall.high).toBe(true);
        expect(byBin.mean.reduce((a, b) => a + b) / 4).toBeCloseTo(overall.mean, 9);
      }
      // The first layout has two windows of ten calls.
      expect(10 * first.overall.mean).toBeCloseTo((byEpisode.mean[0] + byEpisode.mean[1]) / 2, 9);
      expect(10 * later.overall.mean).toBeCloseTo(byEpisode.mean.slice(2).reduce((a, b) => a + b) / 6, 9);
    }
  });

  it('lives longer where the environment does', () => {
    expect(results.protocols!.long).toMatchObject({ episodes: 20, window: { calls: 10, outcome: 'presses' } });
    expect(Object.keys(results.tables!.long).sort()).toEqual(Object.keys(methods).sort());
    expect(raw.tables.long.recovery).toEqual({ bin: 5, first: 4, later: 4 });
  });

  it.each([
    ['a window of its own', ({ none }: MethodTable) => Object.assign(none, { window: { calls: 9, outcome: 'presses' } })],
    ['no window', ({ none }: MethodTable) => Object.assign(none, { window: undefined })],
    ['no recovery', ({ none }: MethodTable) => Object.assign(none, { recovery: undefined })],
    ['other bins', ({ none }: MethodTable) => Object.assign(none.recovery!, { bin: 6 })],
  ])('is refused if a method has %s', (_, damage) => {
    const damaged = structuredClone(results);
    damage(damaged.methods);
    const place = mkdtempSync(join(folder, 'damaged-'));
    writeFileSync(join(place, 'results.json'), JSON.stringify(sealResults(damaged)));
    expect(() => openResults(place)).toThrow(failure('E_DATA', 'methods.none'));
  });

  it('draws the same with an intervention, until that takes place', () => {
    const returns = (method: string) => raw.tables.life.methods[method].returns[0];
    const until = (method: string, windows: number) => returns(method).filter((_, at) => at % 8 < windows);
    for (const method of ['cad-cleared-at-40', 'cad-donor-at-40']) expect(until(method, 4)).toEqual(until('cad', 4));
    expect(until('cad-cleared-at-changes', 2)).toEqual(until('cad', 2));
    const distinct = new Set(AGENTS.map(method => JSON.stringify(returns(method))));
    expect(distinct.size).toBe(AGENTS.length);
  });

  it('can be computed again from the raw returns, and is read back', () => {
    for (const [name, { flopsPerAction, stateBytes, historyBytes, bitsPerContext, codes, budget, given, ...row }] of Object.entries(
      methods,
    ))
      expect(JSON.parse(JSON.stringify(scoreMethod(raw.tables.life, name, { flopsPerAction, stateBytes, historyBytes })))).toEqual({
        flopsPerAction,
        stateBytes,
        historyBytes,
        ...row,
      });
    expect(openResults(out).results).toEqual(results);
  });

  it('is shown on the terminal, on the page, in figures and in a paper', async () => {
    const shown = methods.cad.recovery!.later.overall;
    expect(formatResults(results, { width: 300 })).toContain((10 * shown.mean).toFixed(2));
    expect(htmlReport(results)).toContain((10 * shown.mean).toFixed(2));
    expect(summarize(results)[0]).toContain(methods.cad.return!.mean.toFixed(2));
    expect(figuresOf('methods').flatMap(each => (drawnOf(each, methods) ? [each.id] : []))).toEqual(['curves', 'recovery', 'first-layout']);
    const report = join(folder, 'report');
    const { status, stderr } = await withinProcess(['report', out, '--out', report]);
    expect(status, stderr).toBe(0);
    for (const method of AGENTS) expect(readFileSync(join(report, 'paper/methods.tex'), 'utf8')).toContain(method);
  });

  it('is played again to the same bytes where a stage is missing', async () => {
    const before = stageFiles(out);
    rmSync(stageFolder(out, 'evaluate-cad-donor-at-40-seed0')!, { recursive: true });
    rmSync(stageFolder(out, 'evaluate-source-seed0')!, { recursive: true });
    const { status, stderr } = await withinProcess(['run', file, '--out', out]);
    expect(status, stderr).toBe(0);
    expect(stageFiles(out)).toEqual(before);
    expect(read<RawReturns>('returns.json')).toEqual(raw);
  });

  it('is not compared with a life of other windows', async () => {
    const other = join(folder, 'other');
    const set = ['evaluate.window=20', 'evaluate.interventions=[]'].flatMap(each => ['--set', each]);
    expect((await withinProcess(['run', file, '--out', other, ...set])).status).toBe(0);
    expect((await withinProcess(['compare', out, other])).status).not.toBe(0);
    expect((await withinProcess(['compare', out, out, '--method', 'none,cad'])).stderr).toBe('');
  });
});

describe('what is impossible is refused before anything runs', () => {
  const config = (...sets: string[]) => loadExperiment(file, sets);

  it.each([
    ['evaluate.window=7', 'evaluate.window', '80'],
    ['evaluate.recoveryBin=21', 'evaluate.recoveryBin'],
    ['evaluate.interventions=[{clear-once: 80}]', '80'],
    ['evaluate.interventions=[{donor: 81}]', '80'],
    ['evaluate.maxTasks=1', 'donor'],
    ['evaluate.episodes=2', 'donor'],
  ])('%s', (set, ...named) => {
    expect(() => expectLife(config(set))).toThrow(failure('E_CONFIG', ...named));
  });

  it('recovery and interventions without windows, and what the environment does not declare', () => {
    const { window: _, ...evaluate } = config().evaluate;
    expect(() => expectLife({ ...config(), evaluate })).toThrow(failure('E_CONFIG', 'evaluate.window'));
    const room = (intervention: string) =>
      loadExperiment('experiments/tiny.yaml', ['evaluate.window=20', `evaluate.interventions=[${intervention}]`]);
    for (const intervention of ['clear-at-change', 'clear-at-attempt'])
      expect(() => expectLife(room(intervention))).toThrow(failure('E_CONFIG', intervention, 'dark-room'));
    expect(() => expectLife(room('{clear-once: 20}'))).not.toThrow();
  });

  it('an intervention that is listed twice, or unknown', () => {
    expect(() => config('evaluate.interventions=[{donor: 5}, {donor: 5}]')).toThrow(failure('E_CONFIG', 'evaluate.interventions'));
    expect(() => config('evaluate.interventions=[clear-never]')).toThrow(failure('E_CONFIG', 'evaluate.interventions'));
  });
});
