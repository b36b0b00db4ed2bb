/** @file Gymnasium's spaces as Minari writes them in JSON, flattened for networks, and the metadata.json next to its files. */

import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { episodeStarts, type History, type Space, spaceSize } from '../../rl/index.ts';
import { isMap } from '../../util/canonical.ts';
import { readText } from '../../util/files.ts';
import { type Hdf5Reader, pathOf } from '../hdf5.ts';
import type { Environment, Fields } from '../manifest.ts';
import type { DeclaredEnvironment } from './format.ts';

export const METADATA = 'metadata.json';

/** One array in a nested structure; `start` is subtracted from its numbers. */
export interface Leaf {
  /** Path from the group of the episode: `observations`, `observations/position`. */
  readonly path: string;
  readonly size: number;
  readonly start: readonly number[];
  /** Number of values of each number, for integers. */
  readonly nvec?: readonly number[];
  /** Bounds of a box, possibly infinite. */
  readonly low?: readonly number[];
  readonly high?: readonly number[];
  /** Whether a box has an integer type. */
  readonly whole?: boolean;
}

/**
 * What metadata.json next to the file, or attributes of older files, declare about the environment. Throws `E_DATA` for spaces that cannot
 * be converted to numbers.
 */
export function gymEnvironment(file: Hdf5Reader) {
  const path = join(dirname(file.path), METADATA);
  const refuse = (what: string, cause?: unknown) => file.refuse(METADATA, what, cause);
  const metadata = existsSync(path) ? pythonJson(readText(path), what => refuse(`expected JSON, but ${what}`)) : {};
  if (!isMap(metadata)) throw refuse('expected an object');
  const about = (name: string) => metadata[name] ?? file.attribute('', name);
  const parsed = (name: string) => {
    const text = about(name);
    const value = typeof text === 'string' ? pythonJson(text, what => refuse(`expected JSON in "${name}", but ${what}`)) : text;
    if (value === undefined || value === null) return undefined;
    if (!isMap(value)) throw refuse(`expected an object in "${name}"`);
    return value;
  };
  const notes: string[] = [];
  const leaves = (name: string, group: string): Leaf[] | undefined => {
    const space = parsed(name);
    if (!space) return undefined;
    const found = leavesOf(space, { path: group, jpeg: metadata.jpeg_encoding === true, notes, refuse });
    if (found.length === 0) throw refuse(`"${name}" has no numbers`);
    return found;
  };
  const [observations, actions] = [leaves('observation_space', 'observations'), leaves('action_space', 'actions')];
  const id = parsed('env_spec')?.id ?? about('dataset_id') ?? 'minari';
  return {
    declared: {
      id: String(id),
      observationSpace: observations && observationSpaceOf(observations, notes),
      actionSpace: actions && actionSpaceOf(actions, refuse),
      fields: fieldsOf(observations, actions),
    } as DeclaredEnvironment,
    // Leaves in the order of their numbers; undefined if the file does not declare the space.
    observations,
    actions,
    notes,
  };
}

/** The leaves of a file that declares no space: one array, or the arrays of its groups by name. */
export function leavesIn(file: Hdf5Reader, group: string, path: string, depth = 0): Leaf[] {
  if (depth > MOST_LEVELS) throw file.refuse(`group ${group}`, `"${path}" is nested too deeply; expected at most ${MOST_LEVELS} levels`);
  if (file.kind(pathOf(group, path)) === 'group') {
    const names = file.names(pathOf(group, path)).sort();
    return names.flatMap(name => leavesIn(file, group, `${path}/${name}`, depth + 1));
  }
  const size = file
    .shape(group, path)
    .slice(1)
    .reduce((product, axis) => product * axis, 1);
  return [{ path, size, start: Array(size).fill(0) }];
}

/** What each number was in the file, if not one plain array. */
export function fieldsOf(observations?: readonly Leaf[], actions?: readonly Leaf[]): Fields | undefined {
  const named = (leaves: readonly Leaf[] | undefined) => {
    const shifted = leaves?.some(({ start }) => start.some(first => first !== 0));
    if (!leaves || (leaves.length === 1 && !shifted)) return undefined;
    return leaves.map(({ path, size, start }) => ({ name: path, size, start: shifted ? [...start] : undefined }));
  };
  const [observation, action] = [named(observations), named(actions)];
  return observation || action ? { observation, action } : undefined;
}

const MOST_LEVELS = 8;
/** Maximum numbers in one observation or action; anything larger is a malicious shape. */
const MOST_NUMBERS = 2 ** 20;

/** The arrays of a space; what is dropped becomes a note. */
function leavesOf(
  space: Record<string, unknown>,
  at: { readonly path: string; readonly jpeg: boolean; readonly notes: string[]; readonly refuse: (what: string) => Error },
  depth = 0,
): Leaf[] {
  const { path, refuse } = at;
  if (depth > MOST_LEVELS) throw refuse(`the space of ${path} has more than ${MOST_LEVELS} levels`);
  const numbers = (name: string, fallback?: unknown) =>
    flatNumbers(space[name] ?? fallback, () => refuse(`"${name}" of ${path} does not consist of numbers`));
  const integers = (nvec: number[], start: number[]) => {
    const counts = nvec.length > 0 && nvec.length === start.length && nvec.every(n => Number.isSafeInteger(n) && n >= 1);
    const what = `${path} has ${nvec.length} counts of values and ${start.length} first values; expected equally many integers, counts from 1`;
    if (!counts || !start.every(Number.isSafeInteger)) throw refuse(what);
    return [{ path, size: nvec.length, nvec, start }];
  };
  switch (space.type) {
    case 'Discrete':
      return integers(numbers('n'), numbers('start', 0));
    case 'MultiDiscrete': {
      const nvec = numbers('nvec');
      // Older files have none.
      return integers(nvec, numbers('start', Array(nvec.length).fill(0)));
    }
    case 'MultiBinary': {
      const size = product(numbers('n'), path, refuse);
      return integers(Array(size).fill(2), Array(size).fill(0));
    }
    case 'Box': {
      const shape = numbers('shape', []);
      const size = product(shape, path, refuse);
      if (at.jpeg && space.dtype === 'uint8' && [2, 3].includes(shape.length) && shape[0] >= 32 && shape[1] >= 32)
        throw refuse(`${path} holds JPEG images, which are not supported. Write the data set with jpeg_encoding=False`);
      const [low, high] = Object.entries({ low: -Infinity, high: Infinity }).map(([name, none]) => {
        const bound = numbers(name, none);
        return bound.length === size ? bound : Array<number>(size).fill(bound[0]);
      });
      return [{ path, size, start: Array(size).fill(0), low, high, whole: /^u?int/.test(String(space.dtype)) }];
    }
    case 'Dict':
    case 'Tuple': {
      const { subspaces } = space;
      const named = Array.isArray(subspaces) ? Object.fromEntries(subspaces.map((each, i) => [`_index_${i}`, each])) : subspaces;
      return Object.entries(isMap(named) ? named : {}).flatMap(([name, each]) => {
        if (!isMap(each)) throw refuse(`expected a space of ${path}/${name}`);
        return leavesOf(each, { ...at, path: `${path}/${name}` }, depth + 1);
      });
    }
    case 'Text':
      at.notes.push(`${path} is text and was dropped.`);
      return [];
    default:
      throw refuse(`${path} is of the space ${String(space.type).slice(0, 40)}, which cannot be converted to numbers`);
  }
}

function product(sizes: readonly number[], path: string, refuse: (what: string) => Error): number {
  const size = sizes.reduce((total, each) => total * each, 1);
  const what = `${path} has the shape [${sizes.slice(0, 8).join(', ')}]; expected positive integers whose product is at most ${MOST_NUMBERS}`;
  if (!sizes.every(each => Number.isSafeInteger(each) && each >= 1) || size > MOST_NUMBERS) throw refuse(what);
  return size;
}

const all = <T>(leaves: readonly Leaf[], of: (leaf: Leaf) => readonly T[] | undefined): T[] | undefined =>
  leaves.every(of) ? leaves.flatMap(leaf => of(leaf) as T[]) : undefined;

function integersOf(leaves: readonly Leaf[]): Space | undefined {
  const nvec = all(leaves, leaf => leaf.nvec);
  if (!nvec) return undefined;
  return nvec.length === 1 ? { kind: 'discrete', n: nvec[0] } : { kind: 'multi-discrete', nvec };
}

/**
 * Integers, or a box if there are reals: integers next to them become reals, with a note. Undefined for boxes with an integer type, whose
 * bounds are those of the type: only the numbers show how many values occur.
 */
function observationSpaceOf(leaves: readonly Leaf[], notes: string[]): Space | undefined {
  if (leaves.every(({ nvec, whole }) => nvec || whole)) return integersOf(leaves);
  const mixed = leaves.filter(({ nvec, whole }) => nvec || whole).map(({ path }) => path);
  if (mixed.length > 0) notes.push(`${mixed.join(', ')}: integers mixed with reals; all observations are treated as one vector of reals.`);
  return {
    kind: 'box',
    low: leaves.flatMap(({ low, nvec }) => low ?? nvec!.map(() => 0)),
    high: leaves.flatMap(({ high, nvec }) => high ?? nvec!.map(n => n - 1)),
  };
}

function actionSpaceOf(leaves: readonly Leaf[], refuse: (what: string) => Error): Space {
  const [low, high] = [all(leaves, leaf => leaf.low), all(leaves, leaf => leaf.high)];
  const space = integersOf(leaves) ?? (low && high && { kind: 'box' as const, low, high });
  if (space) return space;
  throw refuse('actions mix integers and reals, which no policy here supports. Export one of them');
}

/** All numbers of nested lists; infinities are written as texts. */
function flatNumbers(value: unknown, refuse: () => Error, found: number[] = [], depth = 0): number[] {
  const number = value === 'Infinity' || value === '-Infinity' ? Number(value) : value;
  if (Array.isArray(value) && depth < 16) for (const each of value) flatNumbers(each, refuse, found, depth + 1);
  else if (typeof number === 'number') found.push(number);
  else throw refuse();
  if (found.length > MOST_NUMBERS) throw refuse();
  return found;
}

/** JSON as Python writes it, with bare infinities and NaN, which become texts. */
function pythonJson(text: string, refuse: (why: string) => Error): unknown {
  const strict = text.replace(/"(?:[^"\\]|\\.)*"|-?\bInfinity\b|\bNaN\b/g, part => (part.startsWith('"') ? part : `"${part}"`));
  try {
    return JSON.parse(strict);
  } catch (cause) {
    throw refuse((cause as Error).message);
  }
}

/** The metadata that Minari needs to open a file; its version is the latest one tested. */
export function minariMetadata({ id, observationSpace, actionSpace }: Environment, histories: readonly History[]) {
  return {
    data_format: 'hdf5',
    dataset_id: `cadenza/${id}-v0`,
    jpeg_encoding: false,
    minari_version: '0.5.4',
    total_episodes: histories.reduce((sum, history) => sum + episodeStarts(history).length - 1, 0),
    total_steps: histories.reduce((sum, { reward }) => sum + reward.length, 0),
    observation_space: JSON.stringify(gymSpace(observationSpace)),
    action_space: JSON.stringify(gymSpace(actionSpace)),
  };
}

/** A space in the form of Minari's metadata. */
function gymSpace(space: Space) {
  switch (space.kind) {
    case 'discrete':
      return { type: 'Discrete', dtype: 'int64', start: 0, n: space.n };
    case 'multi-discrete':
      return { type: 'MultiDiscrete', dtype: 'int64', nvec: space.nvec, start: space.nvec.map(() => 0) };
    case 'box':
      return { type: 'Box', dtype: 'float32', shape: [spaceSize(space)], low: space.low, high: space.high };
    case 'image': {
      const { height, width, channels } = space;
      const filled = (value: number) =>
        Array.from({ length: height }, () => Array.from({ length: width }, () => Array(channels).fill(value)));
      return { type: 'Box', dtype: 'float32', shape: [height, width, channels], low: filled(0), high: filled(1) };
    }
  }
}
