/** @file What a report states about how far its rows can be trusted: split audit, selection rule, budget; and why rows are not shown. */

import type { MethodTable, Protocol, Results, StageBudget } from '../../records/index.ts';
import { comparisonFaults, describeSelection, rowsOf } from '../../records/index.ts';
import { groupBy } from '../../util/groups.ts';

/** Why the rows of a table may not be shown as results, as sentences; none for results from before protocols were recorded. */
export const refusals = (results: Results, table: string): string[] =>
  results.protocols?.[table] ? comparisonFaults([rowsOf(results, table)]).map(({ message }) => capital(message)) : [];

/** The audit of a split: how many tasks there are on either side, and how many are on both. */
export const describeSplit = ({ side, split: { train, test, overlap } }: Pick<Protocol, 'side' | 'split'>): string =>
  `${train} training and ${test} ${side} tasks, ${overlap === 0 ? 'none' : overlap} on both sides, by content`;

/** The audit of the split and the selection rule of a table, as sentences. */
export function integrityNote(results: Results, table: string): string {
  const protocol = results.protocols?.[table];
  if (!protocol) return '';
  const { side, selection } = protocol;
  const validation = side === 'validation' ? ' These are scores on validation tasks, for choosing settings.' : '';
  return `${describeSplit(protocol)}; ${describeSelection(selection)}.${validation}`;
}

/** What each row's training took, a sentence for rows with equal budgets. */
export function budgetNotes(methods: MethodTable): string[] {
  const rows = groupBy(Object.keys(methods), name => {
    const { budget } = methods[name];
    return budget && describeBudget(budget);
  });
  if ([...rows.keys()].every(text => text === undefined)) return [];
  return Array.from(rows, ([text = 'none of ours', names]) => `Training of ${names.join(', ')}: ${text}.`);
}

const whole = (value: number) => value.toLocaleString('en-GB');

/** The steps of every stage, where there are several, their sum, and the sequences that they saw. */
export function describeBudget(budget: readonly StageBudget[]): string {
  const sum = (key: 'steps' | 'examples') => budget.reduce((total, stage) => total + stage[key], 0);
  const stages = budget.map(({ stage, steps }) => `${stage} ${whole(steps)}`).join(' + ');
  const steps = `${whole(sum('steps'))} ${sum('steps') === 1 ? 'step' : 'steps'}`;
  return `${budget.length > 1 ? `${stages} = ` : ''}${steps} on ${whole(sum('examples'))} sequences, each seed`;
}

const capital = (text: string) => text[0].toUpperCase() + text.slice(1);
