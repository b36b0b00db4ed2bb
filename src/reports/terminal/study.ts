/** @file A hyperparameter search on a terminal: trials, best first, with scores, intervals and settings. Returns text. */

import { measureOf, type Rung, type Study, wordsFor } from '../../records/index.ts';
import type { MeanScore } from '../../statistics/index.ts';
import { terminalWidth, wrap } from '../../util/text.ts';
import { withInterval } from '../tables/format.ts';
import { painter, type TerminalOptions, table } from './results.ts';

/** One row per trial. `≈` marks trials whose interval overlaps with that of the best. */
export function formatStudy(study: Study, { width = terminalWidth(), color = false }: TerminalOptions = {}): string {
  const paint = painter(color);
  const keys = [...new Set(study.trials.flatMap(({ settings }) => Object.keys(settings)))];
  const tied = new Set(study.tied);
  const rows = study.trials.map(({ trial, settings, rungs }, i) => {
    const { steps, score: reached } = rungs[rungs.length - 1];
    const mark = i === 0 && reached ? 'best' : tied.has(trial) ? '≈' : '';
    const earned = study.reference ? [reached?.return ? share(reached.return) : '–'] : [];
    return [
      String(trial),
      mark,
      interval(reached),
      ...earned,
      String(steps),
      ...keys.map(key => (key in settings ? short(settings[key]) : '·')),
    ];
  });
  const legend = [
    `Score: ${measureOf(study)}, on ${study.validationTasks.length} validation tasks.${study.reference ? ` ${wordsFor(study.reference).meaning} The table also has the mean raw return.` : ''} ${study.intervalNote}`,
    'Trial 0 is the unchanged experiment; · is its value.',
    study.tied.length > 0 ? '≈: the interval overlaps with that of the best trial, so this search does not distinguish them.' : '',
  ];
  return `${table(['trial', '', 'score [interval]', ...(study.reference ? ['return [interval]'] : []), 'steps', ...keys], rows, paint)}\n\n${wrap(legend.filter(Boolean).join(' '), width)}\n`;
}

/** The best trial, and whether the search distinguishes it from the others. */
export function summarizeStudy({ trials, tied, measure }: Study): string[] {
  const [{ trial, rungs }] = trials;
  const best = `Best of ${trials.length} trials: trial ${trial}, ${measure} score ${interval(rungs[rungs.length - 1].score)} on validation tasks.`;
  const others = tied.length === 1 ? 'interval of one other trial overlaps' : `intervals of ${tied.length} other trials overlap`;
  return tied.length > 0 ? [best, `The ${others} with that of the best, so this search does not distinguish them.`] : [best];
}

const interval = (reached: Rung['score']): string =>
  reached ? withInterval(reached.mean, [reached.meanLow, reached.meanHigh], digits) : 'diverged';

const share = ({ mean, low, high }: MeanScore): string => withInterval(mean, [low, high], digits);

/** One digit more than in reports, because the trials of a search have similar scores. */
const digits = (value: number): string => value.toFixed(3);

const short = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));
