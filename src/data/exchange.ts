/**
 * @file Learning histories from files of other tools and to them: reads recordings in one of the layouts, finds out what they leave unsaid, checks
 * every number, and keeps them as a data set. Node only; not part of this room's index, because only two commands need it.
 */

import { existsSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { type ActionDistribution, actionDistribution, actionsOf } from '../rl/actions.ts';
import type { EnvFamily, Task } from '../rl/env.ts';
import { contentKey } from '../rl/family.ts';
import type { History } from '../rl/history.ts';
import { countsOf, type Space, spaceSize } from '../rl/spaces.ts';
import { CadenzaError } from '../util/errors.ts';
import { canonicalJson, expectNoOther, jsonText, sha256, sha256File, writeJson } from '../util/files.ts';
import { Random } from '../util/random.ts';
import { DATASET_FILE, type Dataset, datasetHistories, readDataset } from './dataset.ts';
import {
  type DeclaredEnvironment,
  detectFormat,
  type ExchangeFormat,
  layouts,
  Quota,
  type ReadFile,
  type Recording,
} from './formats/index.ts';
import { Budget, type Hdf5Reader, readHdf5 } from './hdf5.ts';
import { writeHdf5 } from './hdf5-writer.ts';
import { dataFile } from './inputs.ts';
import { type Environment, MANIFEST_FILE, readManifest } from './manifest.ts';
import { type Column, checkNarrowing } from './narrowing.ts';
import { checkHistory, readShard } from './shards.ts';
import { environmentOf, shardMeta } from './store.ts';

/** What becomes of the distribution over actions that is learned from; undefined where the file has nothing to make it of. */
export const LABELS = {
  action: { about: 'the action that was executed', of: ({ action }, actions) => certain(action, actions) },
  expert: { about: "the expert's action", of: ({ expert }, actions) => expert && certain(expert, actions) },
  recorded: {
    about: 'the recorded distribution over actions',
    of: ({ probabilities }) => probabilities && Float32Array.from(probabilities),
  },
} as const satisfies Record<string, { about: string; of: (recording: Recording, actions: ActionDistribution) => Float32Array | undefined }>;
export type LabelKind = keyof typeof LABELS;

export interface ImportRequest {
  /** Files, folders or ids of data sets. */
  readonly files: readonly string[];
  /** Found out from the first file when left out. */
  readonly format?: ExchangeFormat;
  readonly labels: LabelKind;
  /** Most tasks, and most histories of each, the first ones of the files; all when left out. */
  readonly most?: { readonly tasks?: number; readonly histories?: number };
  /** Accept that 32-bit numbers do not tell apart what the files do. */
  readonly allowRounding?: boolean;
  /** The family of an environment that is here; undefined where there is none of that name. */
  readonly familyOf: (environment: DeclaredEnvironment) => EnvFamily | undefined;
}

type Located = Recording & { readonly file: string };

/** A file that was read. */
interface Source extends ReadFile {
  readonly path: string;
  readonly sha256: string;
  /** Further files that it refers to. */
  readonly linked: readonly string[];
}

export type Imported = Pick<Dataset, 'environment' | 'origin' | 'labels'> & {
  readonly histories: History[];
  readonly format: ExchangeFormat;
};

/**
 * Reads files of one layout and one environment. What a data set becomes depends on their content alone, not on their names or order.
 *
 * @throws `E_DATA` where a file is not in the layout, columns do not fit together, a number lies outside its space or is lost in 32 bits, or files disagree.
 */
export async function importHistories({ files, format, labels, most, allowRounding = false, familyOf }: ImportRequest): Promise<Imported> {
  const { sources, layout } = await readSources(files, format, new Quota(most));
  // Where nothing else names a task, the rank of its file does.
  sources.sort((a, b) => (a.sha256 < b.sha256 ? -1 : 1));
  const [{ environment: declared }] = sources;
  const found = sources.flatMap(({ path, recordings }, index) =>
    recordings.map((recording): Located => {
      const task = Object.keys(recording.task).length > 0 ? recording.task : { file: index };
      const where = sources.length > 1 ? `${index}:${recording.where}` : recording.where;
      return { ...recording, task, where, file: path };
    }),
  );
  if (found.length === 0) throw new CadenzaError('E_DATA', `${sources[0].path} has no histories. Expected at least one.`);
  const family = familyOf(declared);
  const notes = new Set(sources.flatMap(({ notes = [] }) => notes));
  const environment = family ? environmentOf(family) : completed(declared, found, notes);
  const taskKeyOf = taskKeys(family);
  const histories = found.map(recording => historyOf(recording, environment, labels, taskKeyOf(recording)));
  for (const [name, valuesOf] of Object.entries(narrowed(environment))) {
    const columns = found.map(recording => ({ ...valuesOf(recording), where: `${recording.file}, history ${recording.where}` }));
    const note = checkNarrowing(name, columns, allowRounding);
    if (note) notes.add(note);
  }
  if (!histories.some(({ terminated, truncated }) => terminated.slice(0, -1).includes(1) || truncated.slice(0, -1).includes(1)))
    notes.add(NO_ENDS);
  const origin = {
    layout: layout.id,
    files: sources.flatMap(({ path, sha256, recordings, linked }) => [
      { name: basename(path), sha256, histories: recordings.length },
      ...linked.map(file => ({ name: basename(file), sha256: sha256File(file), histories: 0 })),
    ]),
    notes: [...notes],
    fields: declared.fields,
  };
  return { environment, origin, labels, histories, format: layout };
}

/** The note on histories that are one episode each. */
export const NO_ENDS =
  'No episode ends before its history does, so a query has no earlier episode to learn from: set context.segment and context.segments, which cut histories into pieces.';

/** Columns that are kept in 32 bits. */
const narrowed = ({ actionSpace }: Environment): Record<string, (recording: Located) => Values> => ({
  observations: ({ observation: values, width }) => ({ values, width }),
  'next observations': ({ nextObservation: values, width }) => ({ values, width }),
  rewards: ({ reward: values }) => ({ values, width: 1 }),
  ...(actionSpace.kind === 'box' ? { actions: actedIn } : {}),
});

const actedIn = ({ action: values, actionWidth: width = 1 }: Recording): Values => ({ values, width });

async function readSources(files: readonly string[], format: ExchangeFormat | undefined, quota: Quota) {
  const sources: Source[] = [];
  const budget = new Budget();
  let layout = format;
  for (const input of files) {
    const path = dataFile(input);
    const use = (reader: Hdf5Reader) => {
      layout ??= detectFormat(reader, layouts.all);
      return { ...layout.read(reader, quota), linked: reader.linked() };
    };
    const read = await readHdf5(path, use, budget);
    const source = { ...read, path, sha256: sha256File(path) };
    const twin = sources.find(other => other.sha256 === source.sha256);
    if (twin)
      throw new CadenzaError('E_DATA', `${path} has the same bytes as ${twin.path}: its histories would be there twice. Name it once.`);
    sources.push(source);
    const [first, other] = [sources[0], source].map(({ environment }) => canonicalJson(environment));
    if (other !== first)
      throw new CadenzaError('E_DATA', `${path} is of environment ${other}, but ${sources[0].path} is of ${first}. Import them apart.`);
  }
  return { sources, layout: layout! };
}

/** Names tasks as the family does, if there is one; refuses what is none of its tasks. */
function taskKeys(family: EnvFamily | undefined): (recording: Located) => string {
  if (!family) return ({ task }) => contentKey(task);
  const keys = family.tasks && new Set(family.tasks().map(family.taskKey));
  const shape = (task: Task) =>
    canonicalJson(Object.fromEntries(Object.entries(task).map(([name, value]) => [name, [value].flat().length])));
  const wanted = shape(family.tasks?.()[0] ?? family.drawTask!(Random.seeded(0)));
  return recording => {
    const { task } = recording;
    const key = shape(task) === wanted ? family.taskKey(task) : undefined;
    if (key === undefined || (keys && !keys.has(key))) throw refuse(recording, `${family.id} has no task ${canonicalJson(task)}`);
    return key;
  };
}

/**
 * Writes the histories of a folder (a stage of a run that made them, or a data set) as one file, and beside it what the layout's tools ask for.
 * Gives the files written. Throws `E_DATA` where the folder holds no histories, `E_DISK` where nothing can be written.
 */
export async function exportHistories(folder: string, format: ExchangeFormat, path: string) {
  const { id, write } = format;
  if (!write) throw new CadenzaError('E_CONFIG', `The layout ${id} is only read. Choose another --format.`);
  const { environment, histories } = historiesIn(folder);
  const beside = [format.beside?.(environment, histories) ?? []]
    .flat()
    .map(({ name, content }) => ({ file: join(dirname(path), name), content }));
  for (const { file, content } of beside) expectNoOther(file, sha256(jsonText(content)));
  await writeHdf5(path, file => write(file, environment, histories));
  for (const { file, content } of beside) writeJson(file, content);
  return { histories: histories.length, files: [path, ...beside.map(({ file }) => file)] };
}

function historiesIn(folder: string): { environment: Environment; histories: History[] } {
  if (existsSync(join(folder, DATASET_FILE))) {
    const dataset = readDataset(folder);
    return { environment: dataset.environment, histories: datasetHistories(folder, dataset) };
  }
  const what = `${folder} holds no learning histories: expected ${MANIFEST_FILE} or ${DATASET_FILE} there. Name a run, its folder stages/generate-…, or a data set.`;
  if (!existsSync(join(folder, MANIFEST_FILE))) throw new CadenzaError('E_DATA', what);
  const { environment, shards } = readManifest(folder);
  const histories = shards.flatMap(shard => readShard(join(folder, shard.file), shard));
  for (const history of histories) checkHistory(history, shardMeta(environment));
  return { environment, histories };
}

const refuse = ({ file, where }: Located, what: string) =>
  new CadenzaError('E_DATA', `${file}, history ${where}: ${what}. Mend the file, or leave this history out of it.`);

// ---- what files leave unsaid -------------------------------------------------------------------------------------------------

/** Most values of all factors together that are worth a one-hot code; what has more is taken for reals. */
const MOST_VALUES = 4096;

/** The declared environment, with what is missing as the numbers have it: as many actions as occur, the longest episode as the horizon. */
function completed(declared: DeclaredEnvironment, recordings: readonly Located[], notes: Set<string>): Environment {
  const { id, options, observationSpace, actionSpace, horizon } = declared;
  const seen = recordings.flatMap(({ observation, nextObservation, width }) =>
    [observation, nextObservation].map(values => ({ values, width })),
  );
  const acted = recordings.map(actedIn);
  const filled = {
    observationSpace: observationSpace ? bounded('observations', observationSpace, seen, notes) : spaceOf(seen),
    actionSpace: actionSpace ? bounded('actions', actionSpace, acted, notes) : actionSpaceOf(acted, recordings),
    horizon: horizon ?? recordings.reduce((most, { ended }) => episodeLengths(ended).reduce((a, b) => Math.max(a, b), most), 0),
  };
  const found = [
    !observationSpace && `observations ${describeSpace(filled.observationSpace)}`,
    !actionSpace && `actions ${describeSpace(filled.actionSpace)}`,
    !horizon && `horizon ${filled.horizon}, the longest episode`,
  ].filter(Boolean);
  if (found.length > 0) notes.add(`Not declared, so taken from the numbers: ${found.join('; ')}.`);
  return { id, options, ...filled };
}

const describeSpace = (space: Space) =>
  space.kind === 'discrete' ? `0 to ${space.n - 1}` : `of ${spaceSize(space)} ${space.kind === 'box' ? 'reals' : 'whole numbers'}`;

/** One column of one recording, `width` numbers a row. */
type Values = Omit<Column, 'where'>;

/** Bounds beyond this are none: the largest 32-bit number stands for infinity in many files. */
const UNBOUNDED = 3e38;

/** A declared space, a box with the numbers' own bounds where it has none, which a note says. */
function bounded(name: string, space: Space, columns: readonly Values[], notes: Set<string>): Space {
  if (space.kind !== 'box') return space;
  const isBound = (bound: number) => Math.abs(bound) < UNBOUNDED;
  const missing = space.low.flatMap((low, i) => (isBound(low) && isBound(space.high[i]) ? [] : [i]));
  if (missing.length === 0) return space;
  const { low, high } = bounds(columns);
  const filled = (given: readonly number[], occurring: readonly number[]) =>
    given.map((bound, i) => (isBound(bound) ? bound : occurring[i]));
  const which = missing.length === space.low.length ? 'all' : missing.join(', ');
  notes.add(`Declared without bounds, so taken from the numbers: ${name}, numbers ${which}.`);
  return { kind: 'box', low: filled(space.low, low), high: filled(space.high, high) };
}

/** Whole numbers are actions of as many values as occur, reals lie between their bounds. */
function actionSpaceOf(acted: readonly Values[], recordings: readonly Located[]): Space {
  const { low, high, whole } = bounds(acted);
  const reals = acted.every(({ values }) => values instanceof Float32Array || values instanceof Float64Array);
  if (!whole || (reals && low.some(value => value < 0))) return { kind: 'box', low, high };
  const experts = recordings.flatMap(({ expert, actionWidth = 1 }) => (expert ? [{ values: expert, width: actionWidth }] : []));
  const nvec = bounds([...acted, ...experts]).high.map(value => Math.max(0, value) + 1);
  return nvec.length === 1 ? { kind: 'discrete', n: nvec[0] } : { kind: 'multi-discrete', nvec };
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

/** The least and largest number at every place. */
function bounds(columns: readonly Values[]) {
  const { width } = columns[0];
  const low = Array<number>(width).fill(Number.POSITIVE_INFINITY);
  const high = Array<number>(width).fill(Number.NEGATIVE_INFINITY);
  let whole = true;
  for (const { values } of columns) {
    for (let i = 0; i < values.length; i++) {
      const value = values[i];
      whole &&= Number.isInteger(value);
      low[i % width] = Math.min(low[i % width], value);
      high[i % width] = Math.max(high[i % width], value);
    }
  }
  return { low, high, whole };
}

/** Whole numbers from 0 are factors of as many values as occur; anything else is a vector of reals between its least and largest values. */
function spaceOf(columns: readonly Values[]): Space {
  const { low, high, whole } = bounds(columns);
  const values = high.reduce((sum, value) => sum + value + 1, 0);
  if (whole && low.every(value => value >= 0) && values <= MOST_VALUES)
    return { kind: 'multi-discrete', nvec: high.map(value => value + 1) };
  return { kind: 'box', low, high };
}

// ---- from a recording to a history -------------------------------------------------------------------------------------------

function historyOf(recording: Located, environment: Environment, labels: LabelKind, taskKey: string): History {
  const { observationSpace, actionSpace, horizon } = environment;
  const { width, actionWidth = 1, action, reward, ended, terminated, truncated, where, task } = recording;
  const T = ended.length;
  const F = spaceSize(observationSpace);
  const actions = actionDistribution(actionSpace);
  if (T === 0) throw refuse(recording, 'expected at least one transition, found none');
  if (width !== F) throw refuse(recording, `expected observations of ${F} numbers, found ${width}`);
  if (actionWidth !== actions.width) throw refuse(recording, `expected actions of ${actions.width} numbers, found ${actionWidth}`);
  for (const name of ['action', 'expert'] as const) checkSpace(recording, name, actionSpace);
  for (const name of ['observation', 'nextObservation'] as const) checkSpace(recording, name, observationSpace);
  const wrong = Array.prototype.findIndex.call(reward, value => !Number.isFinite(Math.fround(value)));
  if (wrong >= 0) throw refuse(recording, `reward ${wrong} is ${reward[wrong]}, expected a finite number of 32 bits`);
  for (const [name, flags] of Object.entries({ ended, terminated, truncated })) {
    const t = flags ? Array.prototype.findIndex.call(flags, value => value !== 0 && value !== 1) : -1;
    if (t >= 0) throw refuse(recording, `"${name}" of step ${t} is ${flags![t]}, expected 0 or 1`);
  }
  const lengths = episodeLengths(ended);
  const longest = lengths.reduce((a, b) => Math.max(a, b), 0);
  if (longest > horizon)
    throw refuse(recording, `an episode has ${longest} steps, expected at most ${horizon}, after which one is truncated`);
  const probabilities = LABELS[labels].of(recording, actions);
  if (!probabilities) throw refuse(recording, `expected ${LABELS[labels].about} as its labels, found none; choose other --labels`);
  checkDistributions(recording, probabilities, T, actions);
  return {
    task,
    taskKey,
    stream: where,
    observation: Float32Array.from(recording.observation),
    action: actionsOf(actionSpace, Array.from(action)),
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

/** Throws `E_DATA` where a number is not of its space, or not finite in 32 bits. */
function checkSpace(recording: Located, of: 'action' | 'expert' | 'observation' | 'nextObservation', space: Space): void {
  const { [of]: column = [] } = recording;
  const name = of === 'expert' ? 'expert action' : of;
  const counts = countsOf(space);
  const width = spaceSize(space);
  for (let i = 0; i < column.length; i++) {
    const n = counts?.[i % width];
    const fits = n === undefined ? Number.isFinite(Math.fround(column[i])) : Number.isInteger(column[i]) && column[i] >= 0 && column[i] < n;
    if (fits) continue;
    const place = width === 1 ? `${name} ${i}` : `number ${i % width} of ${name} ${Math.floor(i / width)}`;
    const wanted = n === undefined ? 'a finite number of 32 bits' : `a whole number in [0, ${n})`;
    throw refuse(recording, `${place} is ${column[i]}, expected ${wanted}`);
  }
}

function checkDistributions(recording: Located, rows: Float32Array, T: number, { size, space }: ActionDistribution): void {
  if (rows.length !== T * size)
    throw refuse(recording, `expected distributions of [${T} × ${size}] numbers over actions, found ${rows.length}`);
  for (let t = 0; t < T; t++) {
    const row = rows.subarray(t * size, (t + 1) * size);
    if (space.kind === 'box') {
      if (row.every(Number.isFinite) && row.subarray(size / 2).every(deviation => deviation >= 0)) continue;
      const found = `${row.join(', ')}, expected finite ones, deviations not negative`;
      throw refuse(recording, `the distribution over actions of step ${t} has means and deviations ${found}`);
    }
    const sum = row.reduce((total, p) => total + p, 0);
    if (!(row.every(p => p >= 0) && Math.abs(sum - 1) < 1e-3))
      throw refuse(recording, `the distribution over actions of step ${t} adds up to ${sum}, expected 1 and nothing negative`);
  }
}

/** Rows that are certain of the actions. */
function certain(action: ArrayLike<number>, { size, width, certain: write }: ActionDistribution): Float32Array {
  const count = action.length / width;
  const rows = new Float32Array(count * size);
  for (let t = 0; t < count; t++) write(action, t * width, rows, t * size);
  return rows;
}
