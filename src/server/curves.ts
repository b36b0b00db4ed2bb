/** @file Follows the metrics of one stage in some runs, and what else is known of these runs. */

import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { followMetrics, METRICS_FILE, type MetricsLine, scalarsOf } from '../cache/metrics.ts';
import { STAGE_FOLDER } from '../cache/store.ts';
import { RESULTS_FORMAT } from '../records/index.ts';
import { viewOf } from '../reports/index.ts';
import { type Headline, scoresOf } from '../reports/summary.ts';
import { attempt } from '../util/errors.ts';
import { isInside } from './inside.ts';
import { resultsIn, STAGES, trialsIn } from './listing.ts';
import type { FoundRun, RunIndex } from './run-index.ts';
import type { CurveEvents, Points, RunDetail, WatchedVariant } from './watched.ts';

/** Pages of a run, by their path in its folder. */
export const REPORTS = ['results.html', 'report/report.html', 'inspect/inspect.html'];

/** What is known of results. */
type Found = Pick<RunDetail, 'found' | 'scores' | 'split'>;

const NOTHING: Found = { found: [], scores: [] };

/** A stage of one seed in the folder of a run. */
interface Stage {
  readonly folder: string;
  readonly name: string;
  readonly seed?: number;
  readonly variants: readonly number[];
}

/** Follows these runs. `send` receives an event when there is news; `look` looks for some. */
export function followCurves(
  index: RunIndex,
  ids: readonly string[],
  stage: string,
  send: <K extends keyof CurveEvents>(event: K, data: CurveEvents[K]) => void,
): { look(): void } {
  const followers = new Map<string, ReturnType<typeof followMetrics>>();
  const details = new Map<string, string>();
  const results = new Map<string, { readonly written: number | undefined; readonly found: Found }>();
  /** Stages that are known to have metrics. */
  const measured = new Set<string>();

  const resultsOf = (id: string, run: FoundRun): Found => {
    const known = results.get(id);
    if (known && known.written === run.scored) return known.found;
    const found = run.scored === undefined ? NOTHING : (attempt(() => readResults(run)) ?? NOTHING);
    results.set(id, { written: run.scored, found });
    return found;
  };

  const look = () => {
    const points: Points[] = [];
    for (const id of ids) {
      const run = index.get(id);
      if (!run) continue;
      const stages = stagesOf(run).filter(({ folder }) => {
        const path = join(run.path, STAGES, folder);
        if (!measured.has(path) && existsSync(join(path, METRICS_FILE)) && isInside(index.root, join(path, METRICS_FILE)))
          measured.add(path);
        return measured.has(path);
      });
      const { scores, ...about } = resultsOf(id, run);
      const detail: RunDetail = {
        id,
        settings: run.settings,
        variants: variantsOf(run, scores),
        stages: [...new Set(stages.map(({ name }) => name))],
        scores,
        ...about,
        reports: REPORTS.filter(name => reportIn(index, run, name) !== undefined),
      };
      const text = JSON.stringify(detail);
      if (details.get(id) !== text) send('detail', detail);
      details.set(id, text);
      for (const { folder, name, ...of } of stages) {
        if (name !== stage) continue;
        const path = join(run.path, STAGES, folder);
        const isNew = !followers.has(path);
        const follow = followers.get(path) ?? followMetrics(path);
        followers.set(path, follow);
        const news = follow();
        if (news) points.push({ run: id, folder, ...of, replaces: isNew || news.replaces, ...columnsOf(news.lines) });
      }
    }
    if (points.length > 0) send('points', points);
  };
  return { look };
}

/** The stages of a run: those of its latest command, or all in its folder. */
function stagesOf({ path, files, record }: FoundRun): Stage[] {
  const listed = record?.stages ?? (files.has(STAGES) ? (attempt(() => readdirSync(join(path, STAGES))) ?? []) : []);
  return listed.flatMap(each => {
    const { folder, variants } = typeof each === 'string' ? { folder: each, variants: [] } : each;
    const [, name, seed] = STAGE_FOLDER.exec(folder) ?? [];
    return name === undefined ? [] : [{ folder, name, variants, ...(seed === undefined ? {} : { seed: Number(seed) }) }];
  });
}

/** The variants of a run, each with its score in the results. */
function variantsOf({ record }: FoundRun, scores: readonly Headline[]): WatchedVariant[] {
  const { variants, kind } = record ?? { variants: [], kind: '' };
  if (variants.length < 2) return [{ name: '', settings: {}, score: scores[0] }];
  // Methods of an ablation and of a search are their variants; other results are those of the first one.
  const scoreOf = (name: string, i: number) => {
    if (kind !== 'ablation' && kind !== 'study') return i === 0 ? scores[0] : undefined;
    const own = kind === 'ablation' ? `cad ${name}` : name;
    return scores.find(({ method }) => method === own);
  };
  return variants.map(({ name, settings }, i) => ({ name, settings, score: scoreOf(name, i) }));
}

function readResults({ path, view }: FoundRun): Found {
  if (view.kind === 'study') return { found: [], scores: trialsIn(path) };
  const results = resultsIn(path);
  const { train, test, overlap } = results.split as { train: number; test: number; overlap: number };
  const found = viewOf(results).found();
  // Where results may not be shown, neither are their numbers.
  const isShown = results.format !== RESULTS_FORMAT || found.length > 0;
  return { found, scores: isShown ? scoresOf(results) : [], split: { train, test, overlap } };
}

/** Where a page of a run is; undefined if there is none, or its folder is reached through a link. */
export function reportIn({ root }: RunIndex, { path, files }: FoundRun, name: string): string | undefined {
  if (!REPORTS.includes(name) || (!name.includes('/') && !files.has(name))) return undefined;
  const place = join(path, name);
  return existsSync(place) && isInside(root, place) ? place : undefined;
}

/** Metrics of steps as columns. Several lines of one step become one row. */
function columnsOf(lines: readonly MetricsLine[]): Pick<Points, 'step' | 'values'> {
  const rows = new Map<number, Map<string, number>>();
  for (const { step, metrics } of lines) {
    const row = rows.get(step) ?? new Map();
    for (const [name, value] of scalarsOf(metrics)) row.set(name, value);
    rows.set(step, row);
  }
  const names = new Set(Array.from(rows.values(), row => [...row.keys()]).flat());
  return {
    step: [...rows.keys()],
    values: Object.fromEntries(Array.from(names, name => [name, Array.from(rows.values(), row => row.get(name) ?? null)])),
  };
}
