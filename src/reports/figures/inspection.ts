/** @file Figures of `cadenza inspect`: heat maps and curves, each from one part of inspect.json. */

import type { TransplantTable } from '../../play/index.ts';
import {
  type AgedMeans,
  type AttentionReport,
  type FactorProbes,
  type FieldReconstruction,
  factorTitle,
  type Inspection,
  momentsOf,
  type ProbeReport,
  type Reconstruction,
  SIDES,
  type Sides,
} from '../../records/index.ts';
import type { FigureOptions, HeatCell, HeatMap, Line, LineFigure } from './figure.ts';
import { heatMap } from './heat-map.ts';
import { lineFigure } from './lines.ts';

/** Draws one figure with these options; returns an SVG document. */
export type Draw = (options?: FigureOptions) => string;

export const SIDE_TITLES: Sides<string> = { train: 'training tasks', heldOut: 'held-out tasks' };

/** A number between 0 and 1 with two digits, without the zero before the point. */
export const digits = (value: number): string =>
  value
    .toFixed(2)
    .replace(/^-(?=0\.00$)/, '')
    .replace(/^(-?)0\./, '$1.');

/** The same, as short as possible. */
const inCell = (value: number): string => digits(value).replace(/^1\.00$/, '1');

/** A measure as a share: an accuracy or a recall itself; for a squared error, the fraction of the reference's error that the decoder removes. */
export function shareOf({ measure }: FieldReconstruction, decoder: number | null, reference: number | null): number | null {
  if (decoder === null || measure !== 'squared error') return decoder;
  return reference === null || reference === 0 ? null : 1 - decoder / reference;
}

/** The value of a measure as text. */
export const measured = ({ measure }: Pick<FieldReconstruction, 'measure'>, value: number | null): string =>
  value === null ? '–' : measure === 'squared error' ? value.toPrecision(2) : digits(value);

const measureTitle = ({ name, measure }: FieldReconstruction): string => (measure === 'squared error' ? `${name} (expl.)` : name);

/** Reconstruction of every field by age in episodes, or in steps where streams have one episode. */
export function reconstructionMap({ fields, binSteps }: Reconstruction, { episodes }: Pick<Inspection, 'episodes'>): Draw {
  const age = episodes === 1 ? 'bySteps' : 'byEpisode';
  const bin = episodes === 1 ? binSteps : 1;
  const cellOf = (field: FieldReconstruction, e: number): HeatCell => {
    const [value, reference] = [field.decoder[age][e], field.reference[age][e]];
    const share = shareOf(field, value, reference);
    return { share, text: share === null ? '' : inCell(share) };
  };
  const map: HeatMap = {
    ariaLabel: 'Reconstruction by field and age',
    rows: fields.train.map(measureTitle),
    columns: fields.train[0].decoder[age].map((_, e) => String(e * bin + 1)),
    panels: SIDES.map(side => ({
      title: SIDE_TITLES[side],
      cells: fields[side].map(field => field.decoder[age].map((_, e) => cellOf(field, e))),
    })),
    x: episodes === 1 ? 'steps back' : 'episodes back',
    y: '',
  };
  return options => heatMap(map, options);
}

type Styles = NonNullable<LineFigure['styles']>;
type Style = Styles extends ReadonlyMap<string, infer S> ? S : never;

/** Colors for the fields of a token. */
const COLORS = ['#1f77c9', '#d55e00', '#009e73', '#cc79a7', '#a08a00', '#56b4e9', '#b0703c', '#8c8c8c', '#e69f00'];

/** Accuracies and recall on held-out tasks by age in steps; dashed lines are those of the mean context (without Z). */
export function reconstructionCurves({ fields, binSteps }: Reconstruction): Draw {
  const shown = fields.heldOut.filter(({ measure }) => measure !== 'squared error');
  const lineOf = (name: string, { bySteps }: AgedMeans, unnamed: boolean): Line => ({
    name,
    unnamed,
    points: bySteps.flatMap((y, bin) => (y === null ? [] : [{ x: bin * binSteps + 1, y }])),
  });
  const styles: Styles = new Map<string, Style>(
    shown.flatMap(({ name }, i) => {
      const color = COLORS[i % COLORS.length];
      return [
        [name, { color, dash: '', emphasized: false }],
        [reference(name), { color, dash: '2 3', emphasized: false }],
      ] satisfies [string, unknown][];
    }),
  );
  const lines = shown.flatMap(field => [lineOf(field.name, field.decoder, false), lineOf(reference(field.name), field.reference, true)]);
  return options =>
    lineFigure(
      {
        lines: lines.filter(({ points }) => points.length > 0),
        styles,
        ariaLabel: 'Reconstruction by steps back',
        x: 'steps back',
        y: { label: 'accuracy or recall', domain: [0, 1] },
      },
      options,
    );
}

const reference = (name: string) => `${name} without Z`;

const PROBE_STYLES = {
  held: { color: '#1f77c9', dash: '', emphasized: true },
  train: { color: '#1f77c9', dash: '6 3', emphasized: false },
  raw: { color: '#d55e00', dash: '', emphasized: false },
  shuffled: { color: '#8c8c8c', dash: '6 3', emphasized: false },
  chance: { color: '#8c8c8c', dash: '1 3', emphasized: false },
  rewarded: { color: '#009e73', dash: '2 2', emphasized: false },
} as const;

/** Scores of the probes for one factor by moment. */
export function probeCurves(factor: FactorProbes, report: ProbeReport): Draw {
  const { measure, curves, chance } = factor;
  const { rewarded } = report;
  const { unit, at } = momentsOf(report);
  const name = factorTitle(factor);
  const points = ({ mean, low, high }: { mean: readonly number[]; low?: readonly number[]; high?: readonly number[] }) =>
    at.map((x, i) => ({ x, y: mean[i], ...(low && high ? { low: low[i], high: high[i] } : {}) }));
  const all: (readonly [keyof typeof PROBE_STYLES, Line])[] = [
    ['held', { name: 'Z, held-out', points: points(curves.Z.heldOut) }],
    ['train', { name: 'Z, training', points: points({ mean: curves.Z.train.mean }) }],
    ['raw', { name: 'raw, held-out', points: points({ mean: curves.raw.heldOut.mean }) }],
    ['shuffled', { name: 'shuffled', points: points({ mean: curves.shuffled.heldOut.mean }) }],
    ['chance', { name: 'chance', points: points({ mean: chance.heldOut }) }],
    ...(measure === 'accuracy' ? [['rewarded', { name: 'found a reward', points: points({ mean: rewarded.heldOut }) }] as const] : []),
  ];
  const values = all.flatMap(([, line]) => line.points.flatMap(({ y, low = y, high = y }) => [y, low, high]));
  const styles = new Map(all.map(([kind, line]) => [line.name, PROBE_STYLES[kind]]));
  return options =>
    lineFigure(
      {
        lines: all.map(([, line]) => line),
        styles,
        ariaLabel: `Probes of ${name}`,
        // The first calls are as visible as the last ones.
        ...(unit === 'calls' ? { x: 'calls since the start', ticks: at, unit: at[1] } : { x: 'completed in-context episodes' }),
        y: { label: `${measure} of ${name}`, domain: [Math.max(-1, Math.min(0, ...values)), 1] },
      },
      options,
    );
}

/** Effects of exchanged memories: [task acted in][task of the memory]. */
export function transplantMap({ tasks, byOther, byOwn, pursues }: TransplantTable): Draw {
  const cells = (matrix: readonly (readonly number[])[]) => matrix.map(row => row.map(share => ({ share, text: inCell(share) })));
  const map: HeatMap = {
    ariaLabel: 'Returns with exchanged memories',
    rows: tasks.map((key, t) => `${t + 1}: ${key.length > 18 ? `${key.slice(0, 17)}…` : key}`),
    columns: tasks.map((_, t) => String(t + 1)),
    panels: [
      { title: "pursues the memory's task", cells: cells(pursues) },
      { title: "return in the memory's task", cells: cells(byOther) },
      { title: 'return in the task acted in', cells: cells(byOwn) },
    ],
    x: 'memory of task',
    y: 'acting in',
  };
  return options => heatMap(map, options);
}

/** The episodes whose attention is shown: the first, one in the middle and the last. */
export const shownEpisodes = ({ heldOut }: AttentionReport) =>
  [...new Set([0, Math.floor((heldOut.length - 1) / 2), heldOut.length - 1])].map(i => heldOut[i]);

/** Attention weights of the query by layer and head, on held-out tasks. */
export function attentionMap(report: AttentionReport): Draw {
  const shown = shownEpisodes(report);
  const width = shown[0].weights[0][0].length;
  const largest = Math.max(...shown.flatMap(({ weights }) => weights.flat(2)));
  const map: HeatMap = {
    ariaLabel: 'Attention to the latents',
    rows: report.layers.flatMap((layer, l) => shown[0].weights[l].map((_, head) => `layer ${layer + 1} head ${head + 1}`)),
    columns: Array.from({ length: width }, (_, c) => (c < report.latents ? `z${c + 1}` : `p${c + 1 - report.latents}`)),
    panels: shown.map(({ episode, weights }) => ({
      title: `episode ${episode}`,
      cells: weights.flat().map(row => row.map(weight => ({ share: weight / largest, text: inCell(weight) }))),
    })),
    x: width > report.latents ? 'latents (z), prompt tokens (p)' : 'latents',
    y: '',
  };
  return options => heatMap(map, options);
}
