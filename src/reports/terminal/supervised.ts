/** @file The report of a supervised experiment on a terminal. */

import type { SupervisedResults } from '../../records/index.ts';
import { wrap } from '../../util/text.ts';
import { methodStyles } from '../figures/style.ts';
import { rankedBySupervised } from '../figures/supervised.ts';
import { supervisedColumns } from '../tables/supervised.ts';
import { fittingTable, type TerminalOptions } from './results.ts';

/** The whole report, ready to print. */
export function formatSupervised(results: SupervisedResults, options: TerminalOptions = {}): string {
  const { name, problem, score, reference, tasks, queries, bars, methods } = results;
  const { width = process.stdout.columns ?? 80, styles = methodStyles(Object.keys(methods)) } = options;
  const sections = [
    wrap(`${name}: ${score.name} by number of examples n (${score.better} is better); ${problem.description}`, width),
    fittingTable('method', rankedBySupervised(results), methods, supervisedColumns(results), { ...options, width, styles }),
    wrap(`Reference: ${reference.about}.`, width),
    wrap(`${tasks} test tasks with ${queries} test inputs each. ${bars}`, width),
  ];
  return `${sections.join('\n\n')}\n`;
}
