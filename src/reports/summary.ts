/** @file What a run found, in a few sentences: for the end of a command, after the tables. */

import type { AnyResults, RecordedResults, Results, SupervisedResults, Verdict, Versus } from '../records/index.ts';
import {
  COMPARED,
  finalEpisodes,
  measuresIn,
  RECORDED_MEASURES,
  RESULTS_FORMAT,
  SUPERVISED_FORMAT,
  verdictOf,
  wordsOf,
} from '../records/index.ts';
import type { MeanScore } from '../statistics/index.ts';
import { isCad, ranked, type Styles, stylesOf } from './figures/style.ts';
import { meanScoreInterval, returnInterval, withInterval } from './tables/format.ts';
import { refusals } from './tables/integrity.ts';
import { measureVerdict, rankedOthers } from './tables/versus.ts';

/** Names that a sentence lists before it counts the others. */
const MOST_NAMES = 5;

/** The row in question: CAD's own, or that which all others are compared with, or the best of the combinations. */
export function rowInQuestion({ name, methods, versus }: Results, styles: Styles): string {
  const names = ranked(methods);
  return names.find(row => styles.get(row)!.emphasized) ?? versus?.[name]?.method ?? names.find(isCad) ?? names[0];
}

/** The one number that a run is known by. */
export interface Headline extends MeanScore {
  readonly method: string;
  /** What it is. */
  readonly measure: string;
}

/** The headline of results of whichever format; undefined where their rows may not be shown. */
export function headlineOf(results: AnyResults): Headline | undefined {
  if (results.format === RESULTS_FORMAT) {
    if (refusals(results, results.name).length > 0) return undefined;
    const method = rowInQuestion(results, stylesOf(results));
    const { mean, meanLow: low, meanHigh: high } = results.methods[method].final;
    return { method, measure: `final return ${wordsOf(results.methods).scale}`, mean, low, high };
  }
  const method = Object.keys(results.methods).find(isCad) ?? Object.keys(results.methods)[0];
  if (results.format === SUPERVISED_FORMAT) {
    const { ratio, ratioLow, ratioHigh } = results.methods[method].byExamples;
    const at = results.examples.indexOf(results.headline);
    const measure = `${results.score.name} ÷ that of ${results.reference.name}`;
    return { method, measure, mean: ratio[at], low: ratioLow[at], high: ratioHigh[at] };
  }
  const [first] = measuresIn(results.methods[method]);
  return first && { method, measure: RECORDED_MEASURES[first], ...results.methods[method][first]! };
}

/** The score of the row in question, with its interval, and how it compares with the others. */
export function summarize(results: Results): string[] {
  const { name, methods, episodes, versus = {}, protocols = {} } = results;
  const [refused] = refusals(results, name);
  if (refused) return [`Not shown: ${refused} The numbers are in results.json.`];
  const own = rowInQuestion(results, stylesOf(results));
  const { final, perTask, return: earned } = methods[own];
  const { scale, unit } = wordsOf(methods);
  const scored = earned
    ? `mean return ${returnInterval(earned)}, ${meanScoreInterval(final)} ${scale}`
    : `${meanScoreInterval(final)} of ${unit}`;
  const tasks = `${perTask.length} ${protocols[name]?.side ?? 'evaluated'} ${perTask.length === 1 ? 'task' : 'tasks'}`;
  const score = `${own}: ${scored}, over ${finalEpisodes(episodes)} on ${tasks}.`;
  return [score, ...(versus[name] ? [verdicts(versus[name], methods)] : [])];
}

/** A verdict before the name of what a row is compared with. */
const VERDICT_WORDS: Readonly<Record<Verdict, string>> = {
  better: 'better than',
  'not distinguishable': 'not distinguishable from',
  worse: 'worse than',
};

/** `cad is better than none and random, worse than source, and not distinguishable from ad (95% intervals of the final score).` */
function verdicts(versus: Versus, methods: Results['methods']): string {
  const { others, method } = versus;
  // The learner that is distilled and who knows the task are what one asks for first.
  const first = (name: string) => (['source', 'oracle'].includes(name) ? 0 : 1);
  const names = rankedOthers(versus, methods).sort((a, b) => first(a) - first(b));
  const { measure } = others[names[0]];
  const parts = (Object.keys(VERDICT_WORDS) as Verdict[]).flatMap(verdict => {
    const rows = names.filter(name => measureVerdict(measure, others[name].measures[measure]!) === verdict);
    return rows.length > 0 ? [`${VERDICT_WORDS[verdict]} ${listed(rows)}`] : [];
  });
  const lower = COMPARED[measure].better === 'lower' ? ', the lower the better' : '';
  return `${method} is ${parts.join('; ')} (95% intervals of differences of the ${measure} score${lower}).`;
}

function listed(names: readonly string[]): string {
  const shown = names.length > MOST_NAMES + 1 ? [...names.slice(0, MOST_NAMES), `${names.length - MOST_NAMES} more`] : [...names];
  return shown.length === 1 ? shown[0] : `${shown.slice(0, -1).join(', ')} and ${shown[shown.length - 1]}`;
}

/** The same of a supervised experiment: CAD against the reference. */
export function summarizeSupervised({ methods, examples, headline, score, reference, tasks }: SupervisedResults): string[] {
  const own = Object.keys(methods).find(isCad) ?? Object.keys(methods)[0];
  const at = examples.indexOf(headline);
  const { mean, ratio, ratioLow, ratioHigh } = methods[own].byExamples;
  const verdict = verdictOf({ low: ratioLow[at] - 1, high: ratioHigh[at] - 1 }, score.better);
  return [
    `${own}: ${score.name} ${mean[at].toPrecision(3)} with ${headline} examples on ${tasks} test tasks, ${withInterval(ratio[at], [ratioLow[at], ratioHigh[at]], value => value.toFixed(2))} times that of ${reference.name}.`,
    `${own} is ${VERDICT_WORDS[verdict]} ${reference.name} (95% interval of the ratio, ${score.better} is better).`,
  ];
}

/** The same of an evaluation on recordings, which compares no returns. */
export function summarizeRecorded({ methods }: RecordedResults): string[] {
  const names = ['cad', 'frequencies'].filter(name => methods[name]);
  return names.map(name => {
    const scores = measuresIn(methods[name]).map(measure => {
      const { mean, low, high } = methods[name][measure]!;
      return `${RECORDED_MEASURES[measure]} ${withInterval(mean, [low, high], value => value.toFixed(3))}`;
    });
    return `${name}: ${scores.join(', ')} on recordings of held-out tasks.`;
  });
}
