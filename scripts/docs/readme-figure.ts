/**
 * @file The figures of README.md, drawn from committed results: npx tsx scripts/docs/readme-figure.ts writes docs/lifelong.svg and
 * docs/in-context-learning.svg.
 */

import { writeFileSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { draw, openRun } from '../../src/reports/index.ts';
import { COLORS } from '../../src/util/palette.ts';

const inRoot = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const resultsOf = (name: string) => openRun(inRoot(`results/${name}`)).results;

/** A line: name in the figure, color that is legible on white and on near-black, dash. */
interface Style {
  readonly name: string;
  readonly color: string;
  readonly dash: string;
}
const CAD = { color: COLORS.blue, dash: '' };
const SOURCE = { color: COLORS.gray, dash: '2 2' };

/** The page is white, and dark where the reader's system is. */
const GROUNDS = `<style>
@media (prefers-color-scheme: dark) {
  svg { color: #e6edf3; }
  svg > rect:first-of-type { fill: #0d1117; }
}
</style>`;

type Point = { readonly x: number; readonly y: number; readonly low: number; readonly high: number };
type Lines = Extract<Parameters<typeof draw>[0], { readonly lines: unknown; readonly x: string }>;

/** Draws lines, the first one emphasized; gives an SVG document. */
function figure(lines: readonly (Style & { readonly points: readonly Point[] })[], rest: Omit<Lines, 'lines' | 'styles'>): string {
  const styles = new Map(lines.map(({ name, color, dash }, i) => [name, { color, dash, emphasized: i === 0 }]));
  const svg = draw({ lines, styles, ...rest }, { width: 880, height: 380 });
  // Plot gives `height` twice, for browsers of old.
  return `${svg.replace(/(<svg[^>]*>)/, `$1${GROUNDS}`).replace('  height: intrinsic;\n', '')}\n`;
}

const pointsOf = ({ mean, meanLow, meanHigh }: Readonly<Record<'mean' | 'meanLow' | 'meanHigh', readonly number[]>>): Point[] =>
  mean.map((y, e) => ({ x: e + 1, y, low: meanLow[e], high: meanHigh[e] }));

/** Key-to-Door by episode. */
function inContextLearning(): string {
  const shown = {
    cad: { name: 'CAD, 8 latents', ...CAD },
    full: { name: 'full context, 250 tokens', color: COLORS.green, dash: '8 3' },
    source: { name: 'source algorithm (R-MAX)', ...SOURCE },
    truncated: { name: 'truncated to 8 tokens', color: COLORS.vermilion, dash: '6 3' },
    none: { name: 'no memory', color: COLORS.pink, dash: '3 3' },
  };
  const { methods } = resultsOf('evidence-key-to-door');
  return figure(
    Object.entries(shown).map(([id, style]) => ({ ...style, points: pointsOf(methods[id].byEpisode) })),
    {
      ariaLabel: 'Normalized return by in-context episode on held-out tasks of Key-to-Door',
      x: 'in-context episode (weights fixed)',
      ticks: [1, 5, 10, 15, 20, 25, 30],
      y: { label: 'return ÷ optimal return', domain: [0, 1.04] },
      level: { at: 1, name: 'optimal' },
    },
  );
}

/**
 * Lifelong Key-to-Door by layout, next to published numbers (RSM, "Remember Less, Adapt Longer", 2026): doors in the first layout, and the
 * range of the means of all later ones.
 */
function lifelong(): string {
  const ours = { cad: { name: 'CAD', ...CAD }, source: { name: 'source algorithm', ...SOURCE } };
  const published = [
    { name: 'RSM (published)', color: COLORS.vermilion, dash: '6 3', first: 29.8, low: 8.6, high: 9.9 },
    { name: 'full history (published)', color: COLORS.green, dash: '8 3', first: 28.2, low: 0.4, high: 1.1 },
  ];
  const methods = resultsOf('key-to-door-life').tables!.relayout;
  const layouts = methods.cad.byEpisode.mean.map((_, i) => i + 1);
  const lines = [
    ...Object.entries(ours).map(([id, style]) => ({ ...style, points: pointsOf(methods[id].byEpisode) })),
    ...published.map(({ first, low, high, ...style }) => ({
      ...style,
      points: layouts.map(x => (x === 1 ? { x, y: first, low: first, high: first } : { x, y: (low + high) / 2, low, high })),
    })),
  ];
  return figure(lines, {
    ariaLabel: 'Doors per 500 calls in a life of 4,000 calls in which everything moves every 500 calls',
    x: 'layout: start, key and door move every 500 calls (weights fixed, memory never cleared)',
    ticks: layouts,
    y: { label: 'doors per 500 calls', domain: [0, 52] },
  });
}

/** The figures by their paths in the repository. */
export const README_FIGURES: Readonly<Record<string, () => string>> = {
  'docs/lifelong.svg': lifelong,
  'docs/in-context-learning.svg': inContextLearning,
};

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href)
  for (const [path, drawn] of Object.entries(README_FIGURES)) writeFileSync(inRoot(path), drawn());
