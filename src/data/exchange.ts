/**
 * @file Import of learning histories from other tools, and export to them: reads recordings in one of several layouts, infers what they do
 * not declare, checks every number, and writes a data set. Node only; not part of this room's index, because only two commands need it.
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
import { checkHistory } from './columns.ts';
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
import { environmentOf, shardMeta } from './store.ts';
import { openShards } from './stored.ts';

/** How the distribution over actions that is learned from is obtained; undefined if the file lacks the data. */
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
  /** Detected from the first file by default. */
  readonly format?: ExchangeFormat;
  readonly labels: LabelKind;
  /** Maximum number of tasks, and of histories per task, taken from the start of the files; all by default. */
  readonly most?: { readonly tasks?: number; readonly histories?: number };
  /** Accept that distinct numbers of the files become equal in 32 bits. */
  readonly allowRounding?: boolean;
  /** The family of an environment that is available here; undefined if there is none with that name. */
  readonly familyOf: (environment: DeclaredEnvironment) => EnvFamily | undefined;
}

type Located = Recording & { readonly file: string };

/** A file that was read. */
interface Source extends ReadFile {
  readonly path: string;
  readonly sha256: string;
  /** Other files that it refers to. */
  readonly linked: readonly string[];
}

export type Imported = Pick<Dataset, 'environment' | 'origin' | 'labels'> & {
  readonly histories: History[];
  readonly format: ExchangeFormat;
};

/**
 * Reads files with one layout and one environment. The resulting data set depends only on their content, not on names or order.
 *
 * @throws {CadenzaError} `E_DATA` if a file does not have the layout, columns are inconsistent, a number is outside its space or is lost in
 * 32 bits, or files disagree.
 */
export async function importHistories({ files, format, labels, most, allowRounding = false, familyOf }: ImportRequest): Promise<Imported> {
  const { sources, layout } = await readSources(files, format, new Quota(most));
  // If nothing else identifies a task, the rank of its file does.
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

/** Note for histories of one episode each. */
export const NO_ENDS =
  'Each history is a single episode, so a query has no earlier episode to learn from. Set context.segment and context.segments, which split histories into pieces.';

/** Columns that are stored in 32 bits. */
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
      throw new CadenzaError('E_DATA', `${path} has the same bytes as ${twin.path}: its histories would be duplicated. Give it once.`);
    sources.push(source);
    const [first, other] = [sources[0], source].map(({ environment }) => canonicalJson(environment));
    if (other !== first)
      throw new CadenzaError(
        'E_DATA',
        `${path} is of environment ${other}, but ${sources[0].path} is of ${first}. Import them separately.`,
      );
  }
  return { sources, layout: layout! };
}

/** Task keys, by the family if there is one; rejects tasks that the family does not have. */
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
 * Writes the histories of a folder (a stage that generated them, or a data set) as one file, plus the files that tools of the layout expect
 * next to it. Returns the files written. Throws `E_DATA` if the folder has no histories, `E_DISK` if they cannot be written.
 */
export async function exportHistories(folder: string, format: ExchangeFormat, path: string) {
  const { id, write } = format;
  if (!write) throw new CadenzaError('E_CONFIG', `The layout ${id} can only be imported. Choose another --format.`);
  const { environment, histories } = historiesIn(folder);
  const companions = [format.companion?.(environment, histories) ?? []]
    .flat()
    .map(({ name, content }) => ({ file: join(dirname(path), name), content }));
  for (const { file, content } of companions) expectNoOther(file, sha256(jsonText(content)));
  await writeHdf5(path, file => write(file, environment, histories));
  for (const { file, content } of companions) writeJson(file, content);
  return { histories: histories.length, files: [path, ...companions.map(({ file }) => file)] };
}

function historiesIn(folder: string): { environment: Environment; histories: History[] } {
  if (existsSync(join(folder, DATASET_FILE))) {
    const dataset = readDataset(folder);
    return { environment: dataset.environment, histories: datasetHistories(folder, dataset) };
  }
  const what = `${folder} contains no learning histories: expected ${MANIFEST_FILE} or ${DATASET_FILE}. Give a run, its folder stages/generate-…, or a data set.`;
  if (!existsSync(join(folder, MANIFEST_FILE))) throw new CadenzaError('E_DATA', what);
  const { environment, shards } = readManifest(folder);
  const histories = openShards(folder, shards);
  for (const history of histories) checkHistory(history, shardMeta(environment));
  return { environment, histories };
}

const refuse = ({ file, where }: Located, what: string) =>
  new CadenzaError('E_DATA', `${file}, history ${where}: ${what}. Fix the file, or remove this history from it.`);

// ---- what files leave unsaid -------------------------------------------------------------------------------------------------

/** Maximum number of values of all factors together for a one-hot code; beyond it, numbers are treated as reals. */
const MOST_VALUES = 4096;

/**
 * The declared environment, with missing parts inferred from the numbers: the number of distinct actions, and the longest episode as the
 * horizon.
 */
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
  if (found.length > 0) notes.add(`Not declared, inferred from the numbers: ${found.join('; ')}.`);
  return { id, options, ...filled };
}

const describeSpace = (space: Space) =>
  space.kind === 'discrete' ? `0 to ${space.n - 1}` : `of ${spaceSize(space)} ${space.kind === 'box' ? 'reals' : 'integers'}`;

/** One column of one recording, `width` numbers per row. */
type Values = Omit<Column, 'where'>;

/** Larger bounds count as none: many files write the largest 32-bit number for infinity. */
const UNBOUNDED = 3e38;

/** A declared space; a box without bounds gets those of the numbers, with a note. */
function bounded(name: string, space: Space, columns: readonly Values[], notes: Set<string>): Space {
  if (space.kind !== 'box') return space;
  const isBound = (bound: number) => Math.abs(bound) < UNBOUNDED;
  const missing = space.low.flatMap((low, i) => (isBound(low) && isBound(space.high[i]) ? [] : [i]));
  if (missing.length === 0) return space;
  const { low, high } = bounds(columns);
  const filled = (given: readonly number[], occurring: readonly number[]) =>
    given.map((bound, i) => (isBound(bound) ? bound : occurring[i]));
  const which = missing.length === space.low.length ? 'all' : missing.join(', ');
  notes.add(`Declared without bounds, inferred from the numbers: ${name}, numbers ${which}.`);
  return { kind: 'box', low: filled(space.low, low), high: filled(space.high, high) };
}

/** Integers are discrete actions with as many values as occur, reals a box between their bounds. */
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

/** The minimum and maximum at every position. */
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

/** Integers from 0 are factors with as many values as occur; anything else is a box between minimum and maximum. */
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
  if (wrong >= 0) throw refuse(recording, `reward ${wrong} is ${reward[wrong]}, expected a finite 32-bit number`);
  for (const [name, flags] of Object.entries({ ended, terminated, truncated })) {
    const t = flags ? Array.prototype.findIndex.call(flags, value => value !== 0 && value !== 1) : -1;
    if (t >= 0) throw refuse(recording, `"${name}" of step ${t} is ${flags![t]}, expected 0 or 1`);
  }
  const lengths = episodeLengths(ended);
  const longest = lengths.reduce((a, b) => Math.max(a, b), 0);
  if (longest > horizon) throw refuse(recording, `an episode has ${longest} steps, expected at most ${horizon}, the horizon`);
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

/** Why episodes ended, as the file says, or by their lengths. */
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

/** Throws `E_DATA` if a number is not in its space, or not finite in 32 bits. */
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
    const wanted = n === undefined ? 'a finite 32-bit number' : `an integer in [0, ${n})`;
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
      const found = `${row.join(', ')}, expected finite numbers and no negative deviation`;
      throw refuse(recording, `the distribution over actions of step ${t} has means and deviations ${found}`);
    }
    const sum = row.reduce((total, p) => total + p, 0);
    if (!(row.every(p => p >= 0) && Math.abs(sum - 1) < 1e-3))
      throw refuse(recording, `the distribution over actions of step ${t} sums to ${sum}; expected 1, with nothing negative`);
  }
}

/** Rows that put all probability on the actions. */
function certain(action: ArrayLike<number>, { size, width, certain: write }: ActionDistribution): Float32Array {
  const count = action.length / width;
  const rows = new Float32Array(count * size);
  for (let t = 0; t < count; t++) write(action, t * width, rows, t * size);
  return rows;
}
