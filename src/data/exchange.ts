/**
 * @file Learning histories from files of other tools and to them: reads recordings in one of the layouts, finds out what they leave unsaid, checks
 * every number, and keeps them as a data set. Node only; not part of this room's index, because only two commands need it.
 */

import { existsSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { EnvFamily } from '../rl/env.ts';
import { discreteActions } from '../rl/family.ts';
import type { History } from '../rl/history.ts';
import { type Space, spaceSize } from '../rl/spaces.ts';
import { CadenzaError } from '../util/errors.ts';
import { canonicalJson, sha256File, writeJson } from '../util/files.ts';
import { contentKey, DATASET_FILE, type Dataset, datasetHistories, readDataset } from './dataset.ts';
import { type DeclaredEnvironment, type ExchangeFormat, Quota, type Recording } from './formats/index.ts';
import { readHdf5, writeHdf5 } from './hdf5.ts';
import { type Environment, MANIFEST_FILE, readManifest } from './manifest.ts';
import { readShard } from './shards.ts';
import { environmentOf } from './store.ts';

/** What becomes of the distribution over actions that is learnt from; undefined where the file has nothing to make it of. */
export const LABELS = {
  action: { about: 'the action that was executed', of: ({ action }: Recording, A: number) => oneHot(action, A) },
  expert: { about: "the expert's action", of: ({ expert }: Recording, A: number) => expert && oneHot(expert, A) },
  recorded: {
    about: 'the recorded distribution over actions',
    of: ({ probabilities }: Recording) => probabilities && Float32Array.from(probabilities),
  },
} as const satisfies Record<string, { about: string; of: (recording: Recording, actions: number) => Float32Array | undefined }>;
export type LabelKind = keyof typeof LABELS;

export interface ImportRequest {
  readonly files: readonly string[];
  readonly format: ExchangeFormat;
  readonly labels: LabelKind;
  /** Most tasks, and most histories of each, the first ones of the files; all when left out. */
  readonly most?: { readonly tasks?: number; readonly histories?: number };
  /** The family of an environment that is here; undefined where there is none of that name. */
  readonly familyOf: (environment: DeclaredEnvironment) => EnvFamily | undefined;
}

interface Located extends Recording {
  readonly file: string;
}

/**
 * Reads files of one layout and one environment.
 *
 * @throws `E_DATA` where a file is not in the layout, columns do not fit together, a number lies outside its space, or files disagree.
 */
export async function importHistories({
  files,
  format,
  labels,
  most,
  familyOf,
}: ImportRequest): Promise<Pick<Dataset, 'environment' | 'origin' | 'labels'> & { histories: History[] }> {
  const quota = new Quota(most);
  const found: Located[] = [];
  const origin: Dataset['origin']['files'] = [];
  let declared: DeclaredEnvironment | undefined;
  for (const [index, file] of files.entries()) {
    const { environment, recordings } = await readHdf5(file, reader => format.read(reader, quota));
    declared ??= environment;
    if (canonicalJson(environment) !== canonicalJson(declared)) {
      const [first, other] = [declared, environment].map(each => canonicalJson(each));
      throw new CadenzaError('E_DATA', `${file} is of environment ${other}, but ${files[0]} is of ${first}. Import them apart.`);
    }
    for (const recording of recordings) {
      // What names no task is told apart by the file that it is in.
      const task = Object.keys(recording.task).length > 0 ? recording.task : { file: index };
      found.push({ ...recording, task, file });
    }
    origin.push({ name: basename(file), sha256: sha256File(file), histories: recordings.length });
  }
  const family = familyOf(declared!);
  const environment = family ? environmentOf(family) : completed(declared!, found);
  const keys = family?.tasks && new Set(family.tasks().map(family.taskKey));
  const histories = found.map(recording => {
    const { task } = recording;
    const taskKey = (family?.taskKey ?? contentKey)(task);
    if (keys && !keys.has(taskKey)) throw refuse(recording, `${environment.id} has no task ${canonicalJson(task)}`);
    return historyOf(recording, environment, labels, taskKey);
  });
  return { environment, origin: { layout: format.id, files: origin }, labels, histories };
}

/**
 * Writes the histories of a folder (a stage of a run that made them, or a data set) as one file, and beside it what the layout's tools ask for.
 * Gives the files written. Throws `E_DATA` where the folder holds no histories, `E_DISK` where nothing can be written.
 */
export async function exportHistories(
  folder: string,
  format: ExchangeFormat,
  path: string,
): Promise<{ histories: number; files: string[] }> {
  const { environment, histories } = historiesIn(folder);
  await writeHdf5(path, file => format.write(file, environment, histories));
  const beside = format.beside?.(environment, histories);
  if (!beside) return { histories: histories.length, files: [path] };
  const other = join(dirname(path), beside.name);
  writeJson(other, beside.content);
  return { histories: histories.length, files: [path, other] };
}

function historiesIn(folder: string): { environment: Environment; histories: History[] } {
  if (existsSync(join(folder, DATASET_FILE))) {
    const dataset = readDataset(folder);
    return { environment: dataset.environment, histories: datasetHistories(folder, dataset) };
  }
  if (!existsSync(join(folder, MANIFEST_FILE)))
    throw new CadenzaError(
      'E_DATA',
      `${folder} holds no learning histories: expected ${MANIFEST_FILE} or ${DATASET_FILE} there. Name a run, its folder stages/generate-…, or a data set.`,
    );
  const { environment, shards } = readManifest(folder);
  return { environment, histories: shards.flatMap(shard => readShard(join(folder, shard.file), shard)) };
}

const refuse = ({ file, where }: Located, what: string) =>
  new CadenzaError('E_DATA', `${file}, history ${where}: ${what}. Mend the file, or leave this history out of it.`);

// ---- what files leave unsaid -------------------------------------------------------------------------------------------------

/** Most values of all factors together that are worth a one-hot code; what has more is taken for reals. */
const MOST_VALUES = 4096;

/** The declared environment, with what is missing as the numbers have it: as many actions as occur, the longest episode as the horizon. */
function completed(declared: DeclaredEnvironment, recordings: readonly Located[]): Environment {
  const most = (columns: readonly (ArrayLike<number> | undefined)[]) =>
    columns.reduce(
      (max, column) => Array.prototype.reduce.call(column ?? [], (a, b) => Math.max(a as number, b as number), max) as number,
      0,
    );
  const actions = () => most(recordings.flatMap(({ action, expert }) => [action, expert])) + 1;
  const horizon = () => most(recordings.map(({ ended }) => episodeLengths(ended)));
  return {
    id: declared.id,
    ...(declared.options ? { options: declared.options } : {}),
    observationSpace: declared.observationSpace ?? spaceOf(recordings),
    actionSpace: declared.actionSpace ?? { kind: 'discrete', n: actions() },
    horizon: declared.horizon ?? horizon(),
  };
}

function episodeLengths(ended: ArrayLike<number>): number[] {
  const lengths: number[] = [];
  let from = 0;
  for (let t = 0; t < ended.length; t++) {
    if (!ended[t] && t + 1 < ended.length) continue;
    lengths.push(t + 1 - from);
    from = t + 1;
  }
  return lengths;
}

/** Whole numbers from 0 are factors of as many values as occur; anything else is a vector of reals between its least and largest values. */
function spaceOf(recordings: readonly Located[]): Space {
  const { width } = recordings[0];
  const low = Array<number>(width).fill(Number.POSITIVE_INFINITY);
  const high = Array<number>(width).fill(Number.NEGATIVE_INFINITY);
  let whole = true;
  for (const { observation, nextObservation } of recordings) {
    for (const column of [observation, nextObservation]) {
      for (let i = 0; i < column.length; i++) {
        const value = column[i];
        whole &&= Number.isInteger(value) && value >= 0;
        low[i % width] = Math.min(low[i % width], value);
        high[i % width] = Math.max(high[i % width], value);
      }
    }
  }
  const values = high.reduce((sum, value) => sum + value + 1, 0);
  if (whole && values <= MOST_VALUES) return { kind: 'multi-discrete', nvec: high.map(value => value + 1) };
  return { kind: 'box', low, high };
}

// ---- from a recording to a history -------------------------------------------------------------------------------------------

function historyOf(
  recording: Located,
  { id, observationSpace, actionSpace, horizon }: Environment,
  labels: LabelKind,
  taskKey: string,
): History {
  const { width, action, expert, reward, ended, file, where, task } = recording;
  const T = action.length;
  const F = spaceSize(observationSpace);
  const A = discreteActions({ id, actionSpace }, 'An import');
  if (T === 0) throw refuse(recording, 'expected at least one transition, found none');
  if (width !== F) throw refuse(recording, `expected observations of ${F} numbers, found ${width}`);
  checkWhole(recording, 'action', action, A);
  if (expert) checkWhole(recording, 'expert action', expert, A);
  for (const name of ['observation', 'nextObservation'] as const) checkSpace(recording, name, observationSpace);
  const finite = Array.prototype.findIndex.call(reward, value => !Number.isFinite(value));
  if (finite >= 0) throw refuse(recording, `reward ${finite} is ${reward[finite]}, expected a finite number`);
  const lengths = episodeLengths(ended);
  const longest = lengths.reduce((a, b) => Math.max(a, b), 0);
  if (longest > horizon)
    throw refuse(recording, `an episode has ${longest} steps, expected at most ${horizon}, after which one is truncated`);
  const probabilities = LABELS[labels].of(recording, A);
  if (!probabilities) throw refuse(recording, `expected ${LABELS[labels].about} as its labels, found none; choose other --labels`);
  checkDistributions(recording, probabilities, T, A);
  return {
    task,
    taskKey,
    stream: `${basename(file)}:${where}`,
    observation: Float32Array.from(recording.observation),
    action: Int32Array.from(action),
    probabilities,
    reward: Float32Array.from(reward),
    nextObservation: Float32Array.from(recording.nextObservation),
    ...endsOf(recording, lengths, horizon),
  };
}

/** Why episodes ended, as the file tells, or by their lengths. */
function endsOf({ ended, terminated, truncated }: Located, lengths: readonly number[], horizon: number) {
  const flags = (column: ArrayLike<number>) => Uint8Array.from(column, value => (value ? 1 : 0));
  if (terminated && truncated) return { terminated: flags(terminated), truncated: flags(truncated) };
  const found = { terminated: new Uint8Array(ended.length), truncated: new Uint8Array(ended.length) };
  let end = 0;
  for (const length of lengths) {
    end += length;
    if (ended[end - 1]) found[length < horizon ? 'terminated' : 'truncated'][end - 1] = 1;
  }
  return found;
}

function checkWhole(recording: Located, name: string, column: ArrayLike<number>, n: number): void {
  for (let t = 0; t < column.length; t++)
    if (!(Number.isInteger(column[t]) && column[t] >= 0 && column[t] < n))
      throw refuse(recording, `${name} ${t} is ${column[t]}, expected a whole number in [0, ${n})`);
}

function checkSpace(recording: Located, name: 'observation' | 'nextObservation', space: Space): void {
  const column = recording[name];
  const { width } = recording;
  const counts = space.kind === 'discrete' ? [space.n] : space.kind === 'multi-discrete' ? space.nvec : undefined;
  for (let i = 0; i < column.length; i++) {
    const n = counts?.[i % width];
    const fits = n === undefined ? Number.isFinite(column[i]) : Number.isInteger(column[i]) && column[i] >= 0 && column[i] < n;
    if (fits) continue;
    const place = `number ${i % width} of ${name} ${Math.floor(i / width)}`;
    throw refuse(recording, `${place} is ${column[i]}, expected ${n === undefined ? 'a finite number' : `a whole number in [0, ${n})`}`);
  }
}

function checkDistributions(recording: Located, probabilities: Float32Array, T: number, A: number): void {
  if (probabilities.length !== T * A)
    throw refuse(recording, `expected distributions of [${T} × ${A}] numbers over actions, found ${probabilities.length}`);
  for (let t = 0; t < T; t++) {
    const row = probabilities.subarray(t * A, (t + 1) * A);
    const sum = row.reduce((total, p) => total + p, 0);
    if (!(row.every(p => p >= 0) && Math.abs(sum - 1) < 1e-3))
      throw refuse(recording, `the distribution over actions of step ${t} adds up to ${sum}, expected 1 and nothing negative`);
  }
}

function oneHot(actions: ArrayLike<number>, A: number): Float32Array {
  const rows = new Float32Array(actions.length * A);
  for (let t = 0; t < actions.length; t++) rows[t * A + actions[t]] = 1;
  return rows;
}
