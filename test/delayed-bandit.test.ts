/** @file The delayed bandit end to end: drawn tasks, histories with distractors, UCB against random play, and evaluation at other delays. */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadExperiment } from '../src/config/experiment.ts';
import { openHistories, readManifest } from '../src/data/index.ts';
import { openTasks } from '../src/histories/tasks.ts';
import { expectBuildable } from '../src/pipeline/buildable.ts';
import type { RawReturns, Results, Study } from '../src/records/index.ts';
import type { ComparisonReport } from '../src/reports/index.ts';
import { stageFiles, stageFolder, withinProcess } from './helpers/command.ts';
import { carrying, failure } from './helpers/failure.ts';

const folder = mkdtempSync(join(tmpdir(), 'cadenza-bandit-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const PRESET = fileURLToPath(new URL('../experiments/delayed-bandit.yaml', import.meta.url));
const TINY = `
name: tiny-bandit
seeds: [0, 1]
env: { id: delayed-bandit, options: { arms: 3, pulls: 8, delay: 4 } }
split: { tasks: 6, heldOut: 20 }
source: { id: ucb, histories: 1, episodes: 1, noise: { fraction: 0 } }
context: { segment: 4, segments: 4 }
compressor: recurrent
model: { width: 16, heads: 2, feedForward: 2, encoderLayers: 1, decoderLayers: 1, latents: 2 }
optimizer: { warmup: 2, batch: 4 }
teacher: { steps: 0 }
pretrain: { steps: 0 }
distill: { steps: 0 }
finetune: { steps: 10 }
baselines: { steps: 0, methods: [] }
evaluate:
  episodes: 1
  streams: 1
  sampling: greedy
  resamples: 200
  envs:
    - { name: noiseless, options: { deviation: 0 } }
    - { name: delay-0, options: { delay: 0 } }
    - { name: delay-9, options: { delay: 9 } }
    - { name: delay-40, options: { delay: 40 } }
executor: { threads: 1 }
`;
const file = join(folder, 'tiny.yaml');
const out = join(folder, 'run');

describe('a tiny run', () => {
  let results: Results;
  beforeAll(async () => {
    writeFileSync(file, TINY);
    const { status, stderr } = await withinProcess(['run', file, '--out', out]);
    expect(status, stderr).toBe(0);
    results = JSON.parse(readFileSync(join(out, 'results.json'), 'utf8'));
  }, 60_000);

  it('draws disjoint tasks and keeps to them', () => {
    expect(results.split).toMatchObject({ train: 6, test: 20, overlap: 0 });
    const { family, train, test } = openTasks(loadExperiment(file));
    const data = stageFolder(out, 'generate')!;
    expect(readManifest(data).environment.options).toEqual({ arms: 3, pulls: 8, delay: 4 });
    const { histories, manifest } = openHistories(data, family);
    expect(manifest.split).toEqual({ train: train.map(family.taskKey), test: test.map(family.taskKey) });
    expect(histories.map(({ task }) => task)).toEqual(train);
    for (const { observation, reward, truncated } of histories) {
      expect([...observation]).toEqual([...Array(8).fill(0), ...Array(4).fill(1), ...Array(8).fill(0)]);
      expect([...reward.subarray(8, 12), truncated.at(-1)]).toEqual([0, 0, 0, 0, 1]);
    }
    // The same histories are not those of another delay.
    const other = openTasks(loadExperiment(file, ['env.options.delay=5'])).family;
    expect(() => openHistories(data, other)).toThrow(failure('E_DATA'));
  });

  it('gives regret with intervals over the tasks, for every method and in every table', () => {
    for (const methods of [results.methods, ...Object.values(results.tables!)]) {
      expect(Object.keys(methods).sort()).toEqual(['cad', 'random', 'source']);
      for (const { regret, byEpisode, final, perTask } of Object.values(methods)) {
        const { mean, low, high, parts } = regret!;
        expect(parts.map(({ name }) => name)).toEqual(['before', 'after']);
        expect(parts[0].mean + parts[1].mean).toBeCloseTo(mean, 9);
        expect(low > 0 && low < mean && mean < high && high < 16).toBe(true);
        expect([byEpisode.mean.length, perTask.length]).toEqual([1, 20]);
        expect(final.mean).toBe(byEpisode.mean[0]);
      }
      expect(methods.source.regret!.high).toBeLessThan(methods.random.regret!.low);
    }
    // Without noise, what is lost to the oracle is the regret, exactly.
    const { source } = results.tables!.noiseless;
    const oracle = source.perTask.reduce((sum, task) => sum + task.oracle! * (1 - task.mean), 0) / source.perTask.length;
    expect(source.regret!.mean).toBeCloseTo(oracle, 5);
    expect(results.intervalNote).toEqual(carrying(20, 2, '2 × 1'));
  });

  it('plays the likeliest actions, but for random choice, of which there is none', () => {
    const { methods } = (JSON.parse(readFileSync(join(out, 'returns.json'), 'utf8')) as RawReturns).tables['tiny-bandit'];
    const [first, second] = methods.random.regret!;
    expect(first).not.toEqual(second);
    // Always the same arm would be the best one on some tasks, for a regret of 0.
    expect(first.filter((_, i) => i % 2 === 0 && first[i] + first[i + 1] === 0)).toEqual([]);
  });

  it('lets what was trained at one delay act at others, with the same memory', () => {
    const [trained, ...others] = [results.methods, ...['delay-0', 'delay-9', 'delay-40'].map(name => results.tables![name])];
    for (const { cad, source } of others) {
      // Before the delay nobody can know how long it will be.
      expect(cad.regret!.parts[0]).toEqual(trained.cad.regret!.parts[0]);
      // The source ignores the delay, so it gives up exactly as much.
      expect(source.regret!.parts).toEqual(trained.source.regret!.parts);
      expect([cad.stateBytes, cad.historyBytes]).toEqual([trained.cad.stateBytes, trained.cad.historyBytes]);
    }
    // After it, what is carried has gone through more rounds.
    const after = [trained, ...others].map(({ cad }) => cad.regret!.parts[1].mean);
    expect(new Set(after).size).toBeGreaterThan(1);
  });

  it('is compared row by row over the tasks, which are a sample, and by regret', async () => {
    const args = ['compare', out, '--method', 'random,source', '--table', 'delay-9', '--score', 'regret', '--json'];
    const { status, stdout, stderr } = await withinProcess(args);
    expect(status, stderr).toBe(0);
    const { verdict, measures, before, intervalNote } = JSON.parse(stdout) as ComparisonReport;
    expect([verdict, before.table, before.seeds, Object.keys(measures).sort()]).toEqual([
      'better',
      'delay-9',
      [0, 1],
      ['area', 'final', 'regret'],
    ]);
    expect(measures.regret!.difference).toMatchObject({ by: 'run', pairs: 40, resampled: 'tasks' });
    expect(measures.regret!.before).toBeCloseTo(results.tables!['delay-9'].random.regret!.mean, 9);
    expect(intervalNote).toEqual(carrying(2, 20));
    expect(results.protocols!['delay-9'].env).toEqual({ id: 'delayed-bandit', options: { arms: 3, pulls: 8, delay: 9 } });
  });

  it('can be tuned on validation tasks, which are a separate sample', async () => {
    const space = join(folder, 'space.yaml');
    writeFileSync(space, 'finetune.gamma: { uniform: [0, 1] }\n');
    const args = ['--space', space, '--trials', '2', '--out', join(folder, 'study'), '--set', 'evaluate.maxTasks=7', '--json'];
    const { status, stdout, stderr } = await withinProcess(['tune', file, ...args]);
    expect(status, stderr).toBe(0);
    const study = JSON.parse(stdout) as Study;
    expect(study.intervalNote).toEqual(carrying(7, 2, 'validation'));
    expect(study.validationTasks).toHaveLength(7);
    const held = new Set(results.split.testTasks as string[]);
    for (const key of study.validationTasks) expect(held.has(key)).toBe(false);
  });

  it('finds everything done when it is asked again, and another table does only what is new', async () => {
    const finished = () => new Map([...stageFiles(out, /^stage\.json$/)].filter(([path]) => path.endsWith('/stage.json')));
    const before = finished();
    const again = await withinProcess(['run', file, '--out', out, '--set', 'evaluate.envs=[{name: loud, options: {deviation: 1}}]']);
    expect(again.status, again.stderr).toBe(0);
    // What was there is as it was: its record says when it was made.
    const added = [...finished()].filter(([path, bytes]) => !before.get(path)?.equals(bytes)).map(([path]) => path);
    expect(added).toHaveLength(6);
    for (const path of added) expect(path).toMatch(/^evaluate-\S+-loud-seed\d-/);
  });
});

describe('the preset', () => {
  it('is what the field defines, and can be built', () => {
    const config = loadExperiment(PRESET);
    expectBuildable(config);
    const { family, train, test } = openTasks(config);
    expect([family.horizon, family.actionSpace, family.options]).toEqual([150, { kind: 'discrete', n: 10 }, undefined]);
    expect([train.length, test.length, config.source.id, config.evaluate.episodes]).toEqual([4000, 100, 'ucb', 1]);
  });
});
