/** @file The registry of figures, one record each; `draw.ts` draws them. */

import { wordsOf } from '../../records/index.ts';
import { Registry } from '../../util/registry.ts';
import type { Figure, FigureSubjects } from './figure.ts';
import { learningCurves, profiles } from './learning-curves.ts';
import { pipeline } from './pipeline.ts';
import { recordedCurves } from './recorded.ts';
import { firstLayout, recovery } from './recovery.ts';
import { scoreCurves, trainingCurves } from './supervised.ts';

export type { Drawing, Figure, FigureOptions, FigureSubjects, HeatCell, HeatMap, Line, LineFigure } from './figure.ts';

/** Shown above all tables, together with its numbers. */
export const rateReturn: Figure<'results'> = {
  id: 'rate-return',
  of: 'results',
  title: 'Return versus the bits of Z',
  draw: ({ rate, methods }) => rate && { rate, words: wordsOf(methods) },
};

/** The figure of a run's pipeline. */
export const pipelineFigure: Figure<'results'> = {
  id: 'pipeline',
  of: 'results',
  title: 'Pipeline',
  draw: ({ setting }) => setting && pipeline(setting),
};

const SUBJECTS: readonly (keyof FigureSubjects)[] = ['methods', 'results', 'supervised', 'recorded'];

/**
 * The figures of all reports. Of the figures with the same subject, the first is shown above the table and the others, including those of imported
 * modules, below it.
 *
 * @example
 * figures.register({
 *   id: 'gain',
 *   of: 'methods',
 *   title: 'Gain over the first episode',
 *   draw: methods => ({
 *     ariaLabel: 'Gain',
 *     lines: Object.entries(methods).map(([name, { byEpisode: { mean } }]) => ({ name, points: mean.map((y, x) => ({ x, y: y - mean[0] })) })),
 *     x: 'in-context episode',
 *     y: { label: 'gain', domain: [-1, 1] },
 *   }),
 * });
 */
export const figures = new Registry<Figure>(
  'figure',
  [learningCurves, profiles, recovery, firstLayout, rateReturn, pipelineFigure, scoreCurves, trainingCurves, recordedCurves],
  { of: SUBJECTS, title: 'string', draw: 'function', caption: 'function?' },
);

/** The figures of one subject, in order. */
export const figuresOf = <K extends keyof FigureSubjects>(of: K): Figure<K>[] =>
  figures.all.filter(figure => figure.of === of) as Figure[] as Figure<K>[];
