/** @file The worlds of the playground: an environment, what can be moved in it, and who can play there. */

import { environment } from '../../../src/envs/index.ts';
import type { ModelDescription } from '../../../src/policy/index.ts';
import type { EnvFamily, Task } from '../../../src/rl/index.ts';
import { canonicalJson } from '../../../src/util/canonical.ts';
import type { Random } from '../../../src/util/random.ts';

/** Something that can be moved by a click. */
export interface Place {
  /** What it is, as its mark in a drawing. */
  readonly role: 'start' | 'goal' | 'key' | 'door';
  /** Its cell [x, y] in a task. */
  at(task: Task): readonly number[];
  /** The task with it in another cell. */
  moved(task: Task, cell: readonly number[]): Task;
}

/** A world that agents learn in. */
export interface World {
  readonly id: string;
  readonly name: string;
  /** What an agent has to find out there, in one sentence. */
  readonly about: string;
  readonly family: EnvFamily;
  /** What can be moved. */
  readonly places: readonly Place[];
  /** Draws a task. */
  draw(random: Random): Task;
  /** The source whose learning agents of this world have distilled. */
  readonly source: string;
  /** What an agent would observe in another cell, other things being equal; absent where nothing moves in cells. */
  moved?(observation: Float32Array, cell: readonly number[]): Float32Array;
  /** What the curve shows a point of: the return of an episode, or what is counted in so many calls. */
  readonly window?: number;
}

/** A place that is a list of numbers [x, y] of a task. */
const place = (role: Place['role']): Place => ({
  role,
  at: task => task[role] as readonly number[],
  moved: (task, cell) => ({ ...task, [role]: [...cell] }),
});

/** The first two numbers of an observation are the cell. */
const inCell = (observation: Float32Array, cell: readonly number[]): Float32Array => {
  const seen = observation.slice();
  seen.set(cell);
  return seen;
};

/** Any task of a family. */
const anyTask = (family: EnvFamily) => (random: Random) => {
  if (family.drawTask) return family.drawTask(random);
  const tasks = family.tasks!();
  return tasks[random.integer(tasks.length)];
};

type EnvOptions = Readonly<Record<string, unknown>>;

function darkRoom(options: EnvOptions): World {
  const family = environment('dark-room', options);
  return {
    id: 'dark-room',
    name: 'Dark Room',
    about: `A hidden goal pays 1 for every step that ends on it. Episodes have ${family.horizon} steps.`,
    family,
    places: [place('goal')],
    draw: anyTask(family),
    source: 'r-max',
    moved: inCell,
  };
}

function keyToDoor(options: EnvOptions): World {
  const family = environment('key-to-door', options);
  return {
    id: 'key-to-door',
    name: 'Key-to-Door',
    about: `A hidden key pays 1, then a hidden door pays 1 and ends the episode, which has at most ${family.horizon} steps.`,
    family,
    places: [place('key'), place('door')],
    draw: anyTask(family),
    source: 'r-max',
    moved: inCell,
  };
}

/** Numbers of a layout: the cells of start, key and door. */
const LAYOUT = ['start', 'key', 'door'] as const;

function lifelong(options: EnvOptions): World {
  const family = environment('key-to-door-life', { ...options, timetable: 0 });
  const { columns } = family.attempts!;
  const layoutOf = (task: Task) => task.layouts as readonly number[];
  return {
    id: 'key-to-door-life',
    name: 'Lifelong Key-to-Door',
    about: 'One life of attempts in a room with a hidden key and a hidden door. Move them, and watch the agent notice.',
    family,
    places: LAYOUT.map((role, k) => ({
      role,
      at: task => layoutOf(task).slice(2 * k, 2 * k + 2),
      moved: (task, cell) => ({
        ...task,
        layouts: layoutOf(task)
          .with(2 * k, cell[0])
          .with(2 * k + 1, cell[1]),
      }),
    })),
    draw: random => ({ layouts: Array.from({ length: 2 * LAYOUT.length }, () => random.integer(columns)), changes: [] }),
    source: 'layout-search',
    moved: inCell,
    window: 100,
  };
}

const WORLDS: Readonly<Record<string, (options: EnvOptions) => World>> = {
  'dark-room': darkRoom,
  'key-to-door': keyToDoor,
  'key-to-door-life': lifelong,
};

/** Ids of the worlds, the first being the one to begin with. */
export const worldIds = Object.keys(WORLDS);

const known = new Map<string, World>();

/**
 * The world of an environment with these options; the first one if there is none.
 *
 * @throws {CadenzaError} `E_CONFIG` for options that the environment does not have.
 */
export function worldOf(id: string, options: EnvOptions = {}): World {
  const name = Object.hasOwn(WORLDS, id) ? id : worldIds[0];
  const key = `${name} ${JSON.stringify(options)}`;
  const world = known.get(key) ?? WORLDS[name](options);
  known.set(key, world);
  return world;
}

/** Whether a model of this description can act in a world. */
export const actsIn = ({ family }: World, { env, observationSpace, actionSpace, horizon, segment }: ModelDescription): boolean =>
  env.id === family.id &&
  canonicalJson([observationSpace, actionSpace]) === canonicalJson([family.observationSpace, family.actionSpace]) &&
  (segment !== undefined || horizon >= family.horizon);
