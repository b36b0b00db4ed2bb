/** @file The table of a study on a terminal: trials, best first, with their scores, intervals and settings. Text in, text out. */

import { MEASURES, type Rung, type Study, wordsFor } from '../../records/index.ts';
import { FINAL_EPISODES, type MeanScore } from '../../statistics/index.ts';
import { wrap } from '../../util/text.ts';
import { withInterval } from '../tables/format.ts';
import { painter, type TerminalOptions, table } from './results.ts';

/** Every trial as a row; `≈` marks those whose interval overlaps with the best one's. */
export function formatStudy(study: Study, { width = process.stdout.columns ?? 80, color = false }: TerminalOptions = {}): string {
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
    `Score: ${MEASURES[study.measure](study.episodes ?? FINAL_EPISODES)}, on ${study.validationTasks.length} validation tasks.${study.reference ? ` ${wordsFor(study.reference).meaning} The mean raw return stands next to the score.` : ''} ${study.intervalNote}`,
    'Trial 0 is the experiment as its file has it (·).',
    study.tied.length > 0 ? '≈: the interval overlaps with that of the best; this study does not tell them apart.' : '',
  ];
  return `${table(['trial', '', 'score [interval]', ...(study.reference ? ['return [interval]'] : []), 'steps', ...keys], rows, paint)}\n\n${wrap(legend.filter(Boolean).join(' '), width)}\n`;
}

/** The best trial, and whether the study tells it from the others. */
export function summarizeStudy({ trials, tied, measure }: Study): string[] {
  const [{ trial, rungs }] = trials;
  const best = `Trial ${trial} of ${trials.length} is the best: ${measure} score ${interval(rungs[rungs.length - 1].score)} on validation tasks.`;
  return tied.length > 0
    ? [best, `The intervals of ${tied.length} others overlap with its own: this study does not tell them apart.`]
    : [best];
}

const interval = (reached: Rung['score']): string =>
  reached ? withInterval(reached.mean, [reached.meanLow, reached.meanHigh], digits) : 'diverged';

const share = ({ mean, low, high }: MeanScore): string => withInterval(mean, [low, high], digits);

/** One more than in reports: trials of one study lie close together. */
const digits = (value: number): string => value.toFixed(3);

const short = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));
