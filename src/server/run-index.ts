/**
 * @file The runs below a folder, as they train. A scan looks at the modification times of folders, and reads only what has changed; results, which
 * are larger, are read afterwards. Links are not followed, so that nothing outside the folder is shown.
 */

import { type Dirent, existsSync, type FSWatcher, readdirSync, realpathSync, statSync, watch } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { z } from 'zod';
import { parseRecord, RECORD_FILE, type RunRecord } from '../cache/run-record.ts';
import type { AnyResults } from '../records/index.ts';
import { type Headline, headlineOf } from '../reports/summary.ts';
import { attempt, CadenzaError } from '../util/errors.ts';
import { PACKED, packedPath, readJson } from '../util/files.ts';
import type { Leaves } from '../util/leaves.ts';
import { isRunning } from '../util/lock.ts';
import { readInside } from './inside.ts';
import { RESULTS, readRun, resultsIn, STAGES, STUDY, trialsIn } from './listing.ts';
import type { WatchedRun } from './watched.ts';

/** Milliseconds between two scans, and the share of the time that scans may take where folders are many or slow. */
const [EVERY, SHARE] = [700, 0.1];

/** Milliseconds within which two changes of a folder may have the same time. */
const TICK = 50;

/** Milliseconds for which results are read before others get their turn, and between two reports of what was read. */
const [SLICE, NEWS] = [20, 300];

/** Folders of a run that contain no runs. */
const ASIDE = /^(\.|(stages|model|report|inspect|earlier|node_modules)$)/;

/** What the folder of a run has at least one of. Where one is a link, it is not shown. */
const MARKS = [RECORD_FILE, RESULTS, RESULTS + PACKED, STUDY, STAGES];

/** How deep runs may be nested. */
const DEEPEST = 8;

/** A folder, as it was seen last. */
interface Folder {
  readonly path: string;
  readonly changed: number;
  /** Whether it may have changed again without another modification time. */
  readonly isFresh: boolean;
  readonly folders: readonly string[];
  readonly files: ReadonlySet<string>;
}

/** A run, with what only the server needs. */
export interface FoundRun {
  readonly path: string;
  /** The files directly in its folder, by name. */
  readonly files: ReadonlySet<string>;
  readonly record?: RunRecord;
  readonly view: WatchedRun;
  /** All of its settings. */
  readonly settings: Leaves;
  /** Time of the results that its score is from. */
  readonly scored?: number;
}

/** Keeps the list of the runs below a folder up to date. */
export class RunIndex {
  readonly #given: string;
  readonly #folders = new Map<string, Folder>();
  readonly #runs = new Map<string, FoundRun>();
  readonly #unread = new Set<string>();
  readonly #listeners = new Set<(ids: readonly string[]) => void>();
  #timer: NodeJS.Timeout | undefined;
  #watcher: FSWatcher | undefined;
  #reading = false;
  #closed = false;

  /** Throws `E_DATA` if there is something else than a folder. A folder that does not exist yet may be created later. */
  constructor(folder: string) {
    if (existsSync(folder) && !statSync(folder).isDirectory())
      throw new CadenzaError('E_DATA', `${folder}: expected a folder that contains runs, found a file. Give a folder.`);
    this.#given = resolve(folder);
  }

  /** The real path of the folder. */
  get root(): string {
    return attempt(() => realpathSync(this.#given)) ?? this.#given;
  }

  /** Scans now, and from now on. */
  start(): void {
    const scan = () => {
      if (this.#closed) return;
      clearTimeout(this.#timer);
      this.#watcher ??= this.#watch(scan);
      const began = performance.now();
      this.scan();
      this.#timer = setTimeout(scan, Math.max(EVERY, (performance.now() - began) / SHARE));
    };
    scan();
  }

  /**
   * Scans as soon as the system reports a change. The timer finds all changes that it does not report: on Linux, Node watches each file below a
   * folder by itself, which takes many seconds for a thousand runs and exhausts the watches of a user, so only the folder itself is watched.
   */
  #watch(scan: () => void): FSWatcher | undefined {
    let soon = false;
    const onChange = () => {
      if (soon) return;
      soon = true;
      setTimeout(() => {
        soon = false;
        scan();
      }, TICK).unref();
    };
    const watcher = attempt(() => watch(this.root, { recursive: process.platform !== 'linux' }, onChange));
    watcher?.on('error', () => {
      watcher.close();
      this.#watcher = undefined;
    });
    return watcher;
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#watcher?.close();
  }

  /** Calls the listener with the ids of runs that have changed or are gone, until the returned function is called. */
  onChange(listener: (ids: readonly string[]) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** A run by its id. */
  get(id: string): FoundRun | undefined {
    return this.#runs.get(id);
  }

  /** All runs, the latest first. */
  list(): WatchedRun[] {
    return Array.from(this.#runs.values(), ({ view }) => view).sort((a, b) => (a.changed < b.changed ? 1 : -1));
  }

  /** Looks for runs that are new, have changed or are gone. */
  scan(): void {
    const seen = new Set<string>();
    const changed: string[] = [];
    const visit = (path: string, id: string, depth: number) => {
      const before = this.#folders.get(path);
      const folder = lookInto(path, before);
      if (!folder) return;
      this.#folders.set(path, folder);
      seen.add(path);
      if (isRun(folder)) {
        const known = this.#runs.get(id);
        if (!known || folder !== before || known.view.state === 'running') this.#update(id, folder, known, changed);
      }
      if (depth < DEEPEST) for (const name of folder.folders) visit(join(path, name), id === '.' ? name : `${id}/${name}`, depth + 1);
    };
    visit(this.root, '.', 0);
    for (const path of this.#folders.keys()) if (!seen.has(path)) this.#folders.delete(path);
    for (const [id, { path }] of this.#runs) {
      const folder = this.#folders.get(path);
      if (folder && isRun(folder)) continue;
      this.#runs.delete(id);
      changed.push(id);
    }
    this.#tell(changed);
    void this.#readResults();
  }

  #update(id: string, folder: Folder, known: FoundRun | undefined, changed: string[]): void {
    const found = foundRun(id, folder, known);
    if (known && found.record && JSON.stringify(found.view) === JSON.stringify(known.view) && found.settings === known.settings) return;
    this.#runs.set(id, found);
    if (!found.record || found.scored !== writtenIn(folder)) this.#unread.add(id);
    changed.push(id);
  }

  /** Reads the results that changed, the latest first, in between other work. */
  async #readResults(): Promise<void> {
    if (this.#reading || this.#unread.size === 0) return;
    this.#reading = true;
    const time = (id: string) => this.#runs.get(id)?.view.changed ?? '';
    let [read, reported, since]: [string[], number, number] = [[], performance.now(), performance.now()];
    for (const id of [...this.#unread].sort((a, b) => (time(a) < time(b) ? 1 : -1))) {
      this.#unread.delete(id);
      const run = this.#runs.get(id);
      const folder = run && this.#folders.get(run.path);
      if (!folder) continue;
      this.#runs.set(id, scoredRun(run, writtenIn(folder)));
      read.push(id);
      if (performance.now() - since > SLICE) {
        await setImmediate();
        if (this.#closed) return;
        since = performance.now();
      }
      if (performance.now() - reported > NEWS) {
        this.#tell(read);
        [read, reported] = [[], performance.now()];
      }
    }
    this.#tell(read);
    this.#reading = false;
  }

  #tell(ids: readonly string[]): void {
    if (ids.length > 0) for (const listener of this.#listeners) listener(ids);
  }
}

/** A folder: as it was, if it has not changed; undefined if it cannot be read. */
function lookInto(path: string, before?: Folder): Folder | undefined {
  return attempt(() => {
    const { mtimeMs: changed } = statSync(path);
    if (before && before.changed === changed && !before.isFresh) return before;
    const isFresh = Date.now() - changed < TICK;
    const entries: Dirent[] = readdirSync(path, { withFileTypes: true });
    const names = (are: (entry: Dirent) => boolean) => entries.filter(are).map(({ name }) => name);
    const folders = names(entry => entry.isDirectory());
    const hasLinks = names(entry => entry.isSymbolicLink()).some(name => MARKS.includes(name));
    const files = hasLinks ? [] : [...names(entry => entry.isFile()), ...folders.filter(name => name === STAGES)];
    return { path, changed, isFresh, folders: folders.filter(name => !ASIDE.test(name)), files: new Set(files) };
  });
}

const isRun = ({ files }: Folder): boolean => MARKS.some(name => files.has(name));

/** When the results of a run, or the trials of a search, were written; undefined if it has none. */
function writtenIn({ path, files }: Folder): number | undefined {
  const name = [RESULTS, RESULTS + PACKED, STUDY].find(each => files.has(each));
  return name === undefined ? undefined : attempt(() => statSync(join(path, name)).mtimeMs);
}

/** A run by the record of its command; without one, only its name, until its results and stages are read. */
function foundRun(id: string, folder: Folder, known?: FoundRun): FoundRun {
  const { path, files, changed } = folder;
  const text = files.has(RECORD_FILE) ? readInside(join(path, RECORD_FILE)) : undefined;
  const record = text === undefined ? undefined : parseRecord(text.toString());
  const score = known?.view.score;
  const time = new Date(changed).toISOString();
  const about = { path, files, scored: known?.scored };
  if (!record) {
    const state = writtenIn(folder) === undefined ? ('stopped' as const) : ('finished' as const);
    const view = { id, name: id === '.' ? basename(path) : basename(id), state, changed: time };
    // What was known of it stays until it is read again.
    return { ...about, view: known && !known.record ? known.view : view, settings: known?.settings ?? {} };
  }
  const { name, kind, reason, now, place } = record;
  const gone = record.state === 'running' && !isRunning(record.process, changed);
  // What could not be read stays damaged until it is written again.
  const damage = known?.view.state === 'damaged' && known.scored === writtenIn(folder) ? known.view : undefined;
  const state = damage ? damage.state : gone ? 'stopped' : record.state;
  const seconds = state === 'running' && (place || now?.seconds) ? (place?.seconds ?? 0) + (now?.seconds ?? 0) : undefined;
  const same = known?.record && JSON.stringify(known.record.settings) === JSON.stringify(record.settings);
  return {
    ...about,
    record,
    settings: same ? known.settings : record.settings,
    view: {
      id,
      name,
      kind,
      state,
      reason: damage ? damage.reason : reason,
      ...(now && { now: { stage: now.stage, done: now.done, total: now.total } }),
      ...(place && { place: { at: place.at, of: place.of } }),
      ...(seconds ? { seconds } : {}),
      changed: time,
      // Results of an earlier command in the same folder stay until the new ones are written.
      score,
    },
  };
}

/** The same run, with what its results say. */
function scoredRun(run: FoundRun, written: number | undefined): FoundRun {
  const { path, view, record } = run;
  if (!record) {
    const { kind, state, stage, step, reason, score, settings, name, changed } = readRun(path);
    const now = stage === undefined || state === 'finished' ? undefined : { stage, done: step ?? 0, total: 0 };
    return { ...run, scored: written, settings, view: { ...view, name, kind, state, reason, score, now, changed } };
  }
  if (written === undefined) return { ...run, scored: written };
  try {
    return { ...run, scored: written, view: { ...view, score: view.kind === 'study' ? trialsIn(path)[0] : scoreIn(path) } };
  } catch (error) {
    return { ...run, scored: written, view: { ...view, score: undefined, state: 'damaged', reason: (error as Error).message } };
  }
}

const headlineSchema = z.object({ method: z.string(), measure: z.string(), mean: z.number(), low: z.number(), high: z.number() });

/**
 * The main number of the results of a run. Results are checked only where they seem to have none: the check takes many times as long
 * as all else, and a chosen run is checked anyway. Throws as `resultsIn`.
 */
const scoreIn = (path: string): Headline | undefined =>
  attempt(() => headlineSchema.parse(headlineOf(readJson(packedPath(join(path, RESULTS))) as AnyResults))) ?? headlineOf(resultsIn(path));
