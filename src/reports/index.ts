/** @file Reports of an evaluation: on the terminal, as figures, and as one HTML page. */

import type { AnyResults, Inspection, Results } from '../records/index.ts';
import { factorTitle, isMissing, RECORDED_FORMAT, RESULTS_FORMAT, SUPERVISED_FORMAT } from '../records/index.ts';
import { draw, drawnOf, toPNG } from './figures/draw.ts';
import { rateReturn } from './figures/index.ts';
import { attentionMap, probeCurves, reconstructionMap, transplantMap } from './figures/inspection.ts';
import { learningCurves } from './figures/learning-curves.ts';
import { recordedCurves } from './figures/recorded.ts';
import { stylesOf } from './figures/style.ts';
import { scoreCurves } from './figures/supervised.ts';
import { type NamedFile, writeFiles } from './files.ts';
import { htmlReport } from './html/results.ts';
import { sideBySideHtml } from './html/side-by-side.ts';
import { formatInspection, inspectionHtml } from './inspection.ts';
import type { Facts } from './paper/facts.ts';
import { formatRecorded, recordedHtml } from './recorded.ts';
import { summarize, summarizeRecorded, summarizeSupervised } from './summary.ts';
import { formatSupervised, supervisedHtml } from './supervised.ts';
import { refusals } from './tables/integrity.ts';
import { formatMain, formatResults } from './terminal/results.ts';

export * from './figures/index.ts';
export { isCad, ranked } from './figures/style.ts';
export { type OpenRun, openResults, openRun, rawTable } from './open.ts';
export { methodOfRun } from './runs.ts';
export { type ComparisonReport, compareRuns, formatComparison } from './terminal/comparison.ts';
export { formatCurves, formatTable, formatTasks, type TerminalOptions } from './terminal/results.ts';
export {
  draw,
  formatInspection,
  formatRecorded,
  formatResults,
  formatSupervised,
  htmlReport,
  inspectionHtml,
  recordedHtml,
  summarize,
  summarizeRecorded,
  summarizeSupervised,
  supervisedHtml,
  toPNG,
};

/**
 * Writes a page (`results.html` unless `name` is another) and, unless the results may not be shown, the learning curves as SVG and PNG under the
 * same name (and rate-return.svg, if there is such a curve) into the folder.
 *
 * @returns their paths, the page first.
 * @throws `E_DISK` if a file cannot be written.
 */
export function writeReports(folder: string, results: Results, name = 'results'): string[] {
  const files: NamedFile[] = [[`${name}.html`, htmlReport(results)]];
  if (refusals(results, results.name).length === 0) {
    const styles = stylesOf(results);
    files.push(...drawn(name, draw(learningCurves.draw(results.methods), { styles })));
    const rate = drawnOf(rateReturn, results);
    if (rate) files.push(['rate-return.svg', rate.svg()]);
  }
  return writeFiles(folder, files);
}

/** Writes report.html, the page of `cadenza report`, into the folder and returns its path. Throws as `sideBySideHtml` does, and `E_DISK` if it cannot be written. */
export function writePage(folder: string, { results, setting, runs }: Facts): string {
  const several = runs && new Map([...runs].map(([name, run]) => [name, run.results]));
  const [path] = writeFiles(folder, [['report.html', several ? sideBySideHtml(several) : htmlReport({ setting, ...results })]]);
  return path;
}

/** A page and its figure. */
const pageFiles = (name: string, page: string, curves: string): NamedFile[] => [[`${name}.html`, page], ...drawn(name, curves)];

/**
 * How results of any format are shown: `write` writes files into a folder (called `results` unless another name is given) and returns their paths,
 * `text` is the report for a terminal, `found` the summary in sentences.
 */
export function viewOf(results: AnyResults) {
  switch (results.format) {
    case RESULTS_FORMAT:
      return {
        write: (out: string, name?: string) => writeReports(out, results, name),
        text: (verbose = true) => (verbose ? formatResults(results) : formatMain(results)),
        // Where the text says why results are not shown, there is nothing to add.
        found: () => (refusals(results, results.name).length > 0 ? [] : summarize(results)),
      };
    case SUPERVISED_FORMAT:
      return {
        write: (out: string, name = 'results') =>
          writeFiles(out, pageFiles(name, supervisedHtml(results), draw(scoreCurves.draw(results)))),
        text: (_verbose = true) => formatSupervised(results),
        found: () => summarizeSupervised(results),
      };
    case RECORDED_FORMAT:
      return {
        write: (out: string, name = 'results') =>
          writeFiles(out, pageFiles(name, recordedHtml(results), draw(recordedCurves.draw(results.methods)))),
        text: (_verbose = true) => formatRecorded(results),
        found: () => summarizeRecorded(results),
      };
  }
}

/** Writes inspect.html and a figure of each part of an inspection, as SVG and PNG, into the folder and returns their paths. Throws `E_DISK` if one cannot be written. */
export function writeInspection(folder: string, inspection: Inspection): string[] {
  const { reconstruction, probes, transplants, attention } = inspection;
  const files: NamedFile[] = [['inspect.html', inspectionHtml(inspection)]];
  if (!isMissing(reconstruction)) files.push(...drawn('reconstruction', reconstructionMap(reconstruction, inspection)()));
  if (!isMissing(probes))
    for (const factor of probes.factors)
      files.push(...drawn(`probes-${factorTitle(factor).replaceAll(/[:/\\\s]+/g, '-')}`, probeCurves(factor, probes)()));
  if (!isMissing(transplants)) files.push(...drawn('transplants', transplantMap(transplants.heldOut)()));
  if (!isMissing(attention)) files.push(...drawn('attention', attentionMap(attention)()));
  return writeFiles(folder, files);
}

const drawn = (name: string, svg: string): NamedFile[] => [
  [`${name}.svg`, svg],
  [`${name}.png`, toPNG(svg)],
];
