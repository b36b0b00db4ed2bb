/** @file Kinds of one's own from outside the repository: what an edit makes again, processes of their own, and what a run folder remembers. */

import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { cadenza, ROOT, settings, stageFolder } from './helpers/command.ts';

const folder = mkdtempSync(join(tmpdir(), 'imports-'));
afterAll(() => rmSync(folder, { recursive: true }));

const GRID = readFileSync(join(ROOT, 'examples/environment/grid.ts'), 'utf8');
writeFileSync(join(folder, 'grid.ts'), `import { PAY } from './pay.ts';\n${GRID.replace('reward: Number(', 'reward: PAY * Number(')}`);
const pay = (text: string) => writeFileSync(join(folder, 'pay.ts'), text);
pay('export const PAY: number = 1; // on the goal');
cpSync(join(ROOT, 'examples/loss-and-stage/polish.ts'), join(folder, 'polish.ts'));
cpSync(join(ROOT, 'examples/compressor/gated-pool.ts'), join(folder, 'gated-pool.ts'));

writeFileSync(
  join(folder, 'experiment.yaml'),
  `name: outside
base: tiny
imports: [./grid.ts]
env: { id: hidden-goal }
split: { heldOut: 4 }
source: { id: q-learning, maxTasks: 4 }
`,
);
const small = settings({
  'teacher.steps': 0,
  'distill.beta': 0,
  'pretrain.steps': 2,
  'distill.steps': 0,
  'finetune.steps': 3,
  'baselines.steps': 2,
  'baselines.methods': ['truncated'],
  'evaluate.imitationHistories': 0,
  'evaluate.timedActions': 0,
  'evaluate.reference': { low: 0, high: 10 },
});
const run = async (...args: string[]) => {
  const ended = await cadenza(...args, join(folder, 'experiment.yaml'), ...small, '--out', join(folder, 'out'));
  expect(ended.status, ended.stderr).toBe(0);
};
const made = (stage: string) => statSync(stageFolder(join(folder, 'out'), stage)!).mtimeMs;
const stages = () => readdirSync(join(folder, 'out/stages')).filter(name => !name.endsWith('.lock'));

describe('an environment of a module', () => {
  it('is trained on by processes of their own, and its run names the module', async () => {
    await run('run', '--jobs', '2');
    expect(readFileSync(join(folder, 'out/config.yaml'), 'utf8')).toContain(join(folder, 'grid.ts'));
  }, 120_000);

  it('makes nothing again where a remark changed, and what depends on it where a reward did', async () => {
    const [before, generated] = [stages(), made('generate')];
    pay('export const PAY = 1;');
    await run('generate');
    expect([stages(), made('generate')]).toEqual([before, generated]);
    pay('export const PAY = 2;');
    await run('pretrain');
    const added = stages().filter(name => !before.includes(name));
    expect(added.map(name => name.replace(/-[0-9a-f]{12}$/, '')).sort()).toEqual(['generate', 'pretrain-seed0']);
  }, 120_000);
});

const FIGURES = `import { figures } from 'cadenza';
figures.register({
  id: 'gain',
  of: 'methods',
  title: 'What a past is worth',
  caption: methods => \`Of \${Object.keys(methods).length} rows\`,
  draw: methods => ({
    ariaLabel: 'Gain',
    lines: Object.entries(methods).map(([name, { byEpisode: { mean } }]) => ({ name, points: mean.map((y, x) => ({ x, y: y - mean[0] })) })),
    x: 'in-context episode',
    y: { label: 'gain', domain: [-1, 1] },
  }),
});
figures.register({
  id: 'badge',
  of: 'results',
  title: 'Badge',
  draw: ({ name }) => \`<svg xmlns="http://www.w3.org/2000/svg" width="90" height="20"><text y="15">badge of \${name}</text></svg>\`,
});
figures.register({ id: 'of-none', of: 'results', title: 'Not here', draw: () => undefined });`;
writeFileSync(join(folder, 'figures.ts'), FIGURES);

it('a compressor with a setting, a loss term, a stage and figures are in the run, its help and its report', async () => {
  const out = join(folder, 'kinds');
  const imports = ['polish', 'gated-pool', 'figures'].flatMap(name => ['--import', join(folder, `${name}.ts`)]);
  const own = settings({ 'polish.steps': 2, compressor: 'gated-pool', 'compression.sharpness': 1.5 });
  const ended = await cadenza('run', 'tiny', ...imports, ...own, ...small.slice(0, -2), '--out', out);
  expect(ended.status, ended.stderr).toBe(0);
  // What comes next needs the modules, too.
  for (const file of imports) expect(ended.stdout).toMatch(new RegExp(`cadenza run tiny .*${file}.* --set name=tiny-mine`));
  const { methods, run } = JSON.parse(readFileSync(join(out, 'results.json'), 'utf8'));
  expect(Object.keys(methods)).toContain('polished');
  expect(run.config).toMatchObject({ polish: { steps: 2, small: 0.01 }, compression: { sharpness: 1.5 } });
  const reported = await cadenza('report', out);
  expect(reported.status, reported.stderr).toBe(0);
  const paper = readdirSync(join(out, 'report/paper')).filter(name => name.endsWith('.tex'));
  const text = paper.map(name => readFileSync(join(out, 'report/paper', name), 'utf8')).join('\n');
  expect(text).toContain('\\mathcal{L}_\\mathrm{small}');
  for (const figure of ['curves', 'gain', 'badge']) {
    expect(text).toContain(`{figures/${figure}.pdf}`);
    expect(readFileSync(join(out, `report/paper/figures/${figure}.pdf`), 'latin1')).toMatch(/^%PDF/);
  }
  expect(text).toContain(`What a past is worth. Of ${Object.keys(methods).length} rows`);
  for (const page of ['results.html', 'report/report.html']) {
    const shown = readFileSync(join(out, page), 'utf8');
    for (const figure of ['>What a past is worth</h3>', 'aria-label="Gain"', '>Badge</h2>', '>badge of tiny</text>'])
      expect(shown, page).toContain(figure);
    expect(shown).not.toContain('Not here');
  }
}, 120_000);
