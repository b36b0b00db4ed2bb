/** @file What is answered to a run that cannot be reported, to several, and to an ablation in the place of an experiment. Nothing is trained. */

import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { Results } from '../src/records/index.ts';
import { learningCurves } from '../src/reports/figures/learning-curves.ts';
import { sideBySideHtml } from '../src/reports/html/side-by-side.ts';
import { draw, htmlReport } from '../src/reports/index.ts';
import { packedPath, readJson } from '../src/util/files.ts';
import { ROOT, TINY, withinProcess } from './helpers/command.ts';
import { carrying, exit } from './helpers/failure.ts';

const folder = mkdtempSync(join(tmpdir(), 'cadenza-report-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const recorded = (name: string) => join(ROOT, 'results', name);
const resultsOf = (run: string) => readJson(packedPath(join(run, 'results.json'))) as Results;

describe('cadenza report', () => {
  it('writes nothing of a run whose rows may not be shown, and says why of that one run', async () => {
    const [run, out] = [join(folder, 'chosen'), join(folder, 'out')];
    cpSync(recorded('delayed-bandit'), run, { recursive: true });
    const results = resultsOf(run);
    for (const protocol of Object.values(results.protocols!)) protocol.selection = { by: 'test' };
    writeFileSync(join(run, 'results.json'), JSON.stringify(results));
    const ended = await withinProcess(['report', run, '--out', out]);
    expect(ended).toEqual(exit('E_SPLIT', 'selection.by'));
    expect([ended.stdout, existsSync(out)]).toEqual(['', false]);
  });

  it.each([
    ['matrix', ['report.html', 'report.svg', 'report.png']],
    ['evidence-rate-return', ['report.html', 'report.svg', 'report.png', 'rate-return.svg']],
  ])('draws the page and the figures of the ablation %s again', async (name, files) => {
    const out = join(folder, name);
    const { status, stdout, stderr } = await withinProcess(['report', recorded(name), '--out', out, '--json']);
    expect(status, stderr).toBe(0);
    expect(JSON.parse(stdout)).toEqual({ page: join(out, files[0]), figures: files.slice(1).map(file => join(out, file)) });
    expect(readdirSync(out).sort()).toEqual([...files].sort());
    const page = readFileSync(join(out, 'report.html'), 'utf8');
    for (const method of Object.keys(resultsOf(recorded(name)).methods)) expect(page).toContain(method);
    expect(page).not.toMatch(/\b(undefined|NaN)\b/);
  });

  it('writes nothing of an ablation whose methods may not be shown', async () => {
    const [run, out] = [join(folder, 'overlap'), join(folder, 'overlap-out')];
    cpSync(recorded('evidence-rate-return'), run, { recursive: true });
    const results = resultsOf(run);
    for (const { split } of Object.values(results.protocols!)) split.overlap = 2;
    delete results.run.hash;
    writeFileSync(join(run, 'results.json'), JSON.stringify(results));
    const ended = await withinProcess(['report', run, '--out', out]);
    expect(ended).toEqual(exit('E_SPLIT', 2));
    expect([ended.stdout, existsSync(out)]).toEqual(['', false]);
  });

  it('says of several runs what is left out and where it is', () => {
    const [full, quick] = ['dark-room-full', 'dark-room-quick'].map(name => resultsOf(recorded(name)));
    const note = (...runs: Results[]) =>
      /<p class="note">([^<]*cadenza compare\.)<\/p>/.exec(sideBySideHtml(new Map(runs.map((run, i) => [`r${i}`, run]))))![1];
    // The full run has a second table; neither compared rows or looked at imitation then.
    expect(note(full, quick)).toEqual(carrying('cadenza report RUN', 'cadenza compare'));
    expect(note(quick, quick).length).toBeLessThan(note(full, quick).length);
  });
});

describe('text in the files of a run that acts on a terminal', () => {
  const HOSTILE = 'x\u001b[2J\u009b31m\u202ey';
  const ACTS = /\p{Cc}\[2J|[\u0080-\u009f\u202e]/u;
  const run = join(folder, 'hostile');
  cpSync(recorded('delayed-bandit'), run, { recursive: true });
  const results = resultsOf(run);
  for (const protocol of Object.values(results.protocols!)) protocol.selection = { by: 'preset', note: HOSTILE };
  results.run.machine = { host: HOSTILE };
  for (const { perTask } of Object.values(results.methods)) perTask[0].task = HOSTILE;
  writeFileSync(join(run, 'results.json'), JSON.stringify(results));

  it.each([[], ['--json']])('is seen, and does not act %s', async (...options) => {
    process.env.FORCE_COLOR = '1';
    try {
      const { status, stdout } = await withinProcess(['compare', run, '--method', 'cad,source', ...options]);
      expect(status).toBe(0);
      expect(stdout).toContain('\\u202e');
      expect(stdout).not.toMatch(ACTS);
    } finally {
      delete process.env.FORCE_COLOR;
    }
  });

  it('is seen in what is said of a mistake', async () => {
    const { status, stderr } = await withinProcess(['compare', `${folder}/${HOSTILE}`, '--method', 'cad,source']);
    expect(status).toBeGreaterThan(0);
    expect(stderr).toContain('\\u202e');
    expect(stderr).not.toMatch(ACTS);
  });

  it('is seen on the page and in figures', () => {
    const methods = { ...results.methods, [HOSTILE]: results.methods.cad };
    for (const text of [htmlReport({ ...results, methods }), draw(learningCurves.draw(methods))]) {
      expect(text).toContain('\\u202e');
      expect(text).not.toMatch(/(?![\n\t])[\p{Cc}\p{Bidi_Control}]/u);
    }
  });
});

describe('one kind of file or folder in the place of the other', () => {
  const MATRIX = join(ROOT, 'experiments/ablations/matrix.yaml');
  it.each([
    ['an experiment given to ablate', ['ablate', TINY], [/tiny\.yaml.*\bcadenza run .*tiny\.yaml/]],
    ['an ablation given to run', ['run', MATRIX], [/matrix\.yaml.*\bcadenza ablate .*matrix\.yaml/]],
    ['the folder of an ablation given to inspect', ['inspect', recorded('matrix')], [recorded('matrix'), 'cadenza run']],
    [
      'the folder of an ablation given to report with a run',
      ['report', recorded('dark-room-full'), recorded('matrix')],
      [recorded('matrix'), 'cadenza compare', /--method \S+,\S+/],
    ],
  ])('%s is named as what it is, with the command for it', async (_, args, needles) => {
    const { status, stdout, stderr } = await withinProcess([...args, '--out', join(folder, 'none')]);
    expect([status === 0, stdout, existsSync(join(folder, 'none'))]).toEqual([false, '', false]);
    expect(stderr).toEqual(carrying(...needles));
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
  });
});
