/** @file The result of a run in a few sentences: at the top of its page, and at the end of a command. */

import type { AnyResults, RecordedResults, Results, Study, SupervisedResults, Verdict, Versus } from '../records/index.ts';
import {
  COMPARED,
  finalEpisodes,
  measureOf,
  measuresIn,
  RECORDED_MEASURES,
  RESULTS_FORMAT,
  rankTrials,
  referenceIn,
  SUPERVISED_FORMAT,
  trialName,
  verdictOf,
  wordsOf,
} from '../records/index.ts';
import type { MeanScore } from '../statistics/index.ts';
import { isCad, ranked, type Styles, stylesOf } from './figures/style.ts';
import { meanInterval, meanScoreInterval, returnInterval, withInterval } from './tables/format.ts';
import { refusals } from './tables/integrity.ts';
import { measureVerdict, rankedOthers } from './tables/versus.ts';

/** Names that a sentence lists; it counts the others. */
const MOST_NAMES = 5;

/** The method that the report is about: CAD, or the one that all others are compared with, or the best variant of CAD. */
export function mainMethod({ name: table, methods, versus }: Results, styles: Styles): string {
  const names = ranked(methods);
  return names.find(name => styles.get(name)!.emphasized) ?? versus?.[table]?.method ?? names.find(isCad) ?? names[0];
}

/** The main number of a run. */
export interface Headline extends MeanScore {
  readonly method: string;
  /** What the number is. */
  readonly measure: string;
}

/** The main number of each method, the main method first; none where results may not be shown. */
export function scoresOf(results: AnyResults): Headline[] {
  if (results.format === RESULTS_FORMAT) {
    if (refusals(results, results.name).length > 0) return [];
    const { quantity, scale } = wordsOf(results.methods);
    const measure = `final ${quantity}, ${scale}`;
    return mainFirst(mainMethod(results, stylesOf(results)), ranked(results.methods)).map(method => {
      const { mean, meanLow: low, meanHigh: high } = results.methods[method].final;
      return { method, measure, mean, low, high };
    });
  }
  const names = Object.keys(results.methods);
  const methods = mainFirst(names.find(isCad) ?? names[0], names);
  if (results.format === SUPERVISED_FORMAT) {
    const at = results.examples.indexOf(results.headline);
    const measure = `${results.score.name} ÷ ${results.reference.name}`;
    return methods.map(method => {
      const { ratio, ratioLow, ratioHigh } = results.methods[method].byExamples;
      return { method, measure, mean: ratio[at], low: ratioLow[at], high: ratioHigh[at] };
    });
  }
  const [first] = measuresIn(results.methods[methods[0]]);
  return methods.flatMap(method => {
    const score = first && results.methods[method][first];
    return score ? [{ method, measure: RECORDED_MEASURES[first], ...score }] : [];
  });
}

const mainFirst = (main: string, names: readonly string[]): string[] => [main, ...names.filter(name => name !== main)];

/** The score of each trial of a search, best first: that of its longest training. A trial that diverged has none. */
export function trialScoresOf(study: Study): Headline[] {
  const measure = measureOf(study);
  return rankTrials(study.trials).flatMap(({ trial, rungs }) => {
    const score = rungs.at(-1)?.score;
    return score ? [{ method: trialName(trial), measure, mean: score.mean, low: score.meanLow, high: score.meanHigh }] : [];
  });
}

/** The main number of results of any format; undefined where they may not be shown. */
export const headlineOf = (results: AnyResults): Headline | undefined => scoresOf(results)[0];

/**
 * The score of the main method, with its interval, and how the method compares with the others. `called` writes the name of the method, for
 * several runs with the name of its run.
 */
export function summarize(results: Results, called: (method: string) => string = method => method): string[] {
  const { name, methods, episodes, versus = {}, protocols = {} } = results;
  const [refused] = refusals(results, name);
  if (refused) return [`Not shown: ${refused} The numbers are in results.json.`];
  const own = mainMethod(results, stylesOf(results));
  const { final, perTask, regret, return: earned } = methods[own];
  const words = wordsOf(methods);
  const raw = earned && `a mean ${words.quantity} of ${returnInterval(earned)}`;
  const scored = raw
    ? `${raw}${referenceIn(methods).kind === 'raw' ? '' : `, which is ${meanScoreInterval(final)} ${words.scale}`}`
    : `${meanScoreInterval(final)} of ${words.unit}`;
  const tasks = `${perTask.length} ${protocols[name]?.side ?? 'evaluated'} ${perTask.length === 1 ? 'task' : 'tasks'}`;
  const score = `${called(own)} reaches ${scored}, over ${finalEpisodes(episodes, words)} on ${tasks} (95% interval in brackets).${
    regret ? ` Its cumulative regret is ${meanInterval(regret)}; lower is better.` : ''
  }`;
  return [score, ...(versus[name] ? [verdicts(versus[name], methods, called)] : [])];
}

/** A verdict, to be followed by the name of the other method. */
const VERDICT_WORDS: Readonly<Record<Verdict, string>> = {
  better: 'better than',
  'not distinguishable': 'not distinguishable from',
  worse: 'worse than',
};

/** `cad is better than none and random; worse than source; not distinguishable from ad (95% intervals of …).` */
function verdicts(versus: Versus, methods: Results['methods'], called: (method: string) => string): string {
  const { others, method } = versus;
  // Readers look for the learner that is distilled and for the optimum first.
  const first = (name: string) => (['source', 'oracle'].includes(name) ? 0 : 1);
  const names = rankedOthers(versus, methods).sort((a, b) => first(a) - first(b));
  const { measure } = others[names[0]];
  const parts = (Object.keys(VERDICT_WORDS) as Verdict[]).flatMap(verdict => {
    const found = names.filter(name => measureVerdict(measure, others[name].measures[measure]!) === verdict);
    return found.length > 0 ? [`${VERDICT_WORDS[verdict]} ${listed(found)}`] : [];
  });
  const lower = COMPARED[measure].better === 'lower' ? ', lower is better' : '';
  return `${called(method)} is ${parts.join('; ')} (95% intervals of differences in the ${measure} score${lower}).`;
}

function listed(names: readonly string[]): string {
  const shown = names.length > MOST_NAMES + 1 ? [...names.slice(0, MOST_NAMES), `${names.length - MOST_NAMES} more`] : [...names];
  return shown.length === 1 ? shown[0] : `${shown.slice(0, -1).join(', ')} and ${shown[shown.length - 1]}`;
}

/** The method that the report of a supervised experiment is about: CAD, or the first one. */
export const mainSupervised = ({ methods }: Pick<SupervisedResults, 'methods'>): string =>
  Object.keys(methods).find(isCad) ?? Object.keys(methods)[0];

/** The same for a supervised experiment: CAD compared with the reference. */
export function summarizeSupervised({ methods, examples, headline, score, reference, tasks }: SupervisedResults): string[] {
  const own = mainSupervised({ methods });
  const at = examples.indexOf(headline);
  const { mean, ratio, ratioLow, ratioHigh } = methods[own].byExamples;
  const verdict = verdictOf({ low: ratioLow[at] - 1, high: ratioHigh[at] - 1 }, score.better);
  return [
    `${own} reaches a mean ${score.name} of ${mean[at].toPrecision(3)} with ${headline} examples on ${tasks} test tasks, ${withInterval(ratio[at], [ratioLow[at], ratioHigh[at]], value => value.toFixed(2))} times that of ${reference.name}.`,
    `${own} is ${VERDICT_WORDS[verdict]} ${reference.name} (95% interval of the ratio, ${score.better} is better).`,
  ];
}

/** The same for an evaluation on recordings, which has no returns. */
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
