/** @file One row held against every other of its table: columns, words, and the order of rows. */

import type { ComparedBy, Comparison, MeasureComparison, MethodResult, MethodTable, Versus } from '../../records/index.ts';
import { COMPARED, VERDICT_RULE, verdictOf, wordsOf } from '../../records/index.ts';
import type { Estimate } from '../../statistics/index.ts';
import { ranked } from '../figures/style.ts';
import { type Column, column, type ReportTable, score, withInterval } from './format.ts';

/** What a row is beside every other, the best of those first. */
export const versusTable = (versus: Versus, methods: MethodTable): ReportTable<Comparison> => ({
  title: `${versus.method} vs. every other method`,
  head: 'method',
  names: rankedOthers(versus, methods),
  entries: versus.others,
  columns: versusColumns(versus, methods),
  note: shown => versusNote(versus, methods, shown),
});

function versusNote({ method, others }: Versus, methods: MethodTable, shown: readonly string[]): string {
  const [{ measures, measure }] = Object.values(others);
  const { by, seeds, resampled } = measures[measure]!.difference;
  const pairs =
    by === 'run'
      ? 'of runs on the same task with training seed and stream of the same number'
      : 'of task means, because seeds or streams differ';
  const drawn = resampled === 'runs' ? 'streams within tasks' : 'tasks';
  const bound = seeds > 1 ? `the ${seeds} training seeds and ${drawn} are resampled` : `${drawn} are resampled, of one training seed`;
  const has = (id: RegExp) => shown.some(each => id.test(each));
  return [
    `Differences: ${method} less the other row, as fractions of ${wordsOf(methods).unit}, ${pairs}; ${bound}.`,
    has(/^verdict-/) && `The verdict: ${VERDICT_RULE}.`,
    'Each interval stands for itself; where rows are many, some miss by chance.',
    has(/^probability$/) && `P: the probability that a run of ${method} does better than one of the other on the same task.`,
    has(/-ratio$/) && `Ratios: what ${method} takes of the other's.`,
  ]
    .filter(Boolean)
    .join(' ');
}

/** The other rows, best first. */
export const rankedOthers = ({ others }: Versus, methods: MethodTable): string[] =>
  ranked(methods).filter(name => Object.hasOwn(others, name));

/** The measures that say something: of a single episode, the last ones are all there are. */
export const measuresOf = (measures: Comparison['measures'], episodes: number): ComparedBy[] =>
  (['final', 'area', 'regret'] as const).filter(name => measures[name] && !(name === 'area' && episodes === 1));

/** How to read one measure of a comparison. */
export const measureVerdict = (name: ComparedBy, { difference }: MeasureComparison) => verdictOf(difference, COMPARED[name].better);

function versusColumns(versus: Versus, methods: MethodTable): Column<Comparison>[] {
  const own = methods[versus.method];
  const [like] = Object.values(versus.others);
  const episodes = own.byEpisode.mean.length;
  const ratio = (id: string, title: string, key: 'flopsPerAction' | 'stateBytes', meaning: string) =>
    column<Comparison>(
      id,
      `${title} ratio`,
      `${meaning} of ${versus.method}, as a fraction of that row's`,
      (_, name) => ratioOf(own, methods[name], key),
      2,
    );
  return [
    ...measuresOf(like.measures, episodes).flatMap((name, i) => [
      column<Comparison>(
        name,
        `${name} [interval]`,
        `difference of the ${COMPARED[name].meaning(episodes)}`,
        ({ measures }) => estimate(measures[name]!.difference, signedScore),
        i === 0 ? undefined : 4,
      ),
      column<Comparison>(
        `verdict-${name}`,
        `by ${name}`,
        `what ${versus.method} is beside that row, by this difference`,
        ({ measures }) => measureVerdict(name, measures[name]!),
        i === 0 ? 1 : 3,
      ),
    ]),
    column(
      'probability',
      'P [interval]',
      `probability that a run of ${versus.method} is better on the same task`,
      ({ measures, measure }) => estimate(measures[measure]!.improvement, score),
      5,
    ),
    ratio('flops-ratio', 'FLOPs', 'flopsPerAction', 'floating-point operations of an action'),
    ratio('state-ratio', 'state', 'stateBytes', 'bytes that reach the policy'),
  ];
}

/** `0.43`: what one row takes of another; a dash where either takes nothing. */
const ratioOf = (own: MethodResult, other: MethodResult, key: 'flopsPerAction' | 'stateBytes'): string =>
  own[key] > 0 && other[key] > 0 ? String(+(own[key] / other[key]).toPrecision(2)) : '–';

/** `0.94 [0.92, 0.96]`, in the format that is handed in. */
export const estimate = ({ value, low, high }: Estimate, format: (value: number) => string): string =>
  withInterval(value, [low, high], format);

/** A difference with its sign, to a digit more than scores have. */
export function signedScore(value: number): string {
  const digits = Math.abs(value).toFixed(3);
  return Number(digits) === 0 ? digits : `${value < 0 ? '−' : '+'}${digits}`;
}
