/** @file The interface of a layout of learning histories: how it is detected, read into recordings, and written from histories. */

import type { z } from 'zod';
import { type History, type Space, spaceSize, type Task } from '../../rl/index.ts';
import { CadenzaError } from '../../util/errors.ts';
import { canonicalJson } from '../../util/files.ts';
import { checkRecord } from '../../util/formats.ts';
import type { OptionValues } from '../../util/options.ts';
import { datasetName, groupName, type Hdf5Reader } from '../hdf5.ts';
import type { Hdf5Writer, Numbers } from '../hdf5-writer.ts';
import { type Environment, EnvironmentSchema, type Fields, TaskSchema } from '../manifest.ts';

/** What a file declares about its environment; the rest is inferred from the numbers. */
export interface DeclaredEnvironment {
  readonly id: string;
  readonly options?: OptionValues;
  /** Boxes may have infinite bounds. */
  readonly observationSpace?: Space;
  readonly actionSpace?: Space;
  readonly horizon?: number;
  /** What the numbers of observations and actions were in the file, if not one plain array. */
  readonly fields?: Fields;
}

/** One learning history in a file. T transitions, F numbers per observation, W per action, A per distribution over actions. */
export interface Recording {
  /** Where it is, for errors and as the label of its history. */
  readonly where: string;
  readonly task: Task;
  /** F */
  readonly width: number;
  /** W, 1 by default */
  readonly actionWidth?: number;
  /** [T × F] */
  readonly observation: ArrayLike<number>;
  /** [T × F] observation after acting. */
  readonly nextObservation: ArrayLike<number>;
  /** [T × W] */
  readonly action: ArrayLike<number>;
  /** [T] */
  readonly reward: ArrayLike<number>;
  /** [T] 1 where an episode ended. */
  readonly ended: ArrayLike<number>;
  /** [T] why it ended, if the file says; otherwise an episode as long as the horizon was truncated, and a shorter one terminated. */
  readonly terminated?: ArrayLike<number>;
  readonly truncated?: ArrayLike<number>;
  /** [T] the expert's action. */
  readonly expert?: ArrayLike<number>;
  /** [T × A] the distribution that the action was sampled from, before any noise. */
  readonly probabilities?: ArrayLike<number>;
}

export interface ReadFile {
  readonly environment: DeclaredEnvironment;
  readonly recordings: readonly Recording[];
  /** What was dropped or filled in, as sentences. */
  readonly notes?: readonly string[];
}

/** Limits how much of the files is read: data sets may be larger than memory. */
export class Quota {
  readonly #tasks: number;
  readonly #histories: number;
  readonly #taken = new Map<string, number>();

  constructor({ tasks = Number.POSITIVE_INFINITY, histories = Number.POSITIVE_INFINITY } = {}) {
    this.#tasks = tasks;
    this.#histories = histories;
  }

  /** Whether one more history of this task is wanted; if so, counts it. */
  take(task: Task): boolean {
    const key = canonicalJson(task);
    const before = this.#taken.get(key) ?? 0;
    if (before >= this.#histories || (before === 0 && this.#taken.size >= this.#tasks)) return false;
    this.#taken.set(key, before + 1);
    return true;
  }
}

/** A registered layout. */
export interface ExchangeFormat {
  readonly id: string;
  readonly description: string;
  /** What identifies its tasks. */
  readonly tasks: string;
  /** Whether a file appears to have this layout. */
  detects(file: Hdf5Reader): boolean;
  /**
   * Reads the histories that `quota` admits. Throws `E_DATA`, naming file, group and dataset, if the file does not have the layout or
   * columns are inconsistent.
   */
  read(file: Hdf5Reader, quota: Quota): ReadFile;
  /** Absent if the layout can only be read. */
  write?(file: Hdf5Writer, environment: Environment, histories: readonly History[]): void;
  /** JSON that other tools expect next to the file, as `name`. */
  companion?(environment: Environment, histories: readonly History[]): { readonly name: string; readonly content: unknown };
}

/** Attribute of the file with cadenza's description of the environment in JSON; other tools ignore it. */
export const ENVIRONMENT = 'environment';
/** Attribute of a group with the task in JSON. */
export const TASK = 'task';
/** Dataset with [T × A] distributions over actions. */
export const PROBABILITIES = 'action_probabilities';

/** The JSON value of an attribute of `group`, if there is one. Throws `E_DATA` if it is not JSON, or does not fit the schema. */
function jsonAttribute<T>(file: Hdf5Reader, group: string, name: string, schema: z.ZodType<T>): T | undefined {
  if (!file.attributeNames(group).includes(name)) return undefined;
  const text = file.attribute(group, name);
  const where = groupName(group);
  let value: unknown;
  try {
    value = JSON.parse(String(text));
  } catch (cause) {
    throw file.refuse(where, `expected JSON in the attribute "${name}", found ${String(text).slice(0, 60)}`, cause);
  }
  const what = `${file.path}${where && `, ${where}`}: the attribute "${name}"`;
  return checkRecord(value, what, { what: 'as expected', schema, advice: 'Fix the file.' });
}

/** The environment that an attribute of the file declares; undefined if there is no such attribute. */
export const declaredEnvironment = (file: Hdf5Reader): DeclaredEnvironment | undefined =>
  jsonAttribute(file, '', ENVIRONMENT, EnvironmentSchema);

/** The task that an attribute of a group declares in JSON; undefined if there is no such attribute. */
export const declaredTask = (file: Hdf5Reader, group: string): Task | undefined => jsonAttribute(file, group, TASK, TaskSchema);

/** A number of a task. Throws `E_DATA` if it cannot identify tasks: text, not finite, or an integer too large to be exact. */
export function taskNumber(file: Hdf5Reader, group: string, name: string): number | number[] {
  const value = file.attribute(group, name);
  const where = groupName(group);
  for (const each of [value].flat()) {
    const rounded = `"${name}" names the task by ${each}; integers beyond ±2^53 are not exact. Renumber the tasks`;
    if (typeof each === 'bigint') throw file.refuse(where, rounded);
    if (typeof each !== 'number' || !Number.isFinite(each))
      throw file.refuse(where, `expected finite numbers in "${name}", which names the task, found ${each}`);
  }
  return value as number | number[];
}

/** Throws `E_DATA` unless the shape begins with these sizes; `undefined` matches any. Returns the product of the remaining sizes. */
export function expectAxes(file: Hdf5Reader, group: string, name: string, sizes: readonly (number | undefined)[]): number {
  const shape = file.shape(group, name);
  const fits = shape.length >= sizes.length && sizes.every((size, i) => size === undefined || size === shape[i]);
  if (!fits) {
    const wanted = sizes.map(size => size ?? 'any').join(', ');
    throw file.refuse(datasetName(group, name), `expected a shape that begins with [${wanted}], found [${shape.join(', ')}]`);
  }
  return shape.slice(sizes.length).reduce((product, size) => product * size, 1);
}

/** Throws `E_DATA` unless datasets have axes of these sizes, followed by `width` numbers per step. */
export function expectColumns(
  file: Hdf5Reader,
  group: string,
  names: readonly string[],
  sizes: readonly number[],
  width = 1,
  why = '',
): void {
  for (const name of names) {
    const found = expectAxes(file, group, name, sizes);
    const wanted = width === 1 ? 'one number' : `${width} numbers`;
    if (found !== width) throw file.refuse(datasetName(group, name), `expected ${wanted} per step${why}, found ${found}`);
  }
}

/** 1 if either flag is set. */
export const eitherOf = (terminated: ArrayLike<number>, truncated: ArrayLike<number>): Uint8Array =>
  Uint8Array.from(terminated, (ends, t) => (ends || truncated[t] ? 1 : 0));

/** The next row, or the same one if the next belongs to another episode: the result of an episode's last action is not in the file. */
export function successors(observation: ArrayLike<number>, ended: ArrayLike<number>, width: number): Float64Array {
  const next = new Float64Array(observation.length);
  for (let t = 0; t < ended.length; t++) {
    const from = (ended[t] || t === ended.length - 1 ? t : t + 1) * width;
    for (let f = 0; f < width; f++) next[t * width + f] = observation[from + f];
  }
  return next;
}
export const NO_SUCCESSORS =
  "The observation after the last action of an episode is not in the file; the episode's last observation is used instead.";

/** Axes of one observation or action as other tools expect them: none for a discrete one, height × width × channels for an image. */
export function axesOf(space: Space): number[] {
  if (space.kind === 'discrete') return [];
  return space.kind === 'image' ? [space.height, space.width, space.channels] : [spaceSize(space)];
}

/** Bytes if every number is one, as most tools expect of grids; otherwise 32-bit reals. */
export function compact(values: Float32Array): Numbers {
  return values.every(value => Number.isInteger(value) && value >= 0 && value < 256) ? Uint8Array.from(values) : values;
}

/** The layout of a file. Throws `E_DATA` if it has none of them. */
export function detectFormat(file: Hdf5Reader, formats: readonly ExchangeFormat[]): ExchangeFormat {
  const found = formats.find(format => format.detects(file));
  if (found) return found;
  const names = file.names('');
  const here = names.length === 0 ? 'nothing' : `${names.slice(0, 8).join(', ')}${names.length > 8 ? ', …' : ''}`;
  const expected = formats.map(({ description }) => description).join('; ');
  const what = `${file.path} does not have any supported layout. Its root contains ${here}. Expected one of: ${expected}.`;
  throw new CadenzaError('E_DATA', what);
}
