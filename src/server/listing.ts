/**
 * @file The runs in a folder: their state, their main score and the settings in which they differ. Reads results and stage names, but no
 * weights or data.
 */

import { existsSync, readdirSync, statSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { checkpointStep } from '../cache/checkpoint.ts';
import { type AnyResults, RECORDED_FORMAT, STUDY_FORMAT, type Study, SUPERVISED_FORMAT } from '../records/index.ts';
import { openResults } from '../reports/open.ts';
import { type Headline, headlineOf, trialScoresOf } from '../reports/summary.ts';
import { attempt, CadenzaError } from '../util/errors.ts';
import { packedPath } from '../util/files.ts';
import { differing, leavesOf } from '../util/leaves.ts';
import { isHeld } from '../util/lock.ts';
import { readInside } from './inside.ts';

export interface ListedRun {
  readonly folder: string;
  readonly name: string;
  /** Kind of experiment, or `ablation` or `study`. Absent if unknown. */
  readonly kind?: string;
  readonly state: 'finished' | 'running' | 'stopped' | 'damaged';
  /** The stage that is running, or at which the run stopped. */
  readonly stage?: string;
  readonly step?: number;
  /** Why it is damaged. */
  readonly reason?: string;
  readonly score?: Headline;
  /** Time of its results or latest stage, as ISO 8601. */
  readonly changed: string;
  /** Dotted settings that differ between runs of this kind. */
  readonly settings: Readonly<Record<string, unknown>>;
}

export const [RESULTS, STUDY, STAGES] = ['results.json', 'tune.json', 'stages'];
const RECORD = 'stage.json';

/** Results have a few hundred kilobytes. A file far larger than that is something else. */
const MOST_BYTES = 2 ** 26;

/** The runs in folders. Each folder is a run or contains runs. Throws `E_DATA` if a folder cannot be read. */
export function listRuns(folders: readonly string[]): ListedRun[] {
  const runs = folders.flatMap(folder => (isRun(folder) ? [folder] : foldersIn(folder).filter(isRun))).map(readRun);
  const kinds = new Map(runs.map(({ kind }) => [kind, differing(runs.filter(run => run.kind === kind).map(({ settings }) => settings))]));
  return runs.map(({ settings, ...run }) => ({
    ...run,
    settings: Object.fromEntries(kinds.get(run.kind)!.flatMap(key => (key in settings ? [[key, settings[key]]] : []))),
  }));
}

const isRun = (folder: string) => [RESULTS, STUDY, STAGES].some(name => existsSync(packedPath(join(folder, name))));

/** The folders in a folder, sorted. Throws `E_DATA` if it cannot be read. */
export function foldersIn(folder: string): string[] {
  try {
    const entries = readdirSync(folder).map(name => join(folder, name));
    return entries.filter(path => attempt(() => statSync(path).isDirectory())).sort();
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'the folder does not exist' : (error as Error).message;
    throw new CadenzaError('E_DATA', `${folder}: ${reason}. Give runs, or a folder that contains runs.`, { cause: error });
  }
}

/** A run by its results and its stages. */
export function readRun(folder: string): ListedRun {
  const { kind, time, unfinished, ...where } = stagesIn(join(folder, STAGES));
  const file = [RESULTS, STUDY].map(name => packedPath(join(folder, name))).find(existsSync);
  const written = (file === undefined ? undefined : attempt(() => statSync(file).mtimeMs)) ?? 0;
  const changed = new Date(Math.max(written, time) || (attempt(() => statSync(folder).mtimeMs) ?? 0)).toISOString();
  const about = { folder, name: basename(resolve(folder)), changed, settings: {} };
  if (!file) return { ...about, kind, ...where };
  const isStudy = file.endsWith(STUDY);
  try {
    const found = isStudy ? { kind: 'study', score: trialsIn(folder)[0] } : describeResults(resultsIn(folder));
    // An unfinished stage that is newer than the results belongs to a later run in the same folder.
    return { ...about, ...found, state: 'finished', ...(where.state === 'running' || unfinished > written ? where : {}) };
  } catch (error) {
    return { ...about, kind, state: 'damaged', reason: (error as Error).message };
  }
}

/** The results of a run. Throws `E_DATA` as `openResults` does, and if they are too large. */
export function resultsIn(folder: string): AnyResults {
  const file = packedPath(join(folder, RESULTS));
  if ((attempt(() => statSync(file).size) ?? 0) > MOST_BYTES) throw new CadenzaError('E_DATA', `${basename(file)} is too large`);
  return openResults(folder).results;
}

/** The scores of the trials of a search, best first. Throws `E_DATA` if they cannot be read. */
export function trialsIn(folder: string): Headline[] {
  const study = attempt(() => JSON.parse(String(readInside(join(folder, STUDY)))) as Study);
  const scores = study?.format === STUDY_FORMAT ? attempt(() => trialScoresOf(study)) : undefined;
  if (!scores) throw new CadenzaError('E_DATA', `${STUDY} is not a search that this version can read`);
  return scores;
}

function describeResults(results: AnyResults): Pick<ListedRun, 'name' | 'kind' | 'score' | 'settings'> {
  const { ablation, base, ...config } = results.run.config as Record<string, unknown>;
  const kinds: Readonly<Record<string, string>> = { [SUPERVISED_FORMAT]: 'supervised', [RECORDED_FORMAT]: 'recorded' };
  return {
    name: results.name,
    kind: ablation ? 'ablation' : (kinds[results.format] ?? 'reinforcement'),
    score: headlineOf(results),
    settings: leavesOf(ablation ? base : config),
  };
}

/** State of a run according to its stages. */
function stagesIn(folder: string) {
  const names = attempt(() => readdirSync(folder)) ?? [];
  const stages = names.flatMap(name => {
    const [, stage] = /^(.+)-[0-9a-f]{12}$/.exec(name) ?? [];
    const path = join(folder, name);
    const time = attempt(() => statSync(path).mtimeMs);
    return stage && time ? [{ stage, path, time, finished: existsSync(join(path, RECORD)), running: isHeld(`${path}.lock`) }] : [];
  });
  stages.sort((a, b) => b.time - a.time);
  const kind = stages.some(({ stage }) => stage.startsWith('audit-')) ? 'supervised' : stages.length > 0 ? 'reinforcement' : undefined;
  const open = stages.find(({ running, finished }) => running && !finished) ?? stages.find(({ finished }) => !finished);
  const at = open ?? stages[0];
  const step = open && checkpointStep(open.path);
  return {
    kind,
    time: stages[0]?.time ?? 0,
    unfinished: open?.time ?? 0,
    state: open?.running ? ('running' as const) : ('stopped' as const),
    stage: at?.stage,
    step: step === undefined ? undefined : Number(step),
  };
}
