import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { ROOT, withinProcess } from '../../test/helpers/command.ts';
import { failure, type Needle } from '../../test/helpers/failure.ts';
import { openExperiment } from '../cli/experiments.ts';
import { loadAblation } from '../pipeline/ablate.ts';
import { importExperiment, loadExperiment } from './experiment.ts';
import type { SupervisedConfig } from './supervised.ts';

const folder = mkdtempSync(join(tmpdir(), 'cadenza-bases-'));
afterAll(() => rmSync(folder, { recursive: true }));

const write = (name: string, text: string): string => {
  const path = join(folder, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  return path;
};

describe('an experiment with a base', () => {
  it('has the settings of a preset but for its own, key by key', () => {
    const { name: _, ...preset } = loadExperiment(join(ROOT, 'experiments/tiny.yaml'));
    const { name, ...own } = loadExperiment(write('mine.yaml', 'name: mine\nbase: tiny\nmodel: { latents: 4 }\nseeds: [1, 2]\n'));
    expect(name).toBe('mine');
    expect(own).toEqual({ ...preset, model: { ...preset.model, latents: 4 }, seeds: [1, 2] });
  });

  it('may build on one that builds on another, wherever they lie; overrides are above all', () => {
    write('above/first.yaml', 'name: first\nbase: ../mine.yaml\nmodel: { width: 32 }\n');
    const { model } = loadExperiment(write('second.yaml', 'name: second\nbase: above/first.yaml\n'), ['model.heads=4']);
    expect([model.latents, model.width, model.heads]).toEqual([4, 32, 4]);
  });

  it('starts from the own options of another environment or source', () => {
    expect(loadExperiment(write('reset.yaml', 'name: reset\nbase: mine.yaml\nmodel: { latents: null }\n')).model).toEqual({
      ...loadExperiment('experiments/tiny.yaml').model,
      latents: loadExperiment(write('plain.yaml', 'name: plain\n')).model.latents,
    });
    const sized = write('sized.yaml', 'name: sized\nbase: tiny\nenv: { options: { size: 5 } }\n');
    const load = (text: string) => loadExperiment(write('other.yaml', `name: other\nbase: ${sized}\n${text}`));
    expect(load('env: { id: dark-room }').env.options).toEqual({ size: 5 });
    expect(load('env: { options: { horizon: 9 } }').env.options).toEqual({ size: 5, horizon: 9 });
    expect(load('env: { id: dark-room-hard }').env).toEqual({ id: 'dark-room-hard' });
    const { id, options, episodes } = load('source: { id: q-learning }').source;
    expect([id, options, episodes]).toEqual(['q-learning', {}, 6]);
  });

  it('is of the kind of its base', async () => {
    const { kind, config } = await openExperiment(
      write('s.yaml', 'name: s\nbase: tiny-regression\nproblem: { options: { noise: 0.1 } }\n'),
    );
    expect(kind.name).toBe('supervised');
    expect((config as SupervisedConfig).problem).toEqual({ id: 'linear-regression', options: { dimension: 1, noise: 0.1 } });
    const other = await openExperiment(write('o.yaml', 'name: o\nbase: tiny-regression\nproblem: { id: sinusoids }\n'));
    expect((other.config as SupervisedConfig).problem.options).toEqual({});
  });

  it('imports what its bases import, each from its own folder', async () => {
    write('kinds/made.js', 'globalThis.order = [...(globalThis.order ?? []), "below"];');
    write('own.js', 'globalThis.order = [...(globalThis.order ?? []), "own"];');
    write('kinds/base.yaml', 'name: b\nbase: tiny\nimports: [./made.js]\n');
    const { imports } = await importExperiment(write('user.yaml', 'name: user\nbase: kinds/base.yaml\nimports: [./own.js]\n'));
    expect(imports).toEqual([join(folder, 'kinds/made.js'), join(folder, 'own.js')]);
    expect((globalThis as { order?: string[] }).order).toEqual(['below', 'own']);
  });

  it('is printed whole, and is what an ablation may vary', async () => {
    const mine = write('mine.yaml', 'name: mine\nbase: tiny\nmodel: { latents: 4 }\n');
    const { stdout } = await withinProcess(['config', 'print', mine]);
    expect(stdout).not.toContain('base:');
    expect(loadExperiment(write('printed.yaml', stdout))).toEqual(await importExperiment(mine));
    const axes = 'axes: [{ name: w, values: { w32: { model: { width: 32 } } } }]';
    const { cells } = await loadAblation(write('varied.yaml', `name: varied\nbase: mine.yaml\n${axes}\n`));
    expect(cells.map(({ config }) => [config.model.latents, config.model.width])).toEqual([[4, 32]]);
    await expect(loadAblation(mine)).rejects.toThrow(failure('E_CONFIG', mine, '"model"', `cadenza run ${mine}`));
  });
});

describe('a fault is reported where it stands', () => {
  write(
    'below.yaml',
    'name: below\nbase: tiny\nmodel:\n  width: wide\nevaluate:\n  envs: [{ name: far }]\nretrieve: { stores: [none, none] }\n',
  );
  const BAD = ['below.yaml:4:10: model.width', '"wide"'];

  it.each<[string, string, Needle[]]>([
    [
      'in the base',
      'name: a\nbase: below.yaml\n',
      [...BAD, 'below.yaml:6:10: evaluate.envs.0.options', 'below.yaml:7:21: retrieve.stores'],
    ],
    ['in the file', 'name: a\nbase: tiny\nmodel: { width: wide }\n', ['a.yaml:3:17: model.width']],
    [
      'in the list that took the place of another',
      'name: a\nbase: below.yaml\nevaluate: { envs: [{ name: near }] }\n',
      ['a.yaml:3:20: evaluate.envs.0'],
    ],
    ['by the key of an unknown setting', 'name: a\nbase: below.yaml\nmodel: { widht: 1 }\n', ['a.yaml:3:10: model.widht', ...BAD]],
    ['in the value that took the place of a map', 'name: a\nbase: tiny\nmodel: 3\n', ['a.yaml:3:8: model']],
    ['in the file that has no name', 'base: tiny\n', ['a.yaml:1:1: name']],
    ['by a base that is not there', 'name: a\nbase: nowhere.yaml\n', ['a.yaml:2:7: base: ', join(folder, 'nowhere.yaml')]],
    ['by a name that no preset has', 'name: a\nbase: tinny\n', ['a.yaml:2:7: base: ', '"tinny"', 'tiny']],
    ['by a base that is no text', 'name: a\nbase: 3\n', ['a.yaml:2:7: base']],
    ['by a base that is the file itself', 'name: a\nbase: a.yaml\n', ['a.yaml:2:7: base: ', '"a.yaml"']],
    ['by the base that leads back', 'name: a\nbase: round.yaml\n', ['round.yaml:2:7: base: ', '"./a.yaml"']],
  ])('%s', async (_, text, needles) => {
    write('round.yaml', 'name: round\nbase: ./a.yaml\n');
    await expect(openExperiment(write('a.yaml', text))).rejects.toThrow(failure('E_CONFIG', ...needles));
  });

  it('at the override that broke it', async () => {
    const opened = openExperiment(write('a.yaml', 'name: a\nbase: tiny\n'), ['model.width=wide']);
    await expect(opened).rejects.toThrow(failure('E_CONFIG', '--set model.width=wide'));
  });

  it('and two kinds in one are refused', async () => {
    const torn = openExperiment(write('a.yaml', 'name: a\nbase: tiny-regression\nenv: { id: dark-room }\n'));
    await expect(torn).rejects.toThrow(failure('E_CONFIG', '"problem"', '"env"'));
  });
});
