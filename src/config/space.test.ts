import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { failure, type Needle } from '../../test/helpers/failure.ts';
import { Random } from '../util/random.ts';
import { drawSettings, drawValue, loadSpace, type SearchSpace } from './space.ts';

const folder = mkdtempSync(join(tmpdir(), 'cadenza-space-'));
afterAll(() => rmSync(folder, { recursive: true }));

const loaded = (text: string, resource?: string) => () => {
  const file = join(folder, 's.yaml');
  writeFileSync(file, text);
  return loadSpace(file, resource);
};

const many = (domain: SearchSpace[string], n = 4000) => {
  const random = Random.seeded(1);
  return Array.from({ length: n }, () => drawValue(domain, random) as number);
};

describe('a search space', () => {
  it.each(['dark-room', 'tiny'])('%s.yaml of the repository is one', name => {
    const space = loadSpace(fileURLToPath(new URL(`../../experiments/spaces/${name}.yaml`, import.meta.url)), 'finetune.steps');
    expect(Object.keys(space)).toContain('optimizer.learningRate');
  });

  it.each<[string, string, Needle[]]>([
    ['an unknown setting', '# one\nmodel.widht: { values: [8] }', ['s.yaml:2:1: model.widht', '"model.width"']],
    ['a setting by an older name', 'finetune.lambdaCap: { values: [1] }', ['s.yaml:1:1: finetune.lambdaCap', '"finetune.capacityWeight"']],
    ['a section by an older name', 'optimiser.clip: { values: [1] }', ['s.yaml:1:1: optimiser.clip', '"optimizer.clip"']],
    ['an unknown kind of domain', 'model.width: { vales: [8] }', ['s.yaml:1:16', '"model.width.values"', 'values, integer']],
    ['a kind that does not suit the type', 'tokenizer: { uniform: [0, 1] }', ['s.yaml:1:14', 'tokenizer.uniform', 'values']],
    ['a value out of range', 'model.latents:\n  values: [4, 0]', ['s.yaml:2:15: model.latents.values.1', 1, 0]],
    ['a bound out of range', 'optimizer.learningRate: { uniform: [0.1, 3] }', ['s.yaml:1:42', 'uniform.1', 1, 3]],
    ['a bound of another type', 'model.latents: { integer: [1, 2.5] }', ['model.latents.integer.1', 2.5]],
    ['one of several values', 'tokenizer: { values: [packed, interleavd] }', ['packed, interleaved', '"interleaved"']],
    ['bounds in the wrong order', 'finetune.gamma: { uniform: [1, 0.5] }', ['1:28', 'finetune.gamma.uniform']],
    ['three bounds', 'finetune.gamma: { uniform: [1, 2, 3] }', ['finetune.gamma.uniform', 2]],
    ['the logarithm of 0', 'finetune.gamma: { logUniform: [0, 0.5] }', ['finetune.gamma.logUniform', 0]],
    ['two domains', 'finetune.gamma: { values: [1], uniform: [0, 1] }', ['finetune.gamma', 'values, uniform, logUniform']],
    ['a value twice', 'model.latents: { values: [4, 4] }', ['model.latents.values', '[4,4]']],
    ['nothing', '{}', ['s.yaml']],
    ['the tasks of the evaluation', 'model.width: { values: [8] }\nevaluate.tasks: { values: [test] }', ['s.yaml:2:1: evaluate.tasks']],
    ['the split', 'split.seed: { values: [1, 2] }', ['s.yaml:1:1: split.seed']],
    ['the seeds', 'seeds: { values: [[1], [2]] }', ['s.yaml:1:1: seeds']],
  ])('refuses %s', (_, text, needles) => {
    expect(loaded(text)).toThrow(failure('E_CONFIG', ...needles));
  });

  it('refuses the resource of successive halving, and only there', () => {
    const text = 'finetune.steps: { values: [100, 200] }';
    expect(loaded(text, 'finetune.steps')).toThrow(failure('E_CONFIG', 'finetune.steps'));
    expect(loaded(text)()).toEqual({ 'finetune.steps': { values: [100, 200] } });
  });
});

describe('a draw', () => {
  it('stays within its bounds and is spread as its kind says', () => {
    const integers = many({ integer: [3, 6] });
    for (const value of [3, 4, 5, 6]) expect(Math.abs(integers.filter(v => v === value).length - 1000)).toBeLessThan(110); // 4 deviations
    expect(integers.every(v => v >= 3 && v <= 6)).toBe(true);
    const reals = many({ uniform: [-1, 3] });
    expect(reals.every(v => v >= -1 && v <= 3)).toBe(true);
    expect(reals.filter(v => v < 0).length / 4000).toBeCloseTo(0.25, 1);
    const logs = many({ logUniform: [1e-4, 1e-2] });
    expect(logs.every(v => v >= 1e-4 && v <= 1e-2)).toBe(true);
    expect(logs.filter(v => v < 1e-3).length / 4000).toBeCloseTo(0.5, 1);
    expect(logs.every(v => v === Number(v.toPrecision(4)))).toBe(true);
  });

  const space: SearchSpace = { 'a.b': { uniform: [0, 1] }, c: { values: ['x', 'y', 'z'] } };
  const draw = (of: SearchSpace, count: number, seed = 1) => drawSettings(of, count, Random.seeded(seed), () => undefined);

  it('depends on the seed alone, and not on the other settings or trials', () => {
    expect(draw(space, 4)).toEqual(draw(space, 4));
    expect(draw(space, 4)).not.toEqual(draw(space, 4, 2));
    expect(draw(space, 6).slice(0, 4)).toEqual(draw(space, 4));
    const alone = draw({ 'a.b': space['a.b'] }, 4);
    expect(draw(space, 4).map(settings => settings['a.b'])).toEqual(alone.map(settings => settings['a.b']));
  });

  it('gives every combination of a small space once, and no more', () => {
    const small: SearchSpace = { a: { values: [1, 2] }, b: { values: [3, 4] } };
    expect(new Set(draw(small, 9).map(settings => JSON.stringify(settings))).size).toBe(4);
    expect(draw(small, 9)).toHaveLength(4);
  });

  it('draws again what does not go together, and says so when nothing does', () => {
    const odd = drawSettings({ n: { integer: [1, 100] } }, 5, Random.seeded(0), ({ n }) => ((n as number) % 2 ? undefined : 'even'));
    expect(odd).toHaveLength(5);
    expect(odd.every(({ n }) => (n as number) % 2 === 1)).toBe(true);
    expect(() => drawSettings(space, 2, Random.seeded(0), () => 'never')).toThrow(failure('E_CONFIG', 'never'));
  });
});
