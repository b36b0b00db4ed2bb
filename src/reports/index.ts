/** @file Reports of an evaluation: on the terminal, as figures, and as one HTML page. */

import { join } from 'node:path';
import { type Inspection, isMissing, type Results, type SupervisedResults } from '../records/index.ts';
import { writeFileAtomic } from '../util/files.ts';
import { learningCurves, toPNG } from './figure.ts';
import { htmlReport } from './html.ts';
import { attentionMap, type Draw, probeCurves, reconstructionMap, transplantMap } from './inspection-figure.ts';
import { inspectionHtml } from './inspection-html.ts';
import { refusals } from './integrity.ts';
import type { Facts } from './paper/facts.ts';
import { rateCurves } from './rate-figure.ts';
import { sideBySideHtml } from './side-by-side.ts';
import { stylesOf } from './style.ts';
import { scoreCurves } from './supervised-figure.ts';
import { supervisedHtml } from './supervised-html.ts';

export { type ComparisonReport, compareRuns, formatComparison } from './comparison.ts';
export { learningCurves, toPNG } from './figure.ts';
export { htmlReport } from './html.ts';
export { inspectionHtml } from './inspection-html.ts';
export { formatInspection } from './inspection-terminal.ts';
export { type OpenRun, openRun, rawTable } from './open.ts';
export type { FigureOptions } from './plot.ts';
export { rateCurves } from './rate-figure.ts';
export { formatRecorded } from './recorded-terminal.ts';
export { isCad, ranked } from './style.ts';
export { summarize, summarizeRecorded, summarizeSupervised } from './summary.ts';
export { scoreCurves, trainingCurves } from './supervised-figure.ts';
export { supervisedHtml } from './supervised-html.ts';
export { formatSupervised } from './supervised-terminal.ts';
export { formatCurves, formatResults, formatTable, formatTasks, type TerminalOptions } from './terminal.ts';

/**
 * Writes results.html and, unless its rows may not be shown, results.svg and results.png (and rate-return.svg, where there is such a curve) into
 * the folder and gives their paths. Throws `E_DISK` if one cannot be written.
 */
export function writeReports(folder: string, results: Results): string[] {
  const shown = refusals(results, results.name).length === 0;
  const written = writeFiles(
    folder,
    htmlReport(results),
    shown ? learningCurves(results.methods, { styles: stylesOf(results) }) : undefined,
  );
  if (!results.rate || !shown) return written;
  const path = join(folder, 'rate-return.svg');
  writeFileAtomic(path, rateCurves(results.rate, { styles: stylesOf(results) }));
  return [...written, path];
}

/** Writes report.html, the page of `cadenza report`, into the folder and gives its path. Throws as `sideBySideHtml` does, and `E_DISK` if it cannot be written. */
export function writePage(folder: string, { results, setting, runs }: Facts): string {
  const path = join(folder, 'report.html');
  const several = runs && new Map([...runs].map(([name, run]) => [name, run.results]));
  writeFileAtomic(path, several ? sideBySideHtml(several) : htmlReport({ setting, ...results }));
  return path;
}

/** The same of a supervised experiment. */
export function writeSupervisedReports(folder: string, results: SupervisedResults): string[] {
  return writeFiles(folder, supervisedHtml(results), scoreCurves(results));
}

/** Writes inspect.html and a figure of each part of a look inside, as SVG and PNG, into the folder and gives their paths. */
export function writeInspection(folder: string, inspection: Inspection): string[] {
  const { reconstruction, probes, transplants, attention } = inspection;
  const figures: [string, Draw][] = [
    ...(isMissing(reconstruction) ? [] : [['reconstruction', reconstructionMap(reconstruction)] satisfies [string, Draw]]),
    ...(isMissing(probes) ? [] : probes.factors.map((factor): [string, Draw] => [`probes-${factor.name}`, probeCurves(factor, probes)])),
    ...(isMissing(transplants) ? [] : [['transplants', transplantMap(transplants.heldOut)] satisfies [string, Draw]]),
    ...(isMissing(attention) ? [] : [['attention', attentionMap(attention)] satisfies [string, Draw]]),
  ];
  const files = figures.flatMap(([name, draw]): [string, string | Uint8Array][] => {
    const svg = draw();
    const plain = name.replaceAll(' ', '-');
    return [
      [`${plain}.svg`, svg],
      [`${plain}.png`, toPNG(svg)],
    ];
  });
  return [['inspect.html', inspectionHtml(inspection)] as const, ...files].map(([name, content]) => {
    const path = join(folder, name);
    writeFileAtomic(path, content);
    return path;
  });
}

function writeFiles(folder: string, page: string, svg: string | undefined): string[] {
  const files: [string, string | Uint8Array][] = [['results.html', page]];
  if (svg !== undefined) files.push(['results.svg', svg], ['results.png', toPNG(svg)]);
  return files.map(([name, content]) => {
    const path = join(folder, name);
    writeFileAtomic(path, content);
    return path;
  });
}
