import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseHTML } from 'linkedom';
import { describe, expect, it } from 'vitest';
import { carrying, failure } from '../../test/helpers/failure.ts';
import { expectWholePage } from '../../test/helpers/html.ts';
import { EPISODES, lifetime, names, predictors, results, TASKS, withPredictions } from '../../test/helpers/made-up-results.ts';
import {
  type Comparison,
  describeIntervals,
  type MethodTable,
  methodResult,
  oracleReference,
  type Protocol,
  type Results,
  wordsOf,
} from '../records/index.ts';
import { Random } from '../util/random.ts';
import { learningCurves, profiles } from './figures/learning-curves.ts';
import { methodStyles } from './figures/style.ts';
import { htmlReport } from './html/results.ts';
import { draw, formatResults, formatTable, toPNG, writeReports } from './index.ts';
import { bytes, count, duration, meanScoreInterval, resultTable, returnTable, score } from './tables/format.ts';
import { versusTable } from './tables/versus.ts';
import { fittingTable } from './terminal/results.ts';

const curves = (methods: MethodTable) => draw(learningCurves.draw(methods));

describe('format', () => {
  it('writes counts, bytes and durations with units', () => {
    expect([0, 5, 999.4, 999.6, 27.8e6, 144.8e6].map(value => count(value))).toEqual(['0', '5', '999', '1 k', '27.8 M', '145 M']);
    expect([512, 1536, 96_000].map(bytes)).toEqual(['512 B', '1.5 KiB', '93.8 KiB']);
    expect([4.21, 59.97, 200, 3720].map(duration)).toEqual(['4.2 s', '1 min 00 s', '3 min 20 s', '1 h 02 min']);
  });
});

describe('how far rows can be trusted', () => {
  const protocol: Protocol = {
    env: { id: 'dark-room' },
    side: 'test',
    episodes: EPISODES,
    streams: 3,
    sampling: 'sample',
    split: { train: 73, test: 8, overlap: 0 },
    selection: { by: 'validation', note: 'by hand' },
  };
  const budget = [
    { stage: 'pretrain', steps: 500, examples: 32_000 },
    { stage: 'finetune', steps: 1600, examples: 102_400 },
  ];
  const stated: Results = {
    ...results,
    methods: { cad: { ...results.methods.cad, budget }, random: results.methods.random },
    tables: {},
    protocols: { [results.name]: protocol },
  };
  const chosenOnTest: Results = { ...stated, protocols: { [results.name]: { ...protocol, selection: { by: 'test' } } } };
  const text = (of: Results) => formatResults(of, { width: 200, color: false });
  const page = (of: Results) => parseHTML(htmlReport(of)).document;

  it('stands below their table: budget, split audit and selection rule', () => {
    const notes = [
      carrying(/\bcad\b/, 'pretrain', 500, 'finetune', '1,600', '2,100', '134,400'),
      carrying(/\brandom\b/),
      carrying(73, 8, 'by hand'),
    ];
    const shown = Array.from(page(stated).querySelectorAll('p.note'), note => note.textContent);
    for (const note of notes) {
      expect(text(stated).split('\n')).toContainEqual(note);
      expect(shown).toContainEqual(note);
    }
    expect(text({ ...stated, protocols: { [results.name]: { ...protocol, side: 'validation' } } })).not.toBe(text(stated));
  });

  it('keeps rows from being shown that were selected on test tasks, and says why', () => {
    const reason = carrying(results.name, 'selection.by', 'results.json');
    expect(text(chosenOnTest)).toEqual(reason);
    for (const shown of [text(chosenOnTest), htmlReport(chosenOnTest)])
      expect(shown).not.toContain(meanScoreInterval(results.methods.cad.final));
    expect(page(chosenOnTest).querySelector('main')!.textContent).toEqual(reason);
    expect(page(chosenOnTest).querySelector('table')).toBe(null);
    const named = (of: Results) => page(of).querySelector('header strong')?.textContent;
    expect([named(stated), named(chosenOnTest)]).toEqual(['cad', undefined]);
    const folder = mkdtempSync(join(tmpdir(), 'cadenza-refused-'));
    expect(writeReports(folder, chosenOnTest)).toEqual([join(folder, 'results.html')]);
    rmSync(folder, { recursive: true });
  });

  it('is not said of results that do not tell', () => {
    expect(text(results)).not.toContain('134,400');
    expect(page(results).querySelectorAll('p.note').length).toBeLessThan(page(stated).querySelectorAll('p.note').length);
  });
});

describe('what some methods alone were given', () => {
  const reported = { ...results, methods: { ...results.methods, 'cad-expert': { ...results.methods.cad, given: 'a <hint>' } } };
  const note = carrying('a <hint>', 'cad-expert');

  it('stands below their table, on the terminal and on the page', () => {
    expect(formatResults(reported, { width: 200, color: false }).split('\n')).toContainEqual(note);
    expect(parseHTML(htmlReport(reported)).document.querySelector('h3')!.previousElementSibling!.textContent).toEqual(note);
    expect(formatResults(results, { width: 200, color: false })).not.toContain('<hint>');
  });
});

describe('CAD versus each baseline', () => {
  const estimate = (value: number) => ({ value, low: value - 0.02, high: value + 0.02 });
  const measure = (value: number) => ({
    before: 0.5,
    after: 0.5 + value,
    difference: { ...estimate(value), by: 'run' as const, pairs: 48, seeds: 2, resampled: 'runs' as const },
    improvement: estimate(0.5 + value),
  });
  const others = Object.fromEntries(
    names
      .filter(name => name !== 'cad')
      .map((name, i): [string, Comparison] => {
        const [final, area] = [0.05 - 0.01 * i, 0.1];
        return [name, { measures: { final: measure(final), area: measure(area) }, measure: 'final', verdict: 'better' }];
      }),
  );
  const reported: Results = { ...results, versus: { [results.name]: { method: 'cad', others } } };

  it('is printed with intervals and a verdict for each measure, on the terminal', () => {
    const text = formatResults(reported, { width: 160, color: false });
    const row = (name: string) => text.split('\n').find(line => line.startsWith(`${name} `) && /[+−]\d/.test(line))!;
    // 0.05: better; 0: neither. 144.8 and 27.8 MFLOP, 96,000 and 6,144 bytes.
    // Verdicts are what results.json has, too.
    expect(row('ad')).toMatch(
      /better +\+0\.050 \[\+0\.030, \+0\.070\] +better +\+0\.100 \[\+0\.080, \+0\.120\] +0\.55 \[0\.53, 0\.57\] +0\.19 +0\.064/,
    );
    expect(row('q-learning')).toMatch(/not distinguishable +0\.000 \[−0\.020, \+0\.020\]/);
    expect(row('random')).toMatch(/−0\.010 \[−0\.030, \+0\.010\]/);
    for (const width of [60, 80])
      for (const line of formatResults(reported, { width, color: false }).split('\n')) expect(line.length, line).toBeLessThanOrEqual(width);
    expect(formatResults(results, { width: 160, color: false })).not.toMatch(/[+−]\d\.\d{3} \[/);
  });

  it('explains the columns that are shown, and no others', () => {
    const table = versusTable(reported.versus![results.name], reported.methods);
    const ids = table.columns.map(({ id }) => id);
    expect(ids).toEqual(['verdict-final', 'final', 'verdict-area', 'area', 'probability', 'flops-ratio', 'state-ratio']);
    const notes = [[], ['verdict-final'], ['probability'], ['state-ratio'], ids].map(shown => table.note(shown).length);
    // Each of the three has a sentence of its own, once.
    expect(new Set(notes.slice(0, 4)).size).toBe(4);
    expect(notes[4] - notes[0]).toBe(notes[1] + notes[2] + notes[3] - 3 * notes[0]);
    const found = [60, 80, 160].map(width => {
      const { shown } = fittingTable(table, { width, color: false });
      // A whole report wraps the note; the words stay.
      expect(formatResults(reported, { width, color: false }).replace(/\s+/g, ' ')).toContain(table.note(shown));
      return shown;
    });
    expect(found[0]).not.toContain('probability');
    expect(found[0]).not.toContain('state-ratio');
    expect(found[2]).toEqual(ids);
  });

  it('stands on the page, best row first', () => {
    const { document } = parseHTML(htmlReport(reported));
    const table = document.querySelector('th[data-column=verdict-final]')!.closest('table')!;
    const rows = [...table.querySelectorAll('tbody tr')].map(row => row.firstElementChild!.textContent);
    expect(rows).toEqual(
      names.filter(name => name !== 'cad').sort((a, b) => results.methods[b].final.mean - results.methods[a].final.mean),
    );
  });
});

describe('performance profiles', () => {
  it('are drawn for every method, from what its runs earned', () => {
    const svg = draw(profiles.draw(results.methods)!);
    const labels = [...parseHTML(svg).document.querySelectorAll('text')].map(text => text.textContent);
    for (const name of names) expect(labels.filter(label => label === name)).toHaveLength(1);
    expect(svg).not.toMatch(/NaN|undefined/);
    // Nothing but the oracle is always near the top, and nothing of the random player is.
    const at = (name: string) => results.methods[name].profile!.share[16];
    expect([at('oracle') > 0.9, at('random')]).toEqual([true, 0]);
  });

  it('are left out of older results', () => {
    const older = Object.fromEntries(Object.entries(results.methods).map(([name, { profile: _, ...rest }]) => [name, rest]));
    expect(profiles.draw(older)).toBeUndefined();
    const headings = (of: Results) => parseHTML(htmlReport(of)).document.querySelectorAll('h2, h3').length;
    expect(headings({ ...results, methods: older, tables: {} })).toBe(headings({ ...results, tables: {} }) - 1);
  });
});

describe('an interval of a single run', () => {
  it('is none, on the terminal, on the page and in what is said of intervals', () => {
    const alone = structuredClone(results);
    const { final } = alone.methods.cad;
    final.meanLow = final.meanHigh = final.mean;
    final.low = final.high = final.iqm;
    alone.intervalNote = describeIntervals({ tasks: 4, streams: 1, seeds: 1 });
    const shown = `${final.mean.toFixed(3)} [–]`;
    for (const text of [formatResults(alone, { width: 120, color: false }), htmlReport(alone)]) {
      expect(text).toContain(shown);
      expect(text).not.toContain(`[${final.mean.toFixed(3)}, ${final.mean.toFixed(3)}]`);
      // Once more, where it is said what that is.
      expect(text.split('[–]').length).toBeGreaterThan(2);
    }
    expect(alone.intervalNote).not.toContain('95%');
    expect(describeIntervals({ tasks: 4, streams: 1, seeds: 2 })).toContain('95%');
    expect(htmlReport(results)).not.toContain('[–]');
  });
});

describe('style', () => {
  it('is one on a whole page: what a table leaves out does not change the others', () => {
    const html = htmlReport(results);
    const colors = new Map<string, Set<string>>();
    for (const [, color, name] of html.matchAll(/<path d="M0 4H22" stroke="([^"]*)"[^>]*>\s*(?:<\/path>)?<\/svg>([^<]*)</g))
      colors.set(name, (colors.get(name) ?? new Set()).add(color));
    expect(colors.size).toBeGreaterThanOrEqual(names.length);
    for (const [name, found] of colors) expect([...found], name).toHaveLength(1);
  });

  it('of many rows is a panel each', () => {
    const many = Object.fromEntries(Array.from({ length: 12 }, (_, i) => [`row-${i}`, results.methods.cad]));
    const panels = (svg: string) => Object.keys(many).filter(name => svg.includes(`>${name}</`)).length;
    expect(panels(curves(many))).toBe(12);
    expect(panels(htmlReport({ ...results, methods: many, tables: {}, versus: {} }))).toBe(12);
  });

  it('emphasizes CAD and tells all methods apart', () => {
    const styles = methodStyles(names);
    expect([...styles].filter(([, style]) => style.emphasized).map(([name]) => name)).toEqual(['cad']);
    expect(new Set([...styles.values()].map(({ color, dash }) => `${color} ${dash}`)).size).toBe(names.length);
  });

  it.each([
    [['none', 'cad', 'cad-expert'], ['cad']],
    [['cad (far)', 'teacher'], ['cad (far)']],
    [['cad m1', 'cad m2', 'teacher'], []],
  ])('emphasizes of %j %j: of several variants none', (names, emphasized) => {
    expect([...methodStyles(names)].filter(([, style]) => style.emphasized).map(([name]) => name)).toEqual(emphasized);
  });
});

describe('terminal', () => {
  for (const width of [40, 60, 80, 120]) {
    it(`keeps to ${width} columns, without escape codes unless color is asked for`, () => {
      const text = formatResults(results, { width, color: false });
      // biome-ignore lint/suspicious/noControlCharactersInRegex: escape codes are what must not be there.
      expect(text).not.toMatch(/\u001b/);
      for (const line of text.split('\n')) expect(line.length, line).toBeLessThanOrEqual(width);
      for (const name of names) expect(text).toContain(name.slice(0, 16));
    });
  }

  it('shows how well returns are predicted, best first', () => {
    for (const width of [40, 140]) {
      const text = formatResults(withPredictions, { width, color: false });
      for (const line of text.split('\n')) expect(line.length, line).toBeLessThanOrEqual(width);
      expect(text).toMatch(/cad +0\.250 \[–\][\s\S]*last return +0\.500/);
      expect(text).not.toMatch(/NaN|undefined/);
    }
    const table = returnTable(withPredictions.returns![results.name], wordsOf(results.methods));
    expect([40, 140].map(width => fittingTable(table, { width, color: false }).shown.includes('episode-2'))).toEqual([false, true]);
    expect(formatResults(results, { width: 140 })).not.toContain('last return');
  });

  it('shows how predicted returns are calibrated where that is known', () => {
    const calibrated = { ...predictors.cad, calibration: { error: 0.125, bins: [] } };
    const known = { ...results, returns: { [results.name]: { histories: 16, predictors: { ...predictors, cad: calibrated } } } };
    const text = formatResults(known, { width: 140, color: false });
    expect(text).toMatch(/cad .* 0\.125 [\s\S]*last return +0\.500 \[.*\] +– /);
    expect(formatResults(withPredictions, { width: 140, color: false })).not.toContain('0.125');
  });

  it('shows regret and its parts, of one episode as of many', () => {
    for (const width of [60, 140]) {
      const text = formatResults(lifetime, { width, color: false });
      for (const line of text.split('\n')) expect(line.length, line).toBeLessThanOrEqual(width);
      expect(text).toMatch(/^cad .* 5\.0 \[\d\.\d, \d\.\d\]/m);
      expect(text).toMatch(/\b1 × 4\b/);
      expect(text).not.toMatch(/NaN|undefined/);
    }
    const shown = [60, 140].map(width => fittingTable(resultTable(lifetime.methods), { width, color: false }).shown);
    // Of one episode, no episode has a column.
    expect(shown.map(ids => ids.filter(id => /^(episode|regret)-/.test(id)))).toEqual([[], ['regret-before', 'regret-after']]);
  });

  it('is colored on demand, in braille, not otherwise', () => {
    expect(formatResults(results)).not.toContain('\u001b');
    const colored = formatResults(results, { color: true });
    expect(colored).toContain('\u001b[');
    expect(colored).toMatch(/[\u2801-\u28ff]/);
  });

  it('says how fast each row learns, where it tells and there is time to learn', () => {
    const rows = formatTable(results.methods, { width: 140, color: false }).split('\n');
    const row = (name: string) => rows.find(line => line.startsWith(`${name} `))!;
    expect(row('oracle')).toMatch(/ 1 /);
    expect(row('random')).toMatch(/ > 30 /);
    expect(row('cad')).toContain(` ${meanScoreInterval(results.methods.cad.area!)} `);
    const older = Object.fromEntries(Object.entries(results.methods).map(([name, { area: _, episodesTo: __, ...rest }]) => [name, rest]));
    expect(formatTable(older, { width: 140, color: false })).not.toContain(' > 30 ');
  });

  it('shows cost and scores at full width', () => {
    const text = formatResults(results, { width: 120, color: false });
    expect(text).toMatch(/cad .*27\.8 M +6 KiB/);
    expect(text).toContain(meanScoreInterval(results.methods.cad.final));
  });
});

describe('figure', () => {
  it('is an SVG document with every label', () => {
    const svg = curves(results.methods);
    const { document } = parseHTML(svg);
    const labels = [...document.querySelectorAll('text')].map(text => text.textContent);
    for (const name of names) expect(labels.filter(label => label === name)).toHaveLength(1);
    expect(curves(results.tables!['q-learning histories'])).toContain('>oracle</text>');
    expect(() => curves({})).toThrow(failure('E_SHAPE'));
    expect(svg).toMatch(/^<svg[^>]* xmlns="http:\/\/www.w3.org\/2000\/svg"/);
    expect(svg).not.toMatch(/NaN|undefined/);
  });

  it('escapes names and draws a run of one episode', () => {
    const one = methodResult({
      seeds: [{ returns: [1], tasks: ['t'] }],
      episodes: 1,
      reference: oracleReference([['t', 2]]),
      cost: { flopsPerAction: 1, stateBytes: 1, historyBytes: 1 },
      random: Random.seeded(0),
      resamples: 10,
    });
    const svg = curves({ '<b>&': one });
    expect(svg).toContain('&lt;b&gt;&amp;');
    expect(svg).not.toMatch(/NaN|<b>/);
    // A line of one point shows nothing, so each method has a dot instead.
    const { document } = parseHTML(curves(lifetime.methods));
    expect(document.querySelectorAll('circle')).toHaveLength(2);
    expect(parseHTML(curves(results.methods)).document.querySelectorAll('circle')).toHaveLength(0);
  });

  it('becomes a PNG with text in it', () => {
    const png = toPNG(curves(results.methods), 1);
    expect([...png.subarray(0, 8)]).toEqual([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
    expect(png.length).toBeGreaterThan(20_000);
    const text = (content: string) =>
      toPNG(`<svg xmlns="http://www.w3.org/2000/svg" width="80" height="20"><text y="15">${content}</text></svg>`);
    expect(text('episode')).not.toEqual(text(''));
  });
});

describe('writeReports', () => {
  // REPORTS_FOLDER=/tmp/look npx vitest run src/reports leaves the files where they can be looked at.
  const folder = process.env.REPORTS_FOLDER ?? mkdtempSync(join(tmpdir(), 'cadenza-reports-'));
  const paths = writeReports(folder, results);
  const page = readFileSync(join(folder, 'results.html'), 'utf8');
  const { document } = parseHTML(page);

  /** The cells of every table, row by row. */
  const tablesOf = (html: string) =>
    Array.from(parseHTML(html).document.querySelectorAll('table'), table =>
      Array.from(table.querySelectorAll('tbody tr'), row => Array.from(row.children, cell => cell.textContent)),
    );

  it('writes page, figure and image', () => {
    expect(paths).toEqual(['results.html', 'results.svg', 'results.png'].map(name => join(folder, name)));
  });

  it('has every number of every task', () => {
    // The methods of one table of the run are in as many tables of the page as they need.
    const tables = [...document.querySelector('section')!.querySelectorAll('table.tasks')];
    const headsOf = (table: Element) => [...table.querySelectorAll('thead th')].slice(2).map(head => head.textContent!);
    expect(tables.flatMap(headsOf).sort()).toEqual([...names].sort());
    for (const table of tables) {
      const rows = [...table.querySelectorAll('tbody tr')];
      expect(rows.map(row => row.querySelector('th')?.textContent)).toEqual(TASKS);
      rows.forEach((row, i) => {
        const cells = [...row.querySelectorAll('td')].slice(1).map(cell => cell.textContent);
        expect(cells).toEqual(headsOf(table).map(name => score(results.methods[name].perTask[i].mean)));
      });
    }
  });

  it('tells regret, and a run of one episode as such', () => {
    const folder = mkdtempSync(join(tmpdir(), 'cadenza-reports-'));
    writeReports(folder, lifetime);
    const text = readFileSync(join(folder, 'results.html'), 'utf8');
    rmSync(folder, { recursive: true });
    expect(text).toContain('<strong>cad</strong>');
    expect(text).toMatch(/5\.0 \[/);
    const regrets = (html: string) =>
      [...parseHTML(html).document.querySelectorAll('th[data-column^=regret]')].map(head => [
        head.getAttribute('data-column'),
        head.textContent,
      ]);
    expect(regrets(text)).toEqual([
      ['regret', expect.any(String)],
      ['regret-before', expect.stringContaining('before')],
      ['regret-after', expect.stringContaining('after')],
    ]);
    expect(text).not.toMatch(/undefined|NaN/);
    expect(regrets(page)).toEqual([]);
  });

  it('has the times of every row where they were taken', () => {
    const action = { median: 1.234, p95: 2, worst: 31.06, actions: 200 };
    const times = { [results.name]: { cad: { training: 200, evaluation: 4.21, action }, random: { evaluation: 1 } } };
    const timed = { ...results, run: { ...results.run, times } };
    expect(tablesOf(htmlReport(timed))).toContainEqual([
      ['cad', '1.23 ms', '2 ms', '31.1 ms', '3 min 20 s', '4.2 s'],
      ['random', '–', '–', '–', '–', '1 s'],
    ]);
    const text = formatResults(timed, { width: 120, color: false });
    expect(fittingTable(resultTable(results.methods, times[results.name]), { width: 120, color: false }).shown.at(-1)).toBe('milliseconds');
    expect(text).toMatch(/cad .*6 KiB +1\.2\n/);
    expect(tablesOf(htmlReport(timed))).toHaveLength(tablesOf(page).length + 1);
  });

  it('has a table of predicted returns where there are any', () => {
    expect(tablesOf(htmlReport(withPredictions))).toContainEqual([
      ['cad', '0.250 [–]', '0.063', ...Array(4).fill('0.250')],
      ['last return', '0.500 [–]', '0.250', ...Array(4).fill('0.500')],
    ]);
    expect(tablesOf(htmlReport(withPredictions))).toHaveLength(tablesOf(page).length + 1);
  });

  it('says below every table what its columns are, for where tooltips do not show', () => {
    const [scores] = document.querySelectorAll('.scroll:has(table)');
    const legend = scores.nextElementSibling!;
    // The columns that the page has no room for are above the legend.
    const tables = [scores, ...legend.querySelectorAll('.scroll')];
    const heads = tables.flatMap(table => [...table.querySelectorAll('thead th')].slice(1));
    const listed = (of: string) => [...legend.querySelectorAll(of)].map(({ textContent }) => textContent);
    expect([legend.tagName, listed('summary').length]).toEqual(['DETAILS', 1]);
    expect([listed('dl:not(.rows) dt'), listed('dl:not(.rows) dd')]).toEqual([
      heads.map(head => head.textContent),
      heads.map(head => head.getAttribute('title')),
    ]);
    expect(listed('dt').length).toBeGreaterThan(8);
  });

  it('names the tasks of the table by task as they were played', () => {
    const protocol = { env: { id: 'dark-room' }, episodes: EPISODES, streams: 3, sampling: 'sample' } as const;
    const played = (side: Protocol['side']) => {
      const of: Protocol = { ...protocol, side, split: { train: 73, test: 8, overlap: 0 }, selection: { by: 'preset' } };
      return htmlReport({ ...results, tables: {}, protocols: { [results.name]: of } });
    };
    const sideOf = (html: string) => parseHTML(html).document.querySelector('table.tasks')!.getAttribute('data-side');
    expect([played('validation'), played('test')].map(sideOf)).toEqual(['validation', 'test']);
    // Older results do not tell.
    expect(sideOf(page)).toBeNull();
  });

  it('closes every element, escapes all text and loads nothing', () => {
    expectWholePage(page);
    expect(document.querySelector('h1')?.textContent).toBe(results.name);
    expect(page).toContain('&lt;script&gt;');
  });

  it('states method, configuration and provenance', () => {
    for (const text of [results.run.commit, results.run.dataHashes.histories, '3 min 20 s', 'layers: 4', 'overlap: 0', '1 h 02 min']) {
      expect(page).toContain(text);
    }
    expect(document.body.textContent).toContain(results.intervalNote);
  });
});
