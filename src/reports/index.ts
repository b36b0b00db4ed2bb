/** @file Reports of an evaluation: on the terminal, as figures, and as one HTML page. */

import { join } from 'node:path';
import type { Results, SupervisedResults } from '../evaluation/index.ts';
import { writeFileAtomic } from '../util/files.ts';
import { learningCurves, toPNG } from './figure.ts';
import { htmlReport } from './html.ts';
import { scoreCurves } from './supervised-figure.ts';
import { supervisedHtml } from './supervised-html.ts';

export { type FigureOptions, learningCurves, toPNG } from './figure.ts';
export { htmlReport } from './html.ts';
export { type OpenRun, openRun, rawTable } from './open.ts';
export { formatRecorded } from './recorded-terminal.ts';
export { scoreCurves, trainingCurves } from './supervised-figure.ts';
export { supervisedHtml } from './supervised-html.ts';
export { formatSupervised } from './supervised-terminal.ts';
export { formatCurves, formatResults, formatTable, formatTasks, type TerminalOptions } from './terminal.ts';

/** Writes results.html, results.svg and results.png into the folder and gives their paths. Throws `E_DISK` if one cannot be written. */
export function writeReports(folder: string, results: Results): string[] {
  return writeFiles(folder, htmlReport(results), learningCurves(results.methods));
}

/** The same of a supervised experiment. */
export function writeSupervisedReports(folder: string, results: SupervisedResults): string[] {
  return writeFiles(folder, supervisedHtml(results), scoreCurves(results));
}

function writeFiles(folder: string, page: string, svg: string): string[] {
  const files: [string, string | Uint8Array][] = [
    ['results.html', page],
    ['results.svg', svg],
    ['results.png', toPNG(svg)],
  ];
  return files.map(([name, content]) => {
    const path = join(folder, name);
    writeFileAtomic(path, content);
    return path;
  });
}
