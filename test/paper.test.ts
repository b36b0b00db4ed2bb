/** @file The paper that a run writes of itself: every number in it is in the run's own files, and nothing is said that the run did not do. */

import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { baselines } from '../src/agent/baselines/index.ts';
import { loadExperiment } from '../src/config/experiment.ts';
import { describeExperiment } from '../src/pipeline/describe.ts';
import type { Results } from '../src/records/index.ts';
import { citedKeys } from '../src/reports/paper/bibliography.ts';
import { type Facts, writePaper } from '../src/reports/paper/index.ts';
import { methods } from '../src/reports/paper/methods.ts';
import { differences, implementation } from '../src/reports/paper/protocol.ts';
import { packedPath, readJson } from '../src/util/files.ts';
import { ROOT, TINY, withinProcess } from './helpers/command.ts';
import { carrying, exit, type Needle } from './helpers/failure.ts';
import { misreadings, type Said } from './helpers/read-back.ts';

const folder = mkdtempSync(join(tmpdir(), 'cadenza-paper-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const read = (...parts: string[]) => readFileSync(join(...parts), 'utf8');
/** A file of JSON, which committed results may have compressed. */
const json = (...parts: string[]) => readJson(packedPath(join(...parts))) as Record<string, unknown>;

/** The values that a paper may use: those in the files of the run and, for older runs, those written next to them. */
function valuesOf(run: string, numbers: { setting: unknown }) {
  const results = json(run, 'results.json') as Results;
  const roots: Record<string, unknown> = { results, config: results.run.config, setting: results.setting ?? numbers.setting };
  return (path: readonly string[]) => path.reduce<unknown>((node, part) => (node as Record<string, unknown> | undefined)?.[part], roots);
}

/** Runs `cadenza report` and reads every .tex file back. */
async function reportAndReadBack(run: string, out: string): Promise<string[]> {
  const { status, stderr } = await withinProcess(['report', run, '--out', out]);
  expect(status, stderr).toBe(0);
  const numbers = json(out, 'paper', 'numbers.json') as { setting: unknown; files: Record<string, Said[]> };
  expect(Object.keys(numbers.files).sort()).toEqual(['main.tex', 'methods.tex', 'tables.tex']);
  expect(Math.min(...['methods.tex', 'tables.tex'].map(name => numbers.files[name].length))).toBeGreaterThan(50);
  return Object.entries(numbers.files).flatMap(([name, said]) => {
    const tex = read(out, 'paper', name);
    return misreadings(tex.slice(Math.max(0, tex.indexOf('\\title'))), said, valuesOf(run, numbers));
  });
}

const PAPERS = ['dark-room-full', 'evidence-dark-room', 'key-to-door', 'delayed-bandit', 'dark-room-reinforce'];

describe.each(PAPERS)('the paper of results/%s', name => {
  const run = join(ROOT, 'results', name);
  const out = join(folder, name);

  it('has no number that is not in results.json or the configuration', async () => {
    expect(await reportAndReadBack(run, out)).toEqual([]);
  });

  it('cites what is in its bibliography, and has nothing there that it does not cite', () => {
    const cited = citedKeys(read(out, 'paper', 'methods.tex'), read(out, 'paper', 'tables.tex'));
    const listed = [...read(out, 'paper', 'references.bib').matchAll(/^@\w+\{(\w+),/gm)].map(([, key]) => key);
    expect(listed).toEqual(cited);
    expect(cited.length).toBeGreaterThan(4);
  });

  it('refers to tables and figures that are there', () => {
    const tex = ['methods.tex', 'tables.tex', 'main.tex'].map(file => read(out, 'paper', file)).join('\n');
    const found = (command: string) => [...tex.matchAll(new RegExp(`\\\\${command}\\{([^}]*)\\}`, 'g'))].map(([, label]) => label);
    expect(found('ref').filter(label => !found('label').includes(label))).toEqual([]);
    expect(new Set(found('label')).size).toBe(found('label').length);
    const figures = [...tex.matchAll(/\\includegraphics\[[^\]]*\]\{([^}]*)\}/g)].map(([, file]) => file);
    expect(figures.filter(file => read(out, 'paper', file).slice(0, 5) !== '%PDF-')).toEqual([]);
  });
});

describe('the paper of a run of today', () => {
  const [run, out] = [join(folder, 'run'), join(folder, 'tiny')];
  beforeAll(async () => {
    const { status, stderr } = await withinProcess(['run', TINY, '--out', run, '--set', 'latents.kind=vq', '--set', 'distill.beta=0']);
    expect(status, stderr).toBe(0);
  }, 120_000);

  it('has no number that is not in results.json, which holds what follows from the configuration', async () => {
    expect(json(run, 'results.json').setting).toMatchObject({ histories: 77, latents: { count: 2, width: 16 }, finalEpisodes: 3 });
    expect(await reportAndReadBack(run, out)).toEqual([]);
  });

  it('says what it did', () => {
    const text = read(out, 'paper', 'methods.tex');
    expect(text).toContain('\\cite{oord2017}');
    expect(text).not.toContain('ell_\\mathrm{KL}');
    expect(read(out, 'paper', 'tables.tex')).toContain('\\label{tab:tasks}');
    // Every other method, compared with it.
    expect(read(out, 'paper', 'tables.tex')).toMatch(/tab:versus\}[\s\S]*?\\texttt\{truncated\} & \\num\{-?0\.\d{3}\} \[/);
    expect(read(out, 'paper', 'main.tex')).toContain('profiles.pdf');
  });

  it('is written again byte for byte', async () => {
    const again = join(folder, 'again');
    await withinProcess(['report', run, '--out', again]);
    for (const file of ['methods.tex', 'tables.tex', 'numbers.json', 'figures/pipeline.pdf'])
      expect(readFileSync(join(again, 'paper', file)).equals(readFileSync(join(out, 'paper', file))), file).toBe(true);
  });
});

describe('several runs', () => {
  it('stand side by side in one table and on one page', async () => {
    const out = join(folder, 'two');
    const runs = ['dark-room-full', 'dark-room-quick'].map(name => join(ROOT, 'results', name));
    const { status, stderr } = await withinProcess(['report', ...runs, '--out', out]);
    expect(status, stderr).toBe(0);
    expect(read(out, 'paper', 'tables.tex')).toContain('\\texttt{cad} (\\texttt{dark-room-full})');
    expect(read(out, 'report.html')).toContain('cad (dark-room-full)');
    const numbers = json(out, 'paper', 'numbers.json') as {
      setting: unknown;
      runs: Record<string, { setting: unknown }>;
      files: Record<string, Said[]>;
    };
    const names = ['dark-room-full', 'dark-room'];
    const values = names.map((name, i) => valuesOf(runs[i], numbers.runs[name]));
    const valueAt = (path: readonly string[]) => {
      if (path[0] !== 'runs') return values[0](path);
      return path.length === 2 ? path[1] : values[names.indexOf(path[1])](path.slice(2));
    };
    const wrong = ['methods.tex', 'tables.tex'].flatMap(name => misreadings(read(out, 'paper', name), numbers.files[name], valueAt));
    expect(wrong).toEqual([]);
    expect(read(out, 'paper', 'methods.tex')).toContain('finetune.steps');
  });

  it('are refused with the reason where they played other tasks', async () => {
    const out = join(folder, 'refused');
    const runs = ['dark-room-full', 'key-to-door'].map(name => join(ROOT, 'results', name));
    const needle = /\bdark-room-full\b.* dark-room, key-to-door .*key-to-door\b/;
    expect(await withinProcess(['report', ...runs, '--out', out])).toEqual(exit('E_SPLIT', needle));
    expect(existsSync(join(out, 'paper'))).toBe(false);
  });

  it('are refused where there is no Methods section to write', async () => {
    for (const [names, reason] of [
      [['delayed-bandit', 'classification'], /cadenza-supervised-2/],
      [['variants', 'matrix'], /results\/variants\b.*cadenza compare/],
    ] as const) {
      const runs = names.map(name => join(ROOT, 'results', name));
      const { status, stderr } = await withinProcess(['report', ...runs, '--out', join(folder, 'none')]);
      expect(status).not.toBe(0);
      expect(stderr).toMatch(reason);
    }
  });
});

// ---- what is said, by setting ------------------------------------------------------------------------------------------------

const quick = json(ROOT, 'results/dark-room-quick/results.json') as Results;

/** The Methods section of an experiment that was not run: its configuration, and results of another. */
function factsOf(file: string, overrides: Readonly<Record<string, unknown>> = {}): Facts {
  const config = loadExperiment(
    join(ROOT, 'experiments', `${file}.yaml`),
    Object.entries(overrides).map(([key, value]) => `${key}=${JSON.stringify(value)}`),
  );
  const { setting, kinds, stages } = describeExperiment(config);
  const recorded = JSON.parse(JSON.stringify(config));
  return { results: { ...quick, tables: undefined, setting, run: { ...quick.run, config: recorded } }, config, setting, kinds, stages };
}

function readBack(facts: Facts): string[] {
  const { text, citations } = methods(facts);
  const roots: Record<string, unknown> = { results: facts.results, config: facts.results.run.config, setting: facts.setting };
  citedKeys(text);
  return misreadings(text, citations, path =>
    path.reduce<unknown>((node, part) => (node as Record<string, unknown> | undefined)?.[part], roots),
  );
}

const said = (file: string, overrides: Readonly<Record<string, unknown>> = {}) => methods(factsOf(file, overrides)).text;

describe('Methods sections', () => {
  it('have an auxiliary term in the sum, with its weight and what it is', () => {
    const text = said('dark-room', { 'finetune.auxiliary': { variance: 0.5 } });
    expect(text).toContain(String.raw`w_\mathrm{var} \mathcal{L}_\mathrm{var}`);
    expect(text).toContain('0.5');
    expect(said('dark-room')).not.toContain('var}');
  });

  it('name the commits that made runs, and none where it is not known, as of an installed package', () => {
    const facts = factsOf('tiny');
    const made = (commit: string) => {
      const run = { ...facts, results: { ...facts.results, run: { ...facts.results.run, commit } } };
      return [
        ...implementation(run),
        ...differences({
          ...run,
          runs: new Map([
            ['one', run],
            ['other', run],
          ]),
        }),
      ]
        .map(part => part?.text)
        .join();
    };
    expect(made('0123abcd').match(/0123abcd/g)).toHaveLength(2);
    expect(made('unknown')).not.toContain('unknown');
  });

  it.each([
    'dark-room',
    'dark-room-full',
    'dark-room-hard',
    'dark-room-moves',
    'dark-room-pixels',
    'dark-room-reinforce',
    'delayed-bandit',
    'key-to-door',
    'key-to-door-life',
    'point-room',
    'tiny',
  ])('have no number of their own: experiments/%s.yaml', file => expect(readBack(factsOf(file))).toEqual([]));

  const CONSECUTIVE = {
    'queries.perHistory': 4,
    'queries.reconstructed': 4,
    'queries.consecutive': true,
    'queries.earlyEpisodeFraction': 0,
  };
  const prompt = { 'policy.prompt': { episodes: 1 }, 'policy.architecture': 'encoder-decoder' };
  it.each<[string, Record<string, unknown>, ...Needle[]]>([
    ['causal', { compressor: 'causal' }],
    ['strided attention', { compressor: 'strided-attention' }],
    ['linear projection', { compressor: 'linear-projection' }],
    ['recurrent', { compressor: 'recurrent', 'compression.gradientRounds': 2, 'compression.workingMemory': 5 }, '\\num{2}', '\\num{5}'],
    ['accumulating', { compressor: 'accumulating', 'compression.capacity': 3, 'compression.summaries': 2 }, '\\num{3}', '\\num{2}'],
    ['gru', { compressor: 'gru' }, 'cho2014'],
    ['linear attention', { compressor: 'linear-attention' }, 'katharopoulos2020'],
    [
      'consecutive queries',
      { compressor: 'recurrent', ...CONSECUTIVE, 'queries.restart': 0.25 },
      '\\num{4}',
      '\\num{0.25}',
      'all episodes before',
    ],
    ['a curriculum', { 'queries.curriculum': { order: 'length', from: 0.3, steps: 70 } }, 'platanios2019', /\\num\{0\.3\} .*\\num\{70\}/],
    ['variational', { 'latents.kind': 'variational' }],
    ['fsq', { 'latents.kind': 'fsq' }, /\\num\{8\}, \\num\{5\}, \\num\{5\} .*\\num\{5\}/],
    ['vq', { 'latents.kind': 'vq', 'finetune.capacityWeight': 0 }, '\\lambda_\\mathrm{cap} = \\num{0.25}'],
    ['interleaved', { tokenizer: 'interleaved' }],
    ['rotary', { 'model.positions': 'rotary' }, 'su2024'],
    ['buckets', { 'model.rewards': [0.25, 0.5] }, /\\num\{0.25\} .*\\num\{0.5\}/],
    ['state alone', { 'policy.query': 'state' }],
    ['prompt', prompt],
    ['retrieval', { 'policy.retrieval.contexts': 3 }, '\\num{3}'],
    ['returns', { 'policy.returns': { episodes: 3, bins: 21, weight: 0.1 } }, '\\omega = \\num{0.1}'],
    ['Monte-Carlo teacher', { 'teacher.kind': 'monte-carlo', 'distill.beta': 0.5, tables: [] }],
    ['one layer', { 'policy.crossLayers': [1] }, /\\num\{1\}/],
    ['on-policy labels', { 'reinforce.steps': 5, 'reinforce.imitationWeight': 1, 'reinforce.policyWeight': 0 }, 'ross2011'],
    ['frozen compressor', { 'finetune.compressorLearningRateScale': 0 }],
    ['validation', { 'split.validation': 8, 'evaluate.tasks': 'validation' }],
    ['noise curriculum', { 'source.id': 'noise-curriculum' }, '$^\\epsilon$'],
    ['count-based', { 'source.id': 'count-based' }, 'strehl2008'],
    ['replay buffer', { 'source.id': 'replay-buffer' }, 'lin1992'],
    ['demonstrations', { 'source.id': 'demonstrations' }, 'ziebart2010'],
  ])('say of %s what is theirs, with numbers from the configuration alone', (_, overrides, ...needles) => {
    const facts = factsOf('dark-room', overrides);
    expect(readBack(facts)).toEqual([]);
    const { text } = methods(facts);
    const words = (of: string) => new Set(of.split(/\s+/));
    const plain = words(said('dark-room'));
    expect([...words(text)].filter(word => !plain.has(word)).length).toBeGreaterThan(0);
    expect(text).toEqual(carrying(...needles));
  });

  it.each(baselines.all)('say what the row $id is, and what it alone was given', ({ id, given }) => {
    const { results, ...facts } = factsOf('dark-room', { 'baselines.methods': [id], 'baselines.steps': 'equal' });
    const row = { ...quick.methods['mean-pool'], ...(given ? { given } : {}) };
    const whole = { ...facts, results: { ...results, methods: { cad: quick.methods.cad, [id]: row } } };
    expect(readBack(whole)).toEqual([]);
    const { text } = methods(whole);
    const said = text.slice(text.indexOf(`\\item[\\texttt{${id}}]`));
    expect(said.length).toBeLessThan(text.length);
    const without = { ...whole, results: { ...results, methods: { cad: quick.methods.cad, [id]: quick.methods['mean-pool'] } } };
    expect(text === methods(without).text).toBe(given === undefined);
  });

  it('say where imported histories came from, and nothing of a source', () => {
    const { results, config, kinds, setting, stages } = factsOf('dark-room');
    const main = { layout: 'xland', labels: 'expert', dropped: { heldOut: 17, beyondMaxTasks: 0 }, files: [] };
    const facts: Facts = {
      results: { ...results, run: { ...results.run, imported: { main } } },
      config: { ...config, source: { ...config.source, dataset: 'data/xland' } },
      kinds: { ...kinds, source: undefined },
      stages,
      setting: { ...setting, source: undefined, histories: undefined },
    };
    expect(readBack(facts)).toEqual([]);
    expect(methods(facts).text).toEqual(carrying('\\texttt{xland}', '\\num{17}'));
    expect(methods(facts).text).not.toContain(`\\texttt{${config.source.id}}`);
  });

  it('explain every method that a table can have in addition to the agent', () => {
    const facts = factsOf('dark-room', { 'baselines.steps': 'equal', 'baselines.methods': baselines.ids });
    const row = facts.results.methods.none;
    const rows = Object.fromEntries(['cad', 'reinforced', 'teacher', 'source', 'random', ...baselines.ids].map(id => [id, row]));
    const whole = { ...facts, results: { ...facts.results, methods: rows } };
    expect(readBack(whole)).toEqual([]);
    const text = methods(whole).text;
    expect(Object.keys(rows).filter(id => !text.includes(`\\item[\\texttt{${id}}] `))).toEqual([]);
  });

  /** Where the numbers come from that a Methods section gives. */
  const cited = (overrides: Readonly<Record<string, unknown>> = {}) =>
    methods(factsOf('dark-room', overrides)).citations.map(({ path }) => path);

  it.each([
    ['config/policy/prompt/episodes', prompt],
    ['config/policy/retrieval/contexts', { 'policy.retrieval.contexts': 3 }],
    ['config/reinforce/epochs', { 'reinforce.steps': 5 }],
  ])('cite %s where it has a part, and nowhere else', (path, overrides) => {
    expect([cited(overrides).includes(path), cited().includes(path)]).toEqual([true, false]);
  });

  it('say nothing of what a run does not do', () => {
    const nothing = {
      'teacher.steps': 0,
      'distill.beta': 0,
      'pretrain.steps': 0,
      'distill.steps': 0,
      'finetune.beta': 0,
      'finetune.gamma': 0,
      'baselines.steps': 0,
    };
    const absent =
      /^config\/(?:(?:pretrain|teacher|baselines|reinforce|retrieve|policy\/prompt|policy\/retrieval)\/|distill\/(?:beta|steps)$|finetune\/(?:beta|gamma)$)/;
    const found = (paths: readonly string[]) => [...new Set(paths.filter(path => absent.test(path)))].sort();
    expect(found(cited(nothing))).toEqual([]);
    // What the preset does of these.
    expect(found(cited())).toEqual([
      'config/baselines/steps',
      'config/distill/beta',
      'config/distill/steps',
      'config/finetune/gamma',
      'config/pretrain/capacityWeight',
      'config/pretrain/steps',
      'config/teacher/steps',
    ]);
    const plain = said('dark-room', nothing);
    for (const symbol of ['KL}', 'p_T', 'R_\\psi', '\\lambda_\\mathrm{cap}']) expect(plain).not.toContain(symbol);
    expect(plain).toContain('\\mathcal{L}_\\mathrm{joint} = \\alpha \\ell_\\mathrm{task}$');
  });

  it.each([
    ['model.width', 96],
    ['model.encoderLayers', 7],
    ['optimizer.weightDecay', 0.037],
    ['distill.beta', 0.73],
    ['evaluate.streams', 23],
    ['source.noise.max', 0.31],
  ])('follow %s', (key, value) => {
    expect(said('dark-room', { [key]: value })).toContain(`\\num{${value}}`);
    expect(said('dark-room')).not.toContain(`\\num{${value}}`);
  });
});

// ---- LaTeX -------------------------------------------------------------------------------------------------------------------

const hasLatex = (() => {
  try {
    for (const command of ['latexmk', 'pdflatex']) execFileSync(command, ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
})();
const MISSING =
  'NO LATEX FOUND: whether the paper of a run compiles WAS NOT TESTED. Install latexmk and texlive-latex-recommended, -fonts-recommended, -science.';
if (!hasLatex) console.warn(`\n${'!'.repeat(80)}\n${MISSING}\n${'!'.repeat(80)}\n`);

it.runIf(hasLatex)(
  'compiles without errors, undefined references or lines that stick out',
  async () => {
    const paper = join(folder, 'latex');
    const run = join(ROOT, 'results/dark-room-full');
    const results = json(run, 'results.json') as Results;
    // In all scripts that a user may write in.
    const note = 'Läufe für Straße, naïve Ångström – Łódź, „Việt“, αβ ά Ω, 2×3 ≤ 7 €, 中文 🎲';
    results.run.command += ` --out ${note}`;
    const config = loadExperiment(join(run, 'config.yaml'));
    await writePaper(paper, { results, config, ...describeExperiment(config) });
    execFileSync('latexmk', ['-pdf', '-interaction=nonstopmode', '-halt-on-error', 'main.tex'], { cwd: paper, stdio: 'ignore' });
    const log = read(paper, 'main.log');
    expect(log.match(/LaTeX Warning: .*|undefined.*/g) ?? []).toEqual([]);
    const sticksOut = [...log.matchAll(/Overfull \\hbox \(([\d.]+)pt too wide\)/g)].map(([, points]) => Number(points));
    expect(sticksOut.filter(points => points > 3)).toEqual([]);
    expect(readFileSync(join(paper, 'main.pdf')).subarray(0, 5).toString()).toBe('%PDF-');
  },
  120_000,
);
