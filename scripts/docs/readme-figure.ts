/**
 * @file The figure of README.md, drawn from the committed results of the Key-to-Door evidence: npx tsx scripts/docs/readme-figure.ts
 * writes docs/in-context-learning.svg.
 */

import { writeFileSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { draw, openRun } from '../../src/reports/index.ts';

const inRoot = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url));

/** Path of the figure in the repository. */
export const README_FIGURE = 'docs/in-context-learning.svg';

const RESULTS = 'results/evidence-key-to-door';

/** Methods that are drawn, by their names in the results: name in the figure, color that is legible on white and on near-black, dash. */
const METHODS = {
  full: { name: 'full context, 250 tokens', color: '#009e73', dash: '8 3' },
  cad: { name: 'CAD, 8 latents', color: '#1f77c9', dash: '' },
  source: { name: 'source algorithm (R-MAX)', color: '#8c8c8c', dash: '2 2' },
  truncated: { name: 'truncated to 8 tokens', color: '#d55e00', dash: '6 3' },
  none: { name: 'no memory', color: '#cc79a7', dash: '3 3' },
} as const;

/** The page is white, and dark where the reader's system is. */
const GROUNDS = `<style>
@media (prefers-color-scheme: dark) {
  svg { color: #e6edf3; }
  svg > rect:first-of-type { fill: #0d1117; }
}
</style>`;

/** Draws it; gives an SVG document. */
export function readmeFigure(): string {
  const { methods } = openRun(inRoot(RESULTS)).results;
  const shown = Object.entries(METHODS).map(([id, style]) => {
    const { mean, meanLow, meanHigh } = methods[id].byEpisode;
    return { ...style, points: mean.map((y, e) => ({ x: e + 1, y, low: meanLow[e], high: meanHigh[e] })) };
  });
  const svg = draw(
    {
      lines: shown,
      styles: new Map(shown.map(({ name, color, dash }) => [name, { color, dash, emphasized: name === METHODS.cad.name }])),
      ariaLabel: 'Normalized return by in-context episode on held-out tasks of Key-to-Door',
      x: 'in-context episode (weights fixed)',
      ticks: [1, 5, 10, 15, 20, 25, 30],
      y: { label: 'return ÷ optimal return', domain: [0, 1.04] },
      level: { at: 1, name: 'optimal' },
    },
    { width: 880, height: 380 },
  );
  // Plot gives `height` twice, for browsers of old.
  return `${svg.replace(/(<svg[^>]*>)/, `$1${GROUNDS}`).replace('  height: intrinsic;\n', '')}\n`;
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) writeFileSync(inRoot(README_FIGURE), readmeFigure());
