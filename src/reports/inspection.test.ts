import { parseHTML } from 'linkedom';
import { describe, expect, it } from 'vitest';
import { expectWholePage, textsOf } from '../../test/helpers/html.ts';
import type { TransplantTable } from '../play/index.ts';
import type { Curve, FieldReconstruction, Inspection } from '../records/index.ts';
import { heatMap } from './figures/heat-map.ts';
import { attentionMap, probeCurves, reconstructionCurves, reconstructionMap, shareOf, transplantMap } from './figures/inspection.ts';
import { formatInspection, inspectionHtml, probeTable, reconstructionTable, transplantTableText } from './inspection.ts';

const aged = (all: number | null, ...byEpisode: (number | null)[]) => ({ all, byEpisode, bySteps: byEpisode });
const FIELDS: FieldReconstruction[] = [
  { name: 'action', measure: 'accuracy', decoder: aged(0.75, 1, 0.5), reference: aged(0.25, 0.25, 0.25) },
  { name: 'reward', measure: 'squared error', decoder: aged(0.05, 0.02, 0.08), reference: aged(0.1, 0.1, 0.1) },
  { name: 'reward events', measure: 'recall', decoder: aged(0.5, 0.5, null), reference: aged(0, 0, null) },
  { name: 'done', measure: 'squared error', decoder: aged(0.001, 0.001, 0.001), reference: aged(0, 0, 0) },
];
const curve = (...mean: number[]): Curve => ({ mean, low: mean.map(v => v - 0.05), high: mean.map(v => v + 0.05) });
const sides = <T>(part: T) => ({ train: part, heldOut: part });
const score = (mean: number) => ({ mean, low: mean - 0.125, high: mean + 0.125 });
const TABLE: TransplantTable = {
  tasks: ['goal=<1>,2', 'goal=3,4'],
  byOther: [
    [1, 0.25],
    [0.5, 0.75],
  ],
  byOwn: [
    [1, 0],
    [0, 0.75],
  ],
  pursues: [
    [1, 1],
    [0.5, 1],
  ],
  own: { return: score(0.875), pursues: score(0.75) },
  transplanted: { byOther: score(0.375), byOwn: score(0.125), pursues: score(0.75) },
  empty: { return: score(0.25), pursues: score(0.5) },
};
const EPISODES = [0, 1, 2, 3, 4, 5, 7, 10, 15, 20, 30];
const rising = EPISODES.map(e => e / 32);
const INSPECTION: Inspection = {
  format: 'cadenza-inspection-2',
  name: 'a <room>',
  model: { stage: 'finetune-seed0', key: 'k', compressor: 'bottleneck', latentShape: [2, 16] },
  sides: { train: { side: 'train', tasks: 5, streams: 10 }, heldOut: { side: 'test', tasks: 2, streams: 4 } },
  episodes: 30,
  intervalNote: 'Intervals of nothing.',
  reconstruction: {
    decoder: 'R_ψ of somewhere.',
    after: 2,
    contexts: { train: 10, heldOut: 4 },
    horizon: 20,
    binSteps: 20,
    fields: sides(FIELDS),
  },
  probes: {
    episodes: EPISODES,
    numbers: { Z: 32, raw: 44 },
    transitions: 1,
    fittedStreams: 3,
    rewarded: sides(rising),
    factors: [
      {
        name: 'goal',
        measure: 'accuracy',
        curves: { Z: sides(curve(...rising)), raw: sides(curve(...rising)), shuffled: sides(curve(...rising.map(() => 0.1))) },
        parts: [
          { name: 'x', mean: sides(rising) },
          { name: 'y', mean: sides(rising) },
        ],
        chance: sides(rising.map(() => 0.02)),
      },
    ],
  },
  transplants: sides(TABLE),
  attention: {
    layers: [0],
    latents: 2,
    ...sides([
      {
        episode: 1,
        weights: [
          [
            [0.25, 0.75],
            [0.5, 0.5],
          ],
        ],
        entropy: [[0.81, 1]],
      },
      {
        episode: 3,
        weights: [
          [
            [1, 0],
            [0.5, 0.5],
          ],
        ],
        entropy: [[0, 1]],
      },
    ]),
  },
  run: { command: 'cadenza inspect x', config: {}, commit: 'c', version: 'v', node: 'n', machine: 'm', dataHashes: {}, seconds: {} },
};
const { reconstruction, probes, attention } = INSPECTION as { [K in keyof Inspection]: Exclude<Inspection[K], { missing: string }> };

describe('shares of heat maps', () => {
  it('are accuracies as they are, and of errors what is explained of those without Z', () => {
    expect(shareOf(FIELDS[0], 0.5, 0.25)).toBe(0.5);
    expect(shareOf(FIELDS[1], 0.02, 0.1)).toBeCloseTo(0.8, 12);
    // Where nothing is left to explain there is no share.
    expect(shareOf(FIELDS[3], 0.001, 0)).toBeNull();
    expect(shareOf(FIELDS[2], null, null)).toBeNull();
  });
});

describe('heat maps', () => {
  const map = {
    rows: ['a', 'b'],
    columns: ['1', '2'],
    panels: ['left', 'right'].map(title => ({
      title,
      cells: [
        [
          { share: 0, text: '.00' },
          { share: 1, text: '1' },
        ],
        [
          { share: 0.5, text: '.50' },
          { share: null, text: '' },
        ],
      ],
    })),
    ariaLabel: 'A map',
    x: 'column',
    y: 'row',
  };

  it('write every number once a panel, and leave cells empty where nothing was measured', () => {
    for (const width of [880, 360]) {
      const svg = heatMap(map, { width });
      const texts = textsOf(svg);
      for (const text of ['left', 'right']) expect(texts.filter(found => found === text)).toHaveLength(1);
      for (const text of ['.00', '.50']) expect(texts.filter(found => found === text)).toHaveLength(2);
      const filled = [...svg.matchAll(/<rect[^>]*fill-opacity="([^"]*)"/g)].map(([, opacity]) => Number(opacity));
      expect(filled.sort()).toEqual([0, 0, 0.5, 0.5, 1, 1]);
      expect(svg).toContain(`width="${width}"`);
      expect(svg).not.toMatch(/NaN|undefined|Infinity/);
    }
  });

  it('stand on each other where there is no room side by side', () => {
    const heightOf = (width: number) => Number(/<svg[^>]* height="(\d+)"/.exec(heatMap(map, { width }))![1]);
    expect(heightOf(360)).toBeGreaterThan(heightOf(880) + 50);
  });

  it('leave numbers out that do not fit', () => {
    const many = Array.from({ length: 60 }, (_, c) => String(c));
    const row = many.map(() => ({ share: 0.5, text: '.50' }));
    const svg = heatMap({ ...map, columns: many, panels: [{ title: '', cells: [row, row] }] }, { width: 360 });
    expect(textsOf(svg)).not.toContain('.50');
  });
});

describe('figures of a look inside', () => {
  it.each([
    [
      'reconstruction',
      reconstructionMap(reconstruction, INSPECTION),
      [/^action$/, /^reward (?!events)/, /^reward events$/, /^done /, /^\.80$/],
    ],
    ['reconstruction by steps', reconstructionCurves(reconstruction), [/^action$/, /^reward events$/]],
    ['probes', probeCurves(probes.factors[0], probes), [/^Z\b/]],
    ['transplants', transplantMap(TABLE), [/^1: goal=<1>,2$/, /^2: goal=3,4$/]],
    ['attention', attentionMap(attention), [/\b1\b.*\b2$/, /^z2$/, /\b1$/, /\b3$/]],
  ] as const)('%s hold their names and no broken number', (_, draw, names) => {
    for (const options of [{}, { width: 360, height: 320 }]) {
      const svg = draw(options);
      for (const name of names)
        if (!options.width || !name.source.includes('80')) expect(textsOf(svg)).toContainEqual(expect.stringMatching(name));
      expect(svg).not.toMatch(/NaN|undefined|Infinity/);
    }
  });

  it('have a line for every curve, and a square for every number', () => {
    const lines = (svg: string) => svg.match(/aria-label="line"/g)!.length;
    // Held-out, training, raw, shuffled and chance; of an accuracy, where a reward was found.
    const [factor] = probes.factors;
    const count = (of: typeof factor) => lines(probeCurves(of, probes)());
    expect([count(factor), count({ ...factor, measure: 'R²' })]).toEqual([6, 5]);
    const squares = (svg: string) => svg.match(/<rect[^>]*fill-opacity/g)!.length;
    // Three panels of two tasks by two; two sides of four fields by two episodes, but for what was not measured and what leaves nothing to explain.
    expect(squares(transplantMap(TABLE)())).toBe(3 * 2 * 2);
    expect(squares(reconstructionMap(reconstruction, INSPECTION)())).toBe(2 * (4 * 2 - 1 - 2));
  });
});

describe('tables of a look inside', () => {
  it('show each measure next to its value without Z', () => {
    expect(reconstructionTable(reconstruction.fields).rows.slice(0, 3)).toEqual([
      ['action', 'accuracy', '.75', '.25', '.75', '.25'],
      ['reward', 'squared error', '0.050', '0.10', '0.050', '0.10'],
      ['reward events', 'recall', '.50', '.00', '.50', '.00'],
    ]);
  });

  it('show the first and the last moment, however few fit', () => {
    const { heads, rows } = probeTable(probes.factors[0], probes, 3);
    expect(heads.slice(1)).toEqual(['0', '5', '30']);
    // Z on held-out tasks.
    expect(rows[0].slice(1)).toEqual(['.00', '.16', '.94']);
    expect(probeTable(probes.factors[0], probes).heads).toHaveLength(12);
  });

  it('count calls where streams are one episode, and name the source of a belief', () => {
    const { episodes: _, ...rest } = probes;
    const [goal] = probes.factors;
    const belief = { ...goal, name: 'key', source: 'layout-search' };
    const life = { ...rest, calls: EPISODES.map(e => 64 * e), factors: [goal, belief] };
    expect(probeTable(belief, life).heads.slice(0, 3)).toEqual(['after calls', '0', '64']);
    const inspection = { ...INSPECTION, episodes: 1, probes: life };
    const texts = textsOf(probeCurves(belief, life)());
    for (const text of ['calls since the start', 'accuracy of layout-search: key', '64', '1920']) expect(texts).toContain(text);
    expect(textsOf(reconstructionMap(reconstruction, inspection)())).toContain('steps back');
    for (const text of [formatInspection(inspection, { width: 80, color: false }), inspectionHtml(inspection)]) {
      expect(text).toContain('layout-search: key');
      expect(text).not.toMatch(/\d episodes|in-context episode|after episodes/);
    }
  });

  it('give memories with their intervals', () => {
    expect(transplantTableText(sides(TABLE)).rows[1].slice(1)).toEqual(['.38 [.25, .50]', '.38 [.25, .50]']);
  });
});

describe('the page', () => {
  it('closes every element, escapes all text and loads nothing', () => {
    const text = inspectionHtml(INSPECTION);
    expectWholePage(text);
    expect(parseHTML(text).document.querySelector('h1')!.innerHTML).toContain('a &lt;room&gt;');
    const figures = [...parseHTML(text).document.querySelectorAll('h2')]
      .slice(0, 4)
      .map(title => title.parentElement!.querySelector('svg'));
    expect(figures.every(Boolean)).toBe(true);
  });

  it('says what is missing in the place of it', () => {
    const missing = { missing: '<nothing>' };
    const bare: Inspection = { ...INSPECTION, reconstruction: missing, probes: missing, transplants: missing, attention: missing };
    expect(inspectionHtml(bare).match(/&lt;nothing&gt;/g)).toHaveLength(4);
    expect(inspectionHtml(bare)).not.toContain('<svg');
    expect(formatInspection(bare, { width: 80, color: false }).match(/<nothing>/g)).toHaveLength(4);
  });
});

describe('the terminal', () => {
  it('shows the same within its width', () => {
    const text = formatInspection(INSPECTION, { width: 80, color: false });
    expect(Math.max(...text.split('\n').map(line => line.length))).toBeLessThanOrEqual(80);
    expect(text).toMatch(/action +accuracy +\.75 +\.25/);
    expect(text).toMatch(/\b1\b.*\b3: .*\b1 z1 1\.00 .*\.00.*\b2 z1 \.50/);
    expect(text).toContain(INSPECTION.intervalNote);
  });
});
