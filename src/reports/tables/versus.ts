/** @file One method compared with every other of its table: columns, texts, and the order of methods. */

import type { ComparedBy, Comparison, MeasureComparison, MethodResult, MethodTable, Versus } from '../../records/index.ts';
import { COMPARED, finalEpisodes, finalIsAll, type PeriodWords, VERDICT_RULE, verdictOf, wordsOf } from '../../records/index.ts';
import type { Estimate } from '../../statistics/index.ts';
import { ranked } from '../figures/style.ts';
import { type Column, column, fixed, type ReportTable, score, withInterval } from './format.ts';

/** The comparison of one method with every other, the best of those first. */
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
  const pairs = by === 'run' ? 'paired by task, training seed and stream' : 'between task means, because seeds or streams differ';
  const drawn = resampled === 'runs' ? 'streams within tasks' : 'tasks';
  const bound =
    seeds > 1 ? `the bootstrap resamples the ${seeds} training seeds and ${drawn}` : `the bootstrap resamples ${drawn} (one training seed)`;
  const has = (id: RegExp) => shown.some(each => id.test(each));
  return [
    `Difference: ${method} minus the other method, ${wordsOf(methods).difference}, ${pairs}; ${bound}.`,
    has(/^verdict-/) && `Verdict: ${VERDICT_RULE}.`,
    'Intervals are not corrected for multiple comparisons.',
    has(/^probability$/) && `P: probability that a stream of ${method} does better than one of the other method on the same task.`,
    has(/-ratio$/) && `Ratios: cost of ${method} divided by that of the other method.`,
  ]
    .filter(Boolean)
    .join(' ');
}

/** The other methods, best first. */
export const rankedOthers = ({ others }: Versus, methods: MethodTable): string[] =>
  ranked(methods).filter(name => Object.hasOwn(others, name));

/** The measures that differ: with a single episode, the final score is the score of all episodes. */
export const measuresOf = (measures: Comparison['measures'], episodes: number): ComparedBy[] =>
  (['final', 'area', 'regret'] as const).filter(name => measures[name] && !(name === 'area' && finalIsAll(episodes)));

/** The verdict by one measure of a comparison. */
export const measureVerdict = (name: ComparedBy, { difference }: MeasureComparison) => verdictOf(difference, COMPARED[name].better);

/** Short names of the measures, for headers. */
const LABELS: Readonly<Record<ComparedBy, (episodes: number, words: PeriodWords) => string>> = {
  final: (episodes, words) => finalEpisodes(episodes, words).replace(/^the /, ''),
  area: (_, { period }) => `all ${period}s`,
  regret: () => 'regret',
};

function versusColumns(versus: Versus, methods: MethodTable): Column<Comparison>[] {
  const own = methods[versus.method];
  const [like] = Object.values(versus.others);
  const episodes = own.byEpisode.mean.length;
  const words = wordsOf(methods);
  const ratio = (id: string, title: string, key: 'flopsPerAction' | 'stateBytes', meaning: string) =>
    column<Comparison>(
      id,
      `${title} ratio`,
      `${meaning} of ${versus.method}, divided by those of the other method`,
      (_, name) => ratioOf(own, methods[name], key),
      2,
    );
  return [
    ...measuresOf(like.measures, episodes).flatMap((name, i) => [
      column<Comparison>(
        `verdict-${name}`,
        [`by ${name}`, `${versus.method} is (${LABELS[name](episodes, words)})`],
        `${versus.method} compared with this method, by the difference in the ${name} score`,
        ({ measures }) => measureVerdict(name, measures[name]!),
        i === 0 ? 1 : 4,
      ),
      column<Comparison>(
        name,
        [`${name} [95% CI]`, `difference, ${LABELS[name](episodes, words)} [95% CI]`],
        `difference in ${COMPARED[name].meaning(episodes, words)}`,
        ({ measures }) => estimate(measures[name]!.difference, signedScore),
        i === 0 ? undefined : 4,
      ),
    ]),
    column(
      'probability',
      ['P [95% CI]', 'P(better) [95% CI]'],
      `probability that a stream of ${versus.method} does better on the same task`,
      ({ measures, measure }) => estimate(measures[measure]!.improvement, score),
      5,
    ),
    ratio('flops-ratio', 'FLOPs', 'flopsPerAction', 'floating-point operations per action'),
    ratio('state-ratio', 'state', 'stateBytes', 'bytes that reach the policy'),
  ];
}

/** `0.43`: the cost of one method divided by that of another; a dash where either is 0. */
const ratioOf = (own: MethodResult, other: MethodResult, key: 'flopsPerAction' | 'stateBytes'): string =>
  own[key] > 0 && other[key] > 0 ? String(+(own[key] / other[key]).toPrecision(2)) : '–';

/** `0.94 [0.92, 0.96]`, with numbers in the given format. */
export const estimate = ({ value, low, high }: Estimate, format: (value: number) => string): string =>
  withInterval(value, [low, high], format);

/** A difference with its sign, with one digit more than scores. */
export function signedScore(value: number): string {
  const digits = fixed(value, 3);
  return value > 0 && Number(digits) !== 0 ? `+${digits}` : digits;
}
