/** @file The paper of a run: Methods section, tables, figures and sources, written from its files (method 7.2). */

import { join } from 'node:path';
import { comparableTable, expectComparable } from '../../records/index.ts';
import { writeJson } from '../../util/files.ts';
import { type Drawn, drawnOf } from '../figures/draw.ts';
import type { FigureOptions } from '../figures/figure.ts';
import { figuresOf } from '../figures/index.ts';
import { toPDF } from '../figures/pdf.ts';
import { pipeline } from '../figures/pipeline.ts';
import { stylesOf } from '../figures/style.ts';
import { type NamedFile, writeFiles } from '../files.ts';
import { expectSideBySide } from '../html/side-by-side.ts';
import { bibliography, citedKeys } from './bibliography.ts';
import type { Facts } from './facts.ts';
import { FIGURES, figureFile, figuresOfRun, main, methods } from './methods.ts';
import { rowSets, tables } from './tables.ts';

export type { Facts } from './facts.ts';

/** Throws `E_SPLIT` if results may not be shown, and `E_DATA` if several runs are not comparable. */
export function expectShown({ results, runs }: Pick<Facts, 'results' | 'runs'>): void {
  if (runs) expectSideBySide(new Map([...runs].map(([name, run]) => [name, run.results])));
  else for (const name of Object.keys(results.protocols ?? {})) expectComparable([comparableTable(results, name)]);
}

/** Size of the curves in points: text of 12 points is legible at the width of a page. */
const CURVES = { width: 560, height: 320 };

/**
 * Writes the folder of a paper and returns the paths of its files. Throws `E_SPLIT` or `E_DATA` if the results may not be shown or are not comparable,
 * and `E_DISK` if a file cannot be written.
 */
export async function writePaper(folder: string, facts: Facts): Promise<string[]> {
  const sets = rowSets(facts);
  expectShown(facts);
  const body = { methods: methods(facts), tables: tables(facts) };
  const texts = { ...body, main: main(facts, Object.values(body)) };
  const files: NamedFile[] = [
    ...Object.entries(texts).map(([name, { text }]) => [`${name}.tex`, `${text.trimEnd()}\n`] as const),
    ['references.bib', bibliography(citedKeys(texts.methods.text, texts.tables.text))],
    [join(FIGURES, 'pipeline.pdf'), await toPDF(pipeline(facts.setting))],
  ];
  const add = async (file: string, drawn: Drawn | undefined, style: FigureOptions = { styles: stylesOf(facts.results) }) => {
    if (drawn) files.push([join(FIGURES, `${file}.pdf`), await toPDF(drawn.svg({ ...CURVES, ...style }))]);
  };
  for (const { label, methods, style } of sets)
    for (const figure of figuresOf('methods')) await add(figureFile(figure.id, label), drawnOf(figure, methods), style);
  for (const figure of figuresOfRun(facts)) await add(figureFile(figure.id), drawnOf(figure, facts.results));
  const paths = writeFiles(folder, files);
  // Every numeral of the .tex files with its path.
  const numbers = join(folder, 'numbers.json');
  writeJson(numbers, {
    setting: facts.setting,
    ...(facts.runs ? { runs: Object.fromEntries([...facts.runs].map(([name, { setting }]) => [name, { setting }])) } : {}),
    files: Object.fromEntries(Object.entries(texts).map(([name, { citations }]) => [`${name}.tex`, citations])),
  });
  return [...paths, numbers];
}
