import { parseHTML } from 'linkedom';
import { describe, expect, it } from 'vitest';
import { carrying } from '../../test/helpers/failure.ts';
import { expectWholePage, textsOf } from '../../test/helpers/html.ts';
import { SUPERVISED_FORMAT, type SupervisedMethodResult, type SupervisedResults } from '../records/index.ts';
import { draw } from './figures/draw.ts';
import { rankedBySupervised, scoreCurves, trainingCurves } from './figures/supervised.ts';
import { summarizeSupervised } from './summary.ts';
import { formatSupervised, supervisedHtml } from './supervised.ts';

/** A method whose score falls as `start` / n, trained for 200 steps if `trained`. */
function method(start: number, examples: readonly number[], trained: boolean): SupervisedMethodResult {
  const mean = examples.map(n => start / n);
  const scaled = (factor: number) => mean.map(value => factor * value);
  const curve = {
    step: [100, 200],
    byExamples: Object.fromEntries(examples.map(n => [n, [(2 * start) / n, start / n]])),
  };
  return {
    byExamples: { mean, low: scaled(0.9), high: scaled(1.1), ratio: scaled(5), ratioLow: scaled(4), ratioHigh: scaled(6) },
    parameters: trained ? 123_456 : 0,
    steps: trained ? 200 : 0,
    stateBytes: trained ? 2048 : 0,
    ...(trained ? { curve } : {}),
  };
}

function resultsOf(better: 'lower' | 'higher', examples: number[]): SupervisedResults {
  return {
    format: SUPERVISED_FORMAT,
    name: 'lines <b>&',
    problem: { id: 'lines', description: 'y = w·x', options: { dimension: 5 } },
    score: { name: better === 'lower' ? 'squared error' : 'accuracy', better },
    reference: { name: 'ridge', about: 'the mean of the posterior' },
    examples,
    headline: examples.at(-1)!,
    tasks: 10,
    queries: 4,
    seeds: 1,
    intervalNote: 'intervals of nothing',
    methods: {
      'mean-pool': method(0.8, examples, true),
      cad: method(0.3, examples, true),
      ridge: method(0.2, examples, false),
      zero: method(1, examples, false),
    },
    validation: { tasks: 6, reference: examples.map(n => 0.2 / n) },
    split: { overlap: 0 },
    run: {
      command: 'cadenza run x',
      config: {},
      commit: 'c',
      version: 'v',
      node: 'n',
      machine: 'm',
      dataHashes: {},
      seconds: { train: 62 },
    },
  };
}

describe('the ranking', () => {
  it('puts the smallest error first, and the largest accuracy', () => {
    expect(rankedBySupervised(resultsOf('lower', [1, 2, 4]))).toEqual(['ridge', 'cad', 'mean-pool', 'zero']);
    expect(rankedBySupervised(resultsOf('higher', [1, 2, 4]))).toEqual(['zero', 'mean-pool', 'cad', 'ridge']);
  });
});

describe.each([
  ['lower', [1, 2, 4]],
  ['higher', [1, 2, 4]],
  ['lower', [3]],
] as const)('figures of what is better %s, with %j examples', (better, examples) => {
  const results = resultsOf(better, [...examples]);

  it('name every line once', () => {
    for (const [svg, names] of [
      [draw(scoreCurves.draw(results)), ['ridge', 'cad', 'mean-pool', 'zero']],
      [draw(trainingCurves.draw(results)!), ['ridge', 'cad', 'mean-pool']],
    ] as const) {
      const texts = textsOf(svg);
      for (const name of names) expect(texts.filter(text => text === name)).toHaveLength(1);
      expect(texts).toContain(results.score.name);
      expect(svg).not.toMatch(/NaN|undefined|Infinity/);
    }
    expect(textsOf(draw(trainingCurves.draw(results)!))).not.toContain('zero');
  });
});

describe('the summary', () => {
  it('has the score with its ratio, and a verdict of three that follows the interval', () => {
    const of = (better: 'lower' | 'higher', start: number) => {
      const results = resultsOf(better, [1, 2, 4]);
      return summarizeSupervised({ ...results, methods: { ...results.methods, cad: method(start, [1, 2, 4], true) } });
    };
    // Ratios from 0.30 to 0.45, and from 0.80 to 1.20.
    const found = [of('lower', 0.3), of('higher', 0.3), of('lower', 0.8)];
    expect(found[0][0]).toEqual(carrying('cad', '0.0750', 4, 10, '0.38 [0.30, 0.45]', 'ridge'));
    for (const [, verdict] of found) expect(verdict).toEqual(carrying('cad', 'ridge', '95%'));
    // With the words for which side is better left out.
    expect(new Set(found.map(([, verdict]) => verdict.split('(')[0])).size).toBe(3);
  });
});

describe('the page', () => {
  const page = supervisedHtml(resultsOf('lower', [1, 2, 4]));

  it('closes every element, escapes all text and loads nothing', () => {
    expectWholePage(page);
    expect(page).toContain('lines &lt;b&gt;&amp;');
  });

  it('has a row for every method, and the provenance', () => {
    const { document } = parseHTML(page);
    const rows = [...document.querySelectorAll('tbody tr')].map(row => [...row.children].map(cell => cell.textContent));
    expect(rows.map(([name]) => name)).toEqual(['ridge', 'cad', 'mean-pool', 'zero']);
    expect(rows[1]).toEqual(['cad', '0.300', '0.150', '0.0750', '0.38 [0.30, 0.45]', '123 k', '200', '2 KiB']);
    for (const text of ['cadenza run x', '1 min 02 s', 'overlap: 0', 'intervals of nothing']) expect(page).toContain(text);
  });
});

describe('the terminal', () => {
  it('shows the same numbers within its width', () => {
    const text = formatSupervised(resultsOf('lower', [1, 2, 4]), { width: 100, color: false });
    expect(text).toMatch(/cad +0\.300 +0\.150 +0\.0750 +0\.38 \[0\.30, 0\.45\] +123 k +200 +2 KiB/);
    expect(Math.max(...text.split('\n').map(line => line.length))).toBeLessThanOrEqual(100);
  });
});
