/** @file Reports of an evaluation: on the terminal, as figures, and as one HTML page. */

import { join } from 'node:path';
import type { Results } from '../evaluation/index.ts';
import { writeFileAtomic } from '../util/files.ts';
import { learningCurves, toPNG } from './figure.ts';
import { htmlReport } from './html.ts';

export { type FigureOptions, learningCurves, toPNG } from './figure.ts';
export { htmlReport } from './html.ts';
export { formatCurves, formatResults, formatTable, formatTasks, type TerminalOptions } from './terminal.ts';

/** Writes results.html, results.svg and results.png into the folder and gives their paths. Throws `E_DISK` if one cannot be written. */
export function writeReports(folder: string, results: Results): string[] {
  const svg = learningCurves(results.methods);
  const files: [string, string | Uint8Array][] = [
    ['results.html', htmlReport(results)],
    ['results.svg', svg],
    ['results.png', toPNG(svg)],
  ];
  return files.map(([name, content]) => {
    const path = join(folder, name);
    writeFileAtomic(path, content);
    return path;
  });
}
