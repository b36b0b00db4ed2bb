/** @file Figures as records: those that are built in, and what is refused of others. */

import { expect, it } from 'vitest';
import { failure } from '../../../test/helpers/failure.ts';
import { results } from '../../../test/helpers/made-up-results.ts';
import { drawnOf } from './draw.ts';
import { type Drawing, type Figure, figures, figuresOf } from './index.ts';

const { methods } = results;
const of = (draw: () => unknown): Figure<'methods'> => ({ id: 'mine', of: 'methods', title: 'Mine', draw: draw as () => Drawing });

it('has the built-in ones, by what they are drawn from', () => {
  expect(figuresOf('methods').map(({ id }) => id)).toEqual(['curves', 'profiles', 'recovery', 'first-layout']);
  expect(figuresOf('results').map(({ id }) => id)).toEqual(['rate-return', 'pipeline']);
  for (const id of ['curves', 'profiles']) expect(drawnOf(figures.get(id) as Figure<'methods'>, methods)!.svg()).toMatch(/^<svg/);
  // Only lives with changes have recovery curves.
  for (const id of ['recovery', 'first-layout']) expect(drawnOf(figures.get(id) as Figure<'methods'>, methods)).toBeUndefined();
});

it('draws lines, heat maps and whole documents, in the size that is asked for', () => {
  const lines = drawnOf(
    of(() => ({
      lines: [{ name: 'cad', points: [0, 1].map(x => ({ x, y: x })) }],
      ariaLabel: 'Mine',
      x: 'x',
      y: { label: 'y', domain: [0, 1] },
    })),
    methods,
  )!;
  expect(lines.svg({ width: 300 })).toMatch(/^<svg[^>]* width="300"/);
  const panels = [{ title: '', cells: [[{ share: 0.5, text: '.5' }]] }];
  expect(
    drawnOf(
      of(() => ({ rows: ['a'], columns: ['b'], panels, ariaLabel: 'Mine', x: '', y: '' })),
      methods,
    )!.svg(),
  ).toContain('.5</text>');
  const own = '<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"/>';
  expect(
    drawnOf(
      of(() => own),
      methods,
    )!.svg({ width: 300 }),
  ).toBe(own);
  expect(
    drawnOf(
      of(() => undefined),
      methods,
    ),
  ).toBeUndefined();
});

it.each<[string, () => unknown]>([
  ['no SVG', () => 'text'],
  ['an SVG without a size', () => '<svg/>'],
  ['a number', () => 3],
  ['nothing that is there', () => null],
  ['lines without points', () => ({ lines: [{ name: 'a' }], x: '', y: {} })],
  [
    'an error',
    () => {
      throw new TypeError('no such thing');
    },
  ],
])('refuses %s with the name of the figure', (_, draw) => {
  expect(() => drawnOf(of(draw), methods)?.svg()).toThrow(failure('E_CONFIG', '"mine"'));
});

it('refuses what is no figure', () => {
  const sound = of(() => undefined);
  const wrong: [object, string][] = [
    [{ ...sound, of: 'rows' }, 'methods, results, supervised, recorded'],
    [{ ...sound, draw: undefined }, 'draw'],
    [{ ...sound, title: 3 }, 'title'],
    [{ ...sound, id: 'curves' }, 'curves'],
  ];
  for (const [figure, said] of wrong) expect(() => figures.register(figure as Figure)).toThrow(failure('E_CONFIG', said));
});
