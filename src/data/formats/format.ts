/** @file What a layout of learning histories in HDF5 is: how it is read into recordings and written from histories. */

import type { DiscreteSpace, History, Space, Task } from '../../rl/index.ts';
import { spaceSize } from '../../rl/index.ts';
import { canonicalJson } from '../../util/files.ts';
import type { Hdf5Reader, Hdf5Writer, Numbers } from '../hdf5.ts';
import type { Environment } from '../manifest.ts';

/** What a file says of its environment; the rest is found out from the numbers. */
export interface DeclaredEnvironment {
  readonly id: string;
  readonly options?: Readonly<Record<string, number>>;
  readonly observationSpace?: Space;
  readonly actionSpace?: DiscreteSpace;
  readonly horizon?: number;
}

/** One learning history as a file has it. `T` transitions, `F` numbers an observation, `A` actions. */
export interface Recording {
  /** Where it is from, for messages and as the label of its history. */
  readonly where: string;
  readonly task: Task;
  /** F */
  readonly width: number;
  /** [T × F] */
  readonly observation: ArrayLike<number>;
  /** [T × F] where the action led. */
  readonly nextObservation: ArrayLike<number>;
  /** [T] */
  readonly action: ArrayLike<number>;
  readonly reward: ArrayLike<number>;
  /** [T] 1 where an episode ended. */
  readonly ended: ArrayLike<number>;
  /** [T] why it ended, where the file tells; otherwise an episode as long as the horizon was truncated, and a shorter one terminated. */
  readonly terminated?: ArrayLike<number>;
  readonly truncated?: ArrayLike<number>;
  /** [T] what an expert would have done. */
  readonly expert?: ArrayLike<number>;
  /** [T × A] the distribution that the action was drawn from, before any noise. */
  readonly probabilities?: ArrayLike<number>;
}

export interface ReadFile {
  readonly environment: DeclaredEnvironment;
  readonly recordings: readonly Recording[];
}

/** How much of the files is wanted: data sets of the field may be larger than memory. */
export class Quota {
  readonly #tasks: number;
  readonly #histories: number;
  readonly #taken = new Map<string, number>();

  constructor({ tasks = Number.POSITIVE_INFINITY, histories = Number.POSITIVE_INFINITY } = {}) {
    this.#tasks = tasks;
    this.#histories = histories;
  }

  /** Whether one more history of this task is wanted; if so, it counts as read. */
  take(task: Task): boolean {
    const key = canonicalJson(task);
    const before = this.#taken.get(key) ?? 0;
    if (before >= this.#histories || (before === 0 && this.#taken.size >= this.#tasks)) return false;
    this.#taken.set(key, before + 1);
    return true;
  }
}

/** One layout. A new one is a file and a line of the registry. */
export interface ExchangeFormat {
  readonly id: string;
  readonly description: string;
  /** Reads the histories that `quota` admits. Throws `E_DATA` naming file, group and dataset where the layout is not this one or columns do not fit together. */
  read(file: Hdf5Reader, quota: Quota): ReadFile;
  write(file: Hdf5Writer, environment: Environment, histories: readonly History[]): void;
  /** JSON that other tools look for beside the file; `name` is where. */
  beside?(environment: Environment, histories: readonly History[]): { readonly name: string; readonly content: unknown };
}

/** Attribute of the file with the environment as cadenza describes it, in JSON; other tools pass over it. */
export const ENVIRONMENT = 'environment';
/** Attribute of a group with the task in JSON. */
export const TASK = 'task';
/** Dataset with [T × A] distributions over actions. */
export const PROBABILITIES = 'action_probabilities';

/** Parses the JSON text that an attribute of `group` holds. Throws `E_DATA` where it is none. */
export function jsonAttribute(file: Hdf5Reader, group: string, name: string, text: unknown): unknown {
  try {
    return JSON.parse(String(text));
  } catch (cause) {
    throw file.refuse(group && `group ${group}`, `expected JSON in the attribute "${name}", found ${String(text).slice(0, 60)}`, cause);
  }
}

/** The environment as the attribute of the file declares it; undefined where there is no such attribute. */
export function declaredEnvironment(file: Hdf5Reader): DeclaredEnvironment | undefined {
  const text = file.attributes('')[ENVIRONMENT];
  return text === undefined ? undefined : (jsonAttribute(file, '', ENVIRONMENT, text) as DeclaredEnvironment);
}

/** Throws `E_DATA` unless the shape begins with these sizes; `undefined` stands for any. Gives the product of the sizes that follow. */
export function expectAxes(file: Hdf5Reader, group: string, name: string, sizes: readonly (number | undefined)[]): number {
  const shape = file.shape(group, name);
  const fits = shape.length >= sizes.length && sizes.every((size, i) => size === undefined || size === shape[i]);
  if (!fits) {
    const wanted = sizes.map(size => size ?? 'any').join(', ');
    throw file.refuse(`group ${group}, dataset "${name}"`, `expected a shape that begins with [${wanted}], found [${shape.join(', ')}]`);
  }
  return shape.slice(sizes.length).reduce((product, size) => product * size, 1);
}

/** Axes of one observation as other tools expect them: none of a discrete one, height × width × channels of an image. */
export function observationAxes(space: Space): number[] {
  if (space.kind === 'discrete') return [];
  return space.kind === 'image' ? [space.height, space.width, space.channels] : [spaceSize(space)];
}

/** Bytes where every number is one of those, which most tools expect of grids; 32-bit reals otherwise. */
export function compact(values: Float32Array): Numbers {
  return values.every(value => Number.isInteger(value) && value >= 0 && value < 256) ? Uint8Array.from(values) : values;
}
