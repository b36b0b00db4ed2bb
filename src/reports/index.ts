/** @file Reports of an evaluation: on the terminal, as figures, and as one HTML page. */

import { join } from 'node:path';
import {
  type AnyResults,
  type Inspection,
  isMissing,
  RECORDED_FORMAT,
  RESULTS_FORMAT,
  type Results,
  SUPERVISED_FORMAT,
  type SupervisedResults,
} from '../records/index.ts';
import { writeFileAtomic } from '../util/files.ts';
import { attentionMap, type Draw, probeCurves, reconstructionMap, transplantMap } from './figures/inspection.ts';
import { learningCurves, toPNG } from './figures/learning-curves.ts';
import { rateCurves } from './figures/rate.ts';
import { stylesOf } from './figures/style.ts';
import { scoreCurves } from './figures/supervised.ts';
import { inspectionHtml } from './html/inspection.ts';
import { htmlReport } from './html/results.ts';
import { sideBySideHtml } from './html/side-by-side.ts';
import { supervisedHtml } from './html/supervised.ts';
import type { Facts } from './paper/facts.ts';
import { summarize, summarizeRecorded, summarizeSupervised } from './summary.ts';
import { refusals } from './tables/integrity.ts';
import { formatRecorded } from './terminal/recorded.ts';
import { formatResults } from './terminal/results.ts';
import { formatSupervised } from './terminal/supervised.ts';

export { learningCurves, toPNG } from './figures/learning-curves.ts';
export type { FigureOptions } from './figures/plot.ts';
export { rateCurves } from './figures/rate.ts';
export { isCad, ranked } from './figures/style.ts';
export { scoreCurves, trainingCurves } from './figures/supervised.ts';
export { inspectionHtml } from './html/inspection.ts';
export { htmlReport } from './html/results.ts';
export { supervisedHtml } from './html/supervised.ts';
export { type OpenRun, openRun, rawTable } from './open.ts';
export { summarize, summarizeRecorded, summarizeSupervised } from './summary.ts';
export { type ComparisonReport, compareRuns, formatComparison } from './terminal/comparison.ts';
export { formatInspection } from './terminal/inspection.ts';
export { formatRecorded } from './terminal/recorded.ts';
export { formatCurves, formatResults, formatTable, formatTasks, type TerminalOptions } from './terminal/results.ts';
export { formatSupervised } from './terminal/supervised.ts';

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

/** How results of whichever format are shown: files in the folder of the run, a report on a terminal, and what was found, in sentences. */
export function viewOf(results: AnyResults) {
  switch (results.format) {
    case RESULTS_FORMAT:
      return { write: (out: string) => writeReports(out, results), text: () => formatResults(results), found: () => summarize(results) };
    case SUPERVISED_FORMAT:
      return {
        write: (out: string) => writeSupervisedReports(out, results),
        text: () => formatSupervised(results),
        found: () => summarizeSupervised(results),
      };
    // A table says it all; there are no curves.
    case RECORDED_FORMAT:
      return { write: () => [], text: () => formatRecorded(results), found: () => summarizeRecorded(results) };
  }
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
