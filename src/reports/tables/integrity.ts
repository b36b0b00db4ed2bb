/** @file What a report states about the validity of its results: split audit, selection rule, training budget; and why results are not shown. */

import type { MethodTable, Protocol, Results, StageBudget } from '../../records/index.ts';
import { comparableTable, comparisonFaults, describeSelection } from '../../records/index.ts';
import { groupBy } from '../../util/groups.ts';

/** Why the methods of a table may not be shown as results, in sentences; none for older results, which record no protocol. */
export const refusals = (results: Results, table: string): string[] =>
  results.protocols?.[table] ? comparisonFaults([comparableTable(results, table)]).map(({ message }) => capital(message)) : [];

/** The audit of a split: the number of tasks on either side, and on both. */
export const describeSplit = ({ side, split: { train, test, overlap } }: Pick<Protocol, 'side' | 'split'>): string =>
  `${train} training and ${test} ${side} tasks, ${overlap === 0 ? 'none' : overlap} in both (compared by content)`;

/** The audit of the split and the selection rule of a table, as sentences. */
export function integrityNote(results: Results, table: string): string {
  const protocol = results.protocols?.[table];
  if (!protocol) return '';
  const { side, selection } = protocol;
  const validation = side === 'validation' ? ' These are scores on validation tasks, for selecting settings.' : '';
  return `${describeSplit(protocol)}; ${describeSelection(selection)}.${validation}`;
}

/** The training budget of each method, one sentence for all methods with equal budgets. */
export function budgetNotes(methods: MethodTable): string[] {
  const groups = groupBy(Object.keys(methods), name => {
    const { budget } = methods[name];
    return budget && describeBudget(budget);
  });
  if ([...groups.keys()].every(text => text === undefined)) return [];
  return Array.from(groups, ([text = 'no networks of this experiment', names]) => `Training of ${names.join(', ')}: ${text}.`);
}

const whole = (value: number) => value.toLocaleString('en-US');

/** The steps of every stage if there are several, their sum, and the sequences seen. */
export function describeBudget(budget: readonly StageBudget[]): string {
  const sum = (key: 'steps' | 'examples') => budget.reduce((total, stage) => total + stage[key], 0);
  const stages = budget.map(({ stage, steps }) => `${stage} ${whole(steps)}`).join(' + ');
  const steps = `${whole(sum('steps'))} ${sum('steps') === 1 ? 'step' : 'steps'}`;
  return `${budget.length > 1 ? `${stages} = ` : ''}${steps} on ${whole(sum('examples'))} sequences per seed`;
}

const capital = (text: string) => text[0].toUpperCase() + text.slice(1);
