/** @file The worlds of the playground: an environment, what can be moved in it, and who can play there. */

import { environment } from '../../../src/envs/index.ts';
import type { ModelDescription } from '../../../src/policy/index.ts';
import type { EnvFamily, GridScene, Task } from '../../../src/rl/index.ts';
import { canonicalJson } from '../../../src/util/canonical.ts';
import type { Random } from '../../../src/util/random.ts';

type EnvOptions = Readonly<Record<string, unknown>>;

/** Something that can be moved by a click. */
export interface Place {
  /** What it is in links, and as its mark in a drawing if it has one. */
  readonly role: string;
  /** What it is on the page; `the` role if absent. */
  readonly name?: string;
  /** The task with it in another cell [column, row] of the drawing. */
  moved(task: Task, cell: readonly number[]): Task;
}

/** Something that is chosen before a session begins, among numbers. */
export interface Choice {
  readonly name: string;
  readonly values: readonly number[];
  readonly value: number;
  /** Options of the environment with another one. */
  of(value: number): EnvOptions;
}

/** A world that agents learn in. */
export interface World {
  readonly id: string;
  readonly name: string;
  /** What an agent has to find out there, in a sentence or two. */
  readonly about: string;
  readonly family: EnvFamily;
  /** Names of the actions. */
  readonly actions: readonly string[];
  /** What can be moved. */
  readonly places: readonly Place[];
  readonly choice?: Choice;
  /** Draws a task. */
  draw(random: Random): Task;
  /**
   * Draws the task of the next episode. Every episode is a life of its own then: nothing is remembered from one to the next, and a task that a
   * person changes begins a new one. Absent where all episodes have one task, which can change at any time.
   */
  next?(task: Task, random: Random): Task;
  /** The source whose learning agents of this world have distilled. */
  readonly source: string;
  /**
   * What an agent would observe in another cell, other things being equal; undefined in cells where nobody acts. Absent where nothing moves in
   * cells.
   */
  moved?(observation: Float32Array, cell: readonly number[], scene: GridScene): Float32Array | undefined;
  /** What the curve shows a point of: the return of an episode, or what is counted in so many calls. */
  readonly window?: number;
  /** Whether models take the most likely action: where a thousand have to be right, one that is drawn is often wrong. */
  readonly greedy?: boolean;
  /** Steps a second to begin with. */
  readonly speed: number;
}

/** A place that is a list of numbers [x, y] of a task. */
const place = (role: string): Place => ({ role, moved: (task, cell) => ({ ...task, [role]: [...cell] }) });

/** The first two numbers of an observation are the cell. */
const inCell = (observation: Float32Array, cell: readonly number[]): Float32Array => {
  const seen = observation.slice();
  seen.set(cell);
  return seen;
};

/** What follows from a family: any of its tasks, and the names of its actions. */
const ofFamily = (family: EnvFamily) => ({
  family,
  actions: family.actionNames ?? [],
  draw(random: Random): Task {
    if (family.drawTask) return family.drawTask(random);
    const tasks = family.tasks!();
    return tasks[random.integer(tasks.length)];
  },
});

function darkRoom(options: EnvOptions): World {
  const family = environment('dark-room', options);
  return {
    ...ofFamily(family),
    id: 'dark-room',
    name: 'Dark Room',
    about: `A hidden goal pays 1 for every step that ends on it. Episodes have ${family.horizon} steps.`,
    places: [place('goal')],
    source: 'r-max',
    moved: inCell,
    speed: 10,
  };
}

function keyToDoor(options: EnvOptions): World {
  const family = environment('key-to-door', options);
  return {
    ...ofFamily(family),
    id: 'key-to-door',
    name: 'Key-to-Door',
    about: `A hidden key pays 1, then a hidden door pays 1 and ends the episode, which has at most ${family.horizon} steps.`,
    places: [place('key'), place('door')],
    source: 'r-max',
    moved: inCell,
    speed: 30,
  };
}

/** Numbers of a layout: the cells of start, key and door. */
const LAYOUT = ['start', 'key', 'door'] as const;

function lifelong(options: EnvOptions): World {
  const family = environment('key-to-door-life', { ...options, timetable: 0 });
  const { columns } = family.attempts!;
  const layoutOf = (task: Task) => task.layouts as readonly number[];
  return {
    ...ofFamily(family),
    id: 'key-to-door-life',
    name: 'Lifelong Key-to-Door',
    about: 'One life of attempts in a room with a hidden key and a hidden door. Move them, and watch the agent notice.',
    places: LAYOUT.map((role, k) => ({
      role,
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
    speed: 100,
  };
}

/** Lengths of a bar that a click can choose. */
export const BAR_STEPS = 20;

function bandit(options: EnvOptions): World {
  const family = environment('delayed-bandit', { arms: 5, ...options });
  const { arms, pulls, delay, every } = { arms: 5, pulls: 50, delay: 50, every: 0, ...options } as Record<string, number>;
  const meansOf = (task: Task) => task.means as readonly number[];
  const places: readonly Place[] = [
    {
      role: 'goal',
      name: 'the best arm',
      moved(task, [, arm]) {
        const means = meansOf(task);
        const best = means.indexOf(Math.max(...means));
        return arm < means.length ? { ...task, means: means.with(best, means[arm]).with(arm, means[best]) } : task;
      },
    },
    {
      role: 'mean',
      name: 'the mean of an arm',
      moved(task, [length, arm]) {
        const means = meansOf(task);
        return arm < means.length && length < BAR_STEPS ? { ...task, means: means.with(arm, (length + 1) / BAR_STEPS) } : task;
      },
    },
  ];
  return {
    ...ofFamily(family),
    id: 'delayed-bandit',
    name: 'Bandit',
    about: `Arms with hidden mean rewards: find the best one. An episode has ${pulls} pulls, ${delay} steps that teach nothing, and ${pulls} pulls more.${every > 0 ? ` Every ${every} pulls, the arms get other means.` : ''}`,
    actions: Array.from({ length: arms }, (_, arm) => `arm ${arm}`),
    // Arms that change have other means at other times.
    places: every > 0 ? [] : places,
    choice: { name: 'Delay', values: [0, 50, 200, 1000], value: delay, of: value => ({ ...options, delay: value }) },
    source: 'ucb',
    speed: 30,
  };
}

function tMaze(options: EnvOptions): World {
  // A model may have been trained in mazes of several lengths. Here, all are as long as the longest.
  const length = options.longest ?? 1000;
  const family = environment('t-maze', { ...options, shortest: length, longest: length });
  return {
    ...ofFamily(family),
    id: 't-maze',
    name: 'T-maze',
    about: 'The first observation shows a cue, up or down, and no other one does: turn that way at the end of the corridor for reward 1.',
    places: [
      {
        role: 'goal',
        name: 'the cue, in a new episode',
        // Rows of a drawing: up, the corridor, down.
        moved: (task, [, row]) => (row === 1 ? task : { ...task, cue: row === 0 ? 1 : -1 }),
      },
    ],
    choice: {
      name: 'Moves to the junction',
      values: [100, 300, 1000, 3000],
      value: family.horizon - 1,
      of: value => ({ ...options, shortest: value, longest: value }),
    },
    next: (task, random) => ({ ...task, cue: random.integer(2) === 0 ? -1 : 1 }),
    source: 'recall',
    moved: (_, [column, row], { columns }) => (row === 1 ? Float32Array.of(Number(column === columns - 1), 0) : undefined),
    greedy: true,
    speed: 1000,
  };
}

const WORLDS: Readonly<Record<string, (options: EnvOptions) => World>> = {
  'dark-room': darkRoom,
  'key-to-door': keyToDoor,
  'key-to-door-life': lifelong,
  'delayed-bandit': bandit,
  't-maze': tMaze,
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
