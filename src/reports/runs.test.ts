import { describe, expect, it } from 'vitest';
import { results } from '../../test/helpers/made-up-results.ts';
import { baselines } from '../agent/baselines/index.ts';
import type { Results } from '../records/index.ts';
import { drawnOf } from './figures/draw.ts';
import { learningCurves } from './figures/learning-curves.ts';
import { isCad } from './figures/style.ts';
import { htmlReport } from './html/results.ts';
import { methodOfRun, sideBySide } from './runs.ts';
import { summarize } from './summary.ts';
import { meaningsOf } from './tables/methods.ts';

const { cad, dpt, random, rad } = results.methods;
const runs = new Map<string, Pick<Results, 'methods'>>([
  ['one', { methods: { cad, random, ad: dpt } }],
  ['two', { methods: { cad: rad, random } }],
  ['three', { methods: { cad, random } }],
]);

describe('several runs in one table', () => {
  it('list equal results once', () => {
    const { methods, rows } = sideBySide(runs);
    expect(Object.keys(methods)).toEqual(['cad (one, three)', 'cad (two)', 'random', 'ad (one)']);
    expect(rows.get('random')).toEqual({ method: 'random', runs: ['one', 'two', 'three'] });
    expect(methods['cad (two)']).toBe(rad);
  });

  it('have one style for each run, and one for what is equal', () => {
    const { styles, panels } = sideBySide(new Map([...runs].slice(0, 2)));
    const look = (name: string) => [styles.get(name)!.color, styles.get(name)!.dash];
    expect(look('cad (one)')).toEqual(look('ad (one)'));
    expect(new Set(['cad (one)', 'cad (two)', 'random'].map(name => look(name)[0])).size).toBe(3);
    expect(panels.key.map(({ name, color, dash }) => [name, color, dash]).slice(0, 2)).toEqual([
      ['one', ...look('cad (one)')],
      ['two', ...look('cad (two)')],
    ]);
  });

  it('share the panel of a method', () => {
    const { methods, styles, panels } = sideBySide(runs);
    const svg = drawnOf(learningCurves, methods)!.svg({ styles, panels, ground: 'inherit' });
    const titles = [...svg.matchAll(/<text[^>]*>([a-z]+)<\/text>/g)].map(([, title]) => title);
    expect(titles.filter(title => ['cad', 'random', 'ad'].includes(title)).sort()).toEqual(['ad', 'cad', 'random']);
    expect([...svg.matchAll(/data-panel="([^"]+)"/g)].map(([, name]) => name).sort()).toEqual(Object.keys(methods).sort());
  });

  it('have integer episodes as ticks', () => {
    const { methods, styles, panels } = sideBySide(runs);
    const svg = drawnOf(learningCurves, methods)!.svg({ styles, panels, width: 360 });
    const axis = /aria-label="x-axis tick label"[\s\S]*?<\/g>/.exec(svg)![0];
    for (const [, tick] of axis.matchAll(/>([^<]+)<\/text>/g)) expect(tick).toMatch(/^\d+$/);
  });
});

it('a summary names the run of its method', () => {
  for (const sentence of summarize(results, method => methodOfRun(method, 'one'))) expect(sentence).toMatch(/^cad \(one\) /);
});

describe('a page explains', () => {
  it('every built-in method', () => {
    const names = ['cad', 'source', 'random', 'teacher', 'reinforced', 'consolidated', ...baselines.ids];
    expect(meaningsOf(names).map(([name]) => name)).toEqual([...new Set(names)]);
    expect(meaningsOf(['cad (one)', 'cad (two)', 'mine']).map(([name]) => name)).toEqual(['cad']);
    expect(names.filter(isCad)).toEqual(['cad']);
  });

  it('the methods that it shows', () => {
    const page = htmlReport(results);
    for (const [name, meaning] of meaningsOf(['cad', 'random'])) expect(page).toContain(`<dt>${name}</dt><dd>${meaning}`);
  });
});
