/** @file Settings with several values on the command line: a table of all combinations. */

import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { openExperiment } from '../src/cli/experiments.ts';
import { experimentSchema, loadExperiment } from '../src/config/experiment.ts';
import { sweepOver } from '../src/pipeline/ablate.ts';
import type { Results } from '../src/records/index.ts';
import { splitSweeps } from '../src/util/config.ts';
import { settings, TINY, withinProcess } from './helpers/command.ts';
import { exit, failure } from './helpers/failure.ts';

const folder = mkdtempSync(join(tmpdir(), 'cadenza-sweep-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const split = (...overrides: string[]) => splitSweeps(experimentSchema(), overrides);

describe('several values', () => {
  it.each([
    ['model.latents=2,4, 8', 'model.latents', ['2', '4', '8']],
    ['model.latents=[8, 2]', 'model.latents', ['8', '2']],
    ['optimizer.learningRate=1e-3,0.01', 'optimizer.learningRate', ['1e-3', '0.01']],
    ['tokenizer=packed,interleaved', 'tokenizer', ['packed', 'interleaved']],
    ['compressor=bottleneck,mean-pool', 'compressor', ['bottleneck', 'mean-pool']],
    ['baselines.steps=[equal, 100]', 'baselines.steps', ['equal', '100']],
    ['source.options.c=1,2', 'source.options.c', ['1', '2']],
    ['selection.note=[one, two]', 'selection.note', ['one', 'two']],
  ])('--set %s is a sweep', (override, key, values) => {
    expect(split('seed=1', override)).toEqual({ overrides: ['seed=1'], sweeps: [{ key, values }] });
  });

  it.each([
    'model.latents=2',
    'seeds=[0, 1]',
    'seeds=0,1',
    'latents.levels=[8, 5]',
    'baselines.methods=[none, full]',
    'policy.crossLayers=[0, 1]',
    'source.dataset=here/a,there/b',
    'selection.note=one, two and three',
    'env.options={size: 5, horizon: 9}',
    'modle.latents=2,4',
    'model.latents=[2',
    'model.latents',
  ])('--set %s is none', override => {
    expect(split(override)).toEqual({ overrides: [override], sweeps: [] });
  });
});

describe('a sweep', () => {
  const open = (...given: string[]) => {
    const { overrides, sweeps } = split(...given);
    return sweepOver(loadExperiment(TINY, overrides), sweeps, TINY, overrides);
  };

  it('crosses its settings in the order in which they are given, on the settings that have one value', () => {
    const { ablation, cells } = open('model.latents=4,0.5e1,1', 'seed=3', 'finetune.gamma=0.5,0');
    expect(ablation.name).toBe('tiny-sweep-model.latents-finetune.gamma');
    expect(cells.map(({ name }) => name)).toEqual(['4 0.5', '4 0', '0.5e1 0.5', '0.5e1 0', '1 0.5', '1 0']);
    expect(cells.map(({ config }) => [config.model.latents, config.finetune.gamma, config.seed])).toEqual(
      [4, 5, 1].flatMap(m => [0.5, 0].map(gamma => [m, gamma, 3])),
    );
  });

  it('may be named, as its folder is', () => {
    expect(open('model.latents=2,4', 'name=mine').ablation.name).toBe('mine-sweep-model.latents');
  });

  it('draws a curve where Z grows and there is a teacher', () => {
    expect(open('seed=1,2').ablation.rate).toBe(undefined);
    expect(open('finetune.gamma=0,1', 'latents.groups=1,2', 'latents.kind=fsq').ablation.rate).toEqual({
      along: 'latents.groups',
      against: 'teacher',
    });
    expect(open('model.latents=1,2', 'teacher.steps=0', 'distill.beta=0').ablation.rate).toBe(undefined);
  });

  it.each([
    [['model.latents=2,2'], ['--set model.latents=2,2']],
    [['model.latents=2,0'], ['--set model.latents=0', 1]],
    [
      ['model.latents=2,4', 'model.latents=8'],
      ['--set model.latents=8', 'model.latents'],
    ],
    [
      ['model.latents=2,4', 'model.latents=8,16'],
      ['axes.1', 'model.latents'],
    ],
    [['name=a,b'], ['name']],
    [['model.heads=2,3'], ['"3"', 'model.width']],
  ])('of %j is refused', (given, needles) => {
    expect(() => open(...given)).toThrow(failure('E_CONFIG', ...needles));
  });

  it('runs, with a row for every value and the curve', async () => {
    const set = settings({
      'pretrain.steps': 0,
      'distill.steps': 0,
      'distill.beta': 0,
      'baselines.steps': 0,
      'teacher.steps': 20,
      'finetune.steps': 20,
      'evaluate.timedActions': 0,
    });
    const out = join(folder, 'out');
    const ended = await withinProcess(['run', TINY, '--set', 'model.latents=2,1', ...set, '--out', out, '--json']);
    expect(ended.status, ended.stderr).toBe(0);
    const { methods, rate, name } = JSON.parse(ended.stdout) as Results;
    expect(name).toBe('tiny-sweep-model.latents');
    expect(Object.keys(methods).sort()).toEqual(['cad 1', 'cad 2', 'random', 'source', 'teacher']);
    expect(rate!.points.map(({ method, bits }) => [method, bits])).toEqual([
      ['cad 1', 512],
      ['cad 2', 1024],
    ]);
    expect(existsSync(join(out, 'rate-return.svg'))).toBe(true);
  }, 60_000);

  it('has no curve where the teacher earned nothing', async () => {
    const set = settings({
      'pretrain.steps': 0,
      'distill.steps': 0,
      'distill.beta': 0,
      'baselines.steps': 0,
      'teacher.steps': 1,
      'finetune.steps': 1,
      'evaluate.timedActions': 0,
      'evaluate.sampling': 'greedy',
      'evaluate.streams': 1,
      'evaluate.episodes': 1,
    });
    const ended = await withinProcess(['run', TINY, '--set', 'model.latents=1,2', ...set, '--out', join(folder, 'nothing'), '--json']);
    expect(ended.status, ended.stderr).toBe(0);
    const { methods, rate } = JSON.parse(ended.stdout) as Results;
    expect([methods.teacher.final.mean, rate]).toEqual([0, undefined]);
  }, 60_000);

  it('is of experiments with agents, and of "cadenza run"', async () => {
    const several = ['--set', 'model.latents=2,1'];
    expect(await withinProcess(['finetune', TINY, ...several])).toEqual(exit('E_CONFIG', several.join(' '), 'cadenza run'));
    await expect(openExperiment(TINY, ['model.latents=2,1'])).rejects.toThrow(failure('E_CONFIG', '--set model.latents=2,1'));
    expect(await withinProcess(['run', 'tiny-regression', ...several])).toEqual(exit('E_CONFIG', 'tiny-regression', several.join(' ')));
  });
});
