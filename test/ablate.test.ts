/** @file `cadenza ablate` on a tiny experiment: combinations, shared stages, one table. */

import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseHTML } from 'linkedom';
import { afterAll, describe, expect, it } from 'vitest';
import { loadAblation } from '../src/pipeline/ablate.ts';
import { expectBuildable } from '../src/pipeline/buildable.ts';
import type { Results } from '../src/records/index.ts';
import { openRun, rawTable } from '../src/reports/index.ts';
import type { ErrorCode } from '../src/util/errors.ts';
import { cadenza, TINY, withinProcess } from './helpers/command.ts';
import { exit, failure, type Needle } from './helpers/failure.ts';

const ABLATIONS = fileURLToPath(new URL('../experiments/ablations/', import.meta.url));

const folder = mkdtempSync(join(tmpdir(), 'cadenza-ablate-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const ablation = (name: string, text: string) => {
  const file = join(folder, `${name}.yaml`);
  writeFileSync(
    file,
    `name: ${name}\nbase: ${TINY}\nset: { teacher: { steps: 0 }, distill: { beta: 0 }, baselines: { steps: 0 }, policy: { returns: { episodes: 2, bins: 21, weight: 1 } } }\n${text}`,
  );
  return file;
};

it.each(readdirSync(ABLATIONS))('%s in the repository loads, and its combinations can be built', async name => {
  const { ablation, cells } = await loadAblation(join(ABLATIONS, name));
  expect(`${ablation.name}.yaml`).toBe(name);
  for (const { config } of cells) expectBuildable(config);
});

it('takes settings from the command line over those of its file', async () => {
  const file = ablation('over', 'axes:\n  - { name: m, values: { m1: { model: { latents: 1 } } } }\n');
  const [{ config }] = (await loadAblation(file, ['teacher.steps=7', 'seeds=[3]'])).cells;
  expect([config.teacher.steps, config.baselines.steps, config.model.latents, config.seeds]).toEqual([7, 0, 1, [3]]);
});

it.each(['model.latents=5', 'model.latents=null', 'model={latents: 5}'])('refuses --set %s where an axis sets that', async override => {
  const file = ablation('axis', 'axes:\n  - { name: size, values: { none: {}, m1: { model: { latents: 1 } } } }\n');
  await expect(loadAblation(file, [override])).rejects.toThrow(
    failure('E_CONFIG', `--set ${override}`, 'axes.0', '"size"', 'model.latents'),
  );
});

it.each([
  ['axes of one name', 'axes: [{ name: a, values: { x: {} } }, { name: a, values: { y: {} } }]', ['axes.1.name', '"a"']],
  [
    'axes that set the same',
    'axes: [{ name: a, values: { x: { model: { latents: 1 } } } }, { name: b, values: { y: {}, z: { model: { latents: 2 } } } }]',
    ['axes.1', '"b"', 'model.latents', '"a"'],
  ],
])('refuses %s', async (_, text, needles) => {
  const file = ablation('torn', text);
  await expect(loadAblation(file)).rejects.toThrow(failure('E_CONFIG', ...needles));
});

it('refuses a base that is supervised, as such', async () => {
  const file = join(folder, 'supervised.yaml');
  writeFileSync(file, 'name: a\nbase: tiny-regression\naxes: [{ name: m, values: { m1: {}, m2: {} } }]\n');
  await expect(loadAblation(file)).rejects.toThrow(failure('E_CONFIG', 'tiny-regression.yaml', '"problem"'));
});

describe('an ablation', () => {
  const file = ablation(
    'small',
    `axes:
  - { name: latents, values: { m1: { model: { latents: 1 } }, m2: { model: { latents: 2 } } } }
  - { name: training, values: { joint: {}, frozen: { finetune: { steps: 0 } } } }
skip:
  - { when: { latents: m1, training: frozen }, because: only for the test }
reference: m2 joint
`,
  );

  it('runs every combination that is not skipped, once, on shared data', async () => {
    const out = join(folder, 'out');
    const ended = await cadenza('ablate', file, '--out', out, '--json');
    expect(ended.status, ended.stderr).toBe(0);
    const results = JSON.parse(ended.stdout) as Results;
    expect(Object.keys(results.methods).sort()).toEqual(['cad m1 joint', 'cad m2 frozen', 'cad m2 joint', 'random', 'source']);
    const stages = readdirSync(join(out, 'stages')).map(name => name.replace(/-[0-9a-f]{12}$/, ''));
    const count = (stage: string) => stages.filter(name => name === stage).length;
    expect([count('generate'), count('pretrain-seed0'), count('distill-seed0'), count('finetune-seed0')]).toEqual([1, 2, 2, 2]);
    // The frozen row is the distilled model itself; the joint one went on from it.
    expect(results.methods['cad m2 frozen'].byEpisode).not.toEqual(results.methods['cad m2 joint'].byEpisode);
    const page = readFileSync(join(out, 'results.html'), 'utf8');
    const against = parseHTML(page).document.querySelector('th[data-column=verdict-final]')!.closest('table')!;
    expect(Array.from(against.querySelectorAll('tbody th'), ({ textContent }) => textContent).sort()).toEqual([
      'cad m1 joint',
      'cad m2 frozen',
      'random',
      'source',
    ]);
    expect(page).toContain('<strong>cad m2 joint</strong>');
    const { method, others } = results.versus!.small;
    expect([method, ...Object.keys(others).sort()]).toEqual(['cad m2 joint', 'cad m1 joint', 'cad m2 frozen', 'random', 'source']);
    const { before, after, difference } = others['cad m2 frozen'].measures.final!;
    expect(difference.value).toBeCloseTo(after - before, 12);
    const { methods } = rawTable(openRun(out));
    expect(Object.keys(methods).sort()).toEqual(Object.keys(results.methods).sort());
    for (const [name, { perTask }] of Object.entries(results.methods)) {
      // One seed, two streams a task, three episodes: all of a task's returns make its mean.
      const [{ task, oracle, mean }] = perTask;
      expect(methods[name].returns[0].slice(0, 6).reduce((a, b) => a + b, 0) / 6 / oracle!, `${name} on ${task}`).toBeCloseTo(mean, 12);
    }
    const predictors = ['cad m1 joint', 'cad m2 frozen', 'cad m2 joint', 'last return', 'training mean'];
    expect(Object.keys(results.returns!.small.predictors).sort()).toEqual(predictors);

    const again = await withinProcess(['ablate', file, '--out', out, '--json']);
    expect(again.stderr).not.toContain('finetune');
    expect((JSON.parse(again.stdout) as Results).methods).toEqual(results.methods);
  }, 60_000);

  it('draws return against the bits of Z, as shares of a teacher that all combinations have in common', async () => {
    const file = join(folder, 'rates.yaml');
    writeFileSync(
      file,
      `name: rates
base: ${TINY}
set: { teacher: { steps: 20 }, pretrain: { steps: 0 }, distill: { steps: 0, beta: 0 }, finetune: { steps: 20, gamma: 0 }, baselines: { steps: 0 } }
axes:
  - { name: kind, values: { continuous: {}, codes: { latents: { kind: fsq } } } }
  - { name: m, values: { m2: { model: { latents: 2 } }, m1: { model: { latents: 1 } } } }
rate: { along: m }
`,
    );
    const out = join(folder, 'rates');
    const ended = await withinProcess(['ablate', file, '--out', out, '--json']);
    expect(ended.status, ended.stderr).toBe(0);
    const { rate, methods } = JSON.parse(ended.stdout) as Results;
    expect(rate!.points.map(({ group, method }) => [group, method])).toEqual([
      ['continuous', 'cad continuous m1'],
      ['continuous', 'cad continuous m2'],
      ['codes', 'cad codes m1'],
      ['codes', 'cad codes m2'],
    ]);
    // Width 16 of 32 bits, and twice that.
    expect(rate!.points.slice(0, 2).map(({ bits }) => bits)).toEqual([512, 1024]);
    const [first] = rate!.points;
    expect(first.final.mean).toBeCloseTo(methods['cad continuous m1'].final.mean / methods.teacher.final.mean, 12);
    // The teacher sees the whole context: it is one, whatever m is.
    expect(readdirSync(join(out, 'stages')).filter(name => name.startsWith('teacher-'))).toHaveLength(1);
    const curve = readFileSync(join(out, 'rate-return.svg'), 'utf8');
    expect(curve).toMatch(/÷ .*teacher/);
    // The curve is what was asked for: it comes first.
    const page = readFileSync(join(out, 'results.html'), 'utf8');
    const [top] = page.split('</section>');
    expect(top).toContain('÷');
    expect(page).not.toContain('<strong>cad');
  }, 60_000);

  it('has a row for every source, named after the first combination with it', async () => {
    const axes = `axes:
  - { name: source, values: { explorer: {}, twice: { source: { histories: 2 } }, slow: { source: { id: q-learning } } } }
set: { teacher: { steps: 0 }, pretrain: { steps: 0 }, distill: { steps: 0, beta: 0 }, finetune: { steps: 2 }, baselines: { steps: 0 } }
`;
    const file = join(folder, 'sources.yaml');
    writeFileSync(file, `name: sources\nbase: ${TINY}\n${axes}`);
    const ended = await withinProcess(['ablate', file, '--out', join(folder, 'sources'), '--json']);
    expect(ended.status, ended.stderr).toBe(0);
    const rows = Object.keys((JSON.parse(ended.stdout) as Results).methods).sort();
    expect(rows).toEqual(['cad explorer', 'cad slow', 'cad twice', 'random', 'source explorer', 'source slow']);
  }, 60_000);

  it.each<[string, string, ErrorCode, Needle[]]>([
    [
      'typo',
      'axes:\n  - { name: latents, values: { m1: { model: { latent: 1 } } } }',
      'E_CONFIG',
      ['typo.yaml:5:', '"axes.0.values.m1.model.latents"'],
    ],
    ['skips', 'axes:\n  - { name: a, values: { x: {} } }\nskip:\n  - { when: { a: y }, because: no }', 'E_CONFIG', ['"y"', '"a"']],
    [
      'elsewhere',
      'axes:\n  - { name: size, values: { s9: {}, s5: { env: { options: { size: 5 } } } } }',
      'E_SPLIT',
      ['"s9"', '"s5"', 'dark-room', /\bsize\b.*\b5\b/],
    ],
    ['longer', 'axes:\n  - { name: a, values: { x: {}, y: { evaluate: { episodes: 2 } } } }', 'E_CONFIG', ['"x"', '"y"', 'evaluate']],
    ['all', 'axes:\n  - { name: a, values: { x: {} } }\nskip:\n  - { when: { a: x }, because: no }', 'E_CONFIG', ['all.yaml']],
    ['along', 'axes:\n  - { name: a, values: { x: {} } }\nrate: { along: m }', 'E_CONFIG', ['rate.along', '"m"', /\ba\b/]],
    ['held', 'axes:\n  - { name: a, values: { x: {} } }\nreference: y', 'E_CONFIG', ['reference', '"y"', /\bx\b/]],
    ['unfit', 'axes:\n  - { name: a, values: { x: { model: { width: 15 } } } }', 'E_CONFIG', ['"x"', 'model.width']],
  ])(
    'refuses %s with a reason',
    async (name, text, code, needles) => {
      expect(await withinProcess(['ablate', ablation(name, text), '--out', join(folder, name)])).toEqual(exit(code, ...needles));
    },
    20_000,
  );
});
