/**
 * @file Lifelong Key-to-Door: one life of many attempts in a room with a hidden key and a hidden door, which may change places. It is
 * RoomKeyDoor of AMAGO (Grigsby et al. 2024, arXiv 2310.09971) with the rules of its lifelong evaluation: memory is never cleared, and every
 * call of the environment counts.
 *
 *   attempt: at most `attempt` steps to the key (reward 1), then to the door (reward 1)   one call that only resets   attempt …
 */

import {
  type EnvFamily,
  expectActions,
  type HiddenFactor,
  type Options,
  type PastSteps,
  type Scene,
  type Task,
  type VectorEnv,
} from '../rl/index.ts';
import { canonicalJson } from '../util/canonical.ts';
import { CadenzaError, invariant } from '../util/errors.ts';
import { Random } from '../util/random.ts';
import { portableSha256 } from '../util/sha256.ts';
import { defineEnv, stepBuffers } from './entry.ts';
import { square } from './grid.ts';
import { captionOf, visited } from './scenes.ts';

const OPTIONS = {
  size: { default: 8, range: [2, 64], integer: true, about: 'cells per side' },
  calls: { default: 4000, range: [1, 1_000_000], integer: true, about: 'calls of the environment in a life, which is one episode' },
  attempt: { default: 50, range: [1, 10_000], integer: true, about: 'maximum number of steps of an attempt' },
  every: { default: 0, range: [0, 1_000_000], integer: true, about: 'calls until start, key and door move; 0: they never do' },
  everyMax: {
    default: 0,
    range: [0, 1_000_000],
    integer: true,
    about: 'each interval is drawn uniformly from every to everyMax calls; 0: all are every calls',
  },
  changing: { default: 1, range: [0, 1], about: 'probability that a task changes at all, if every is positive' },
  timetable: {
    default: -1,
    range: [-1, 1_000_000],
    integer: true,
    about: 'when a task goes on to its next layout: -1: at the calls that were drawn for it; 0: never; n: every n calls',
  },
} as const;

export const keyToDoorLife = defineEnv({
  id: 'key-to-door-life',
  description:
    '8 × 8 room, a life of 4,000 calls in attempts of at most 50 steps: reward 1 on the hidden key, then 1 on the hidden door, which ends the attempt; start, key and door may move',
  options: OPTIONS,
  create: keyToDoorLifeFamily,
});

/** Numbers of a layout in a task: the (x, y) of start, key and door. */
const LAYOUT = 6;
/** Numbers of an observation, and where it has what. */
const [WIDTH, HAS_KEY, STEPS] = [4, 2, 3];

/** The layouts of a life, in order, and the calls at which the next one is due. */
interface Schedule {
  readonly layouts: readonly number[];
  readonly changes: readonly number[];
}

/** A room, the rules of its attempts, and the schedule of a task. */
type Rules = ReturnType<typeof square> & Options<typeof OPTIONS> & { readonly scheduleOf: (task: Task) => Schedule };

/**
 * A task is `{ layouts: [start x, y, key x, y, door x, y, …], changes: [call, …] }` with one more layout than changes. From call
 * `changes[k]` on, counted from 0, the next call that only resets leads to layout k + 1 (to the latest one, if several are due). With a
 * `timetable`, equal tasks are played at other calls; layouts beyond those of the task follow from its content. The observation is (x, y, has key, steps of this attempt) and says nothing of changes.
 *
 * A cell counts when a step ends on it: a start on the key's cell does not pick it up, staying there does, and where key and door share a
 * cell, each takes a step. An attempt ends with the door or after `attempt` steps; then the agent still sees its last cell, and the next
 * call, whose action is ignored, puts it on the start.
 *
 * Throws `E_CONFIG` if some layout cannot be completed in an attempt.
 */
function keyToDoorLifeFamily(options: Options<typeof OPTIONS>): EnvFamily {
  const { size, calls, attempt, every, everyMax } = options;
  const farthest = 4 * (size - 1);
  const refuse = (what: string): never => {
    throw new CadenzaError('E_CONFIG', `key-to-door-life: ${what}.`);
  };
  if (attempt < farthest)
    refuse(
      `in ${size} × ${size} cells reaching key and door can take ${farthest} steps, so attempt must be at least that, but is ${attempt}`,
    );
  if (everyMax !== 0 && (every === 0 || everyMax < every))
    refuse(`everyMax must be 0, or every positive and at most everyMax, but every is ${every} and everyMax ${everyMax}`);
  const scheduleOf = scheduler(options);
  const rules: Rules = { ...square(size), ...options, scheduleOf };
  const { cells, actions, actionSpace, actionNames, move, cellAt } = rules;
  return {
    id: 'key-to-door-life',
    observationSpace: { kind: 'multi-discrete', nvec: [size, size, 2, attempt + 1] },
    actionSpace,
    actionNames,
    horizon: calls,
    rewardMax: 1,
    drawTask: random => drawTask(options, random),
    taskKey: task => `layouts=${drawnFor(task).layouts.length / LAYOUT} ${portableSha256(canonicalJson(task)).slice(0, 32)}`,
    hidden: [lastPlace('key', 2, rules), lastPlace('door', 4, rules)],
    oracleReturn: task => bestReturn(scheduleOf(task), options),
    attempts: {
      cells,
      columns: size,
      actions,
      targets: ['key', 'door'],
      move,
      cellOf: cellAt,
      phaseOf: observation => observation[HAS_KEY],
    },
    attempt: (observation, from) => observation[from + STEPS] === 0,
    // Only a call that resets leads to the start of an attempt.
    scored: ({ nextObservation }, i) => nextObservation[i * WIDTH + STEPS] > 0,
    outcome: {
      name: 'doors',
      of: ({ observation, reward }, i) => Number(reward[i] > 0 && observation[i * WIDTH + HAS_KEY] === 1),
    },
    changes: task => scheduleOf(task).changes,
    render: (task, observation, past) => sceneOf(rules, scheduleOf(task), observation, past),
    make(tasks) {
      for (const task of tasks) expectTask(task, size);
      return lives(tasks, rules);
    },
  };
}

/** Calls for which changes are drawn: the tasks are the same whatever the length of a life. A longer one needs a timetable to change later. */
const DRAWN_CALLS = 10_000;

function drawTask({ size, every, everyMax, changing }: Options<typeof OPTIONS>, random: Random): Task {
  const changes: number[] = [];
  // Streams of their own: the first layouts of a task do not depend on whether and when it changes.
  const [intervals, places] = [random.split('intervals'), random.split('places')];
  const spread = Math.max(every, everyMax) - every + 1;
  if (every > 0 && intervals.uniform() < changing)
    for (let call = every + intervals.integer(spread); call < DRAWN_CALLS; call += every + intervals.integer(spread)) changes.push(call);
  return { layouts: Array.from({ length: LAYOUT * (changes.length + 1) }, () => places.integer(size)), changes };
}

/** The schedule that a task was drawn with. */
const drawnFor = (task: Task): Schedule => ({ layouts: task.layouts as readonly number[], changes: task.changes as readonly number[] });

/** The schedule by which each task is played, computed once. */
function scheduler({ size, calls, timetable }: Options<typeof OPTIONS>): (task: Task) => Schedule {
  const known = new WeakMap<Task, Schedule>();
  const scheduled = (task: Task): Schedule => {
    const drawn = drawnFor(task);
    if (timetable < 0) {
      const changes = drawn.changes.filter(call => call < calls);
      return { layouts: drawn.layouts.slice(0, LAYOUT * (changes.length + 1)), changes };
    }
    const count = timetable === 0 ? 0 : Math.ceil(calls / timetable) - 1;
    const places = Random.seeded(Number.parseInt(portableSha256(canonicalJson(task)).slice(0, 13), 16)).split('layouts');
    return {
      layouts: Array.from({ length: LAYOUT * (count + 1) }, (_, i) => drawn.layouts[i] ?? places.integer(size)),
      changes: Array.from({ length: count }, (_, k) => timetable * (k + 1)),
    };
  };
  return task => {
    const schedule = known.get(task) ?? scheduled(task);
    known.set(task, schedule);
    return schedule;
  };
}

/** The place, in the last layout of a task, whose coordinates start at `from`. */
const lastPlace = (name: string, from: number, { size, scheduleOf }: Rules): HiddenFactor => ({
  name,
  space: { kind: 'multi-discrete', nvec: [size, size] },
  parts: ['x', 'y'],
  of: task => scheduleOf(task).layouts.slice(from - LAYOUT, from - LAYOUT + 2 || undefined),
});

function expectTask(task: Task, size: number): void {
  const { layouts, changes } = drawnFor(task);
  const wanted = LAYOUT * (changes.length + 1);
  invariant(
    layouts.length === wanted,
    `key-to-door-life: expected ${wanted} numbers in the layouts of a task with ${changes.length} changes, found ${layouts.length}.`,
  );
  const outside = layouts.find(v => !(Number.isInteger(v) && v >= 0 && v < size));
  invariant(
    outside === undefined,
    `key-to-door-life: expected coordinates from 0 to ${size - 1} in the layouts of a task, found ${outside}.`,
  );
  const early = changes.find((call, k) => !(call > (changes[k - 1] ?? 0)));
  invariant(early === undefined, `key-to-door-life: expected the changes of a task to be positive and to ascend, found ${early}.`);
}

/**
 * The largest return of a life. With d steps to the key, d′ to key and door, and V(n) the largest return from call n on, if an attempt
 * starts there,
 *
 *   V(n) = 2 + max_D V(n + D + 1), d′ ≤ D ≤ attempt,   or 1 with d to d′ − 1 calls left,   or 0 with fewer.
 *
 * Shortest paths (D = d′) are optimal while the layout stays; before a change it can be worth opening the door later, so that the next
 * attempt is in the new layout.
 */
function bestReturn({ layouts, changes }: Schedule, { calls, attempt }: Options<typeof OPTIONS>): number {
  const lengths = Array.from({ length: changes.length + 1 }, (_, k) => {
    const [x, y, keyX, keyY, doorX, doorY] = layouts.slice(LAYOUT * k, LAYOUT * (k + 1));
    const toKey = Math.max(1, Math.abs(keyX - x) + Math.abs(keyY - y));
    return { toKey, toDoor: toKey + Math.max(1, Math.abs(doorX - keyX) + Math.abs(doorY - keyY)) };
  });
  const best = new Float64Array(calls + 1);
  for (let n = calls - 1, k = changes.length; n >= 0; n--) {
    // The call before the attempt reset it, and brought the latest layout that was due by then.
    while (k > 0 && changes[k - 1] >= n) k--;
    const { toKey, toDoor } = lengths[k];
    const left = calls - n;
    if (left < toDoor) {
      best[n] = Number(left >= toKey);
      continue;
    }
    for (let D = toDoor; D <= Math.min(attempt, left); D++) best[n] = Math.max(best[n], 2 + best[Math.min(calls, n + D + 1)]);
  }
  return best[0];
}

/** The room of the running attempt. */
function sceneOf({ size, placeOf }: Rules, { layouts, changes }: Schedule, observation: ArrayLike<number>, past: PastSteps): Scene {
  const [holds, steps] = [observation[HAS_KEY] === 1, observation[STEPS]];
  // The layout of an attempt is the latest one that was due when the call before it reset.
  const from = past.reward.length - steps;
  const layout = LAYOUT * (changes.findLastIndex(call => call < from) + 1);
  const [start, key, door] = [0, 2, 4].map(at => layouts.slice(layout + at, layout + at + 2));
  return {
    kind: 'grid',
    columns: size,
    rows: size,
    marks: [
      ...visited(past, placeOf, steps),
      { role: 'start', at: start },
      { role: 'door', at: door, hidden: true },
      ...(holds ? [] : [{ role: 'key', at: key, hidden: true } as const]),
      { role: 'agent', at: placeOf(observation) },
    ],
    caption: captionOf(past, `${holds ? 'has the key' : 'has no key'}, step ${steps} of the attempt`),
  };
}

/** Deterministic. All returned arrays are buffers that the next call overwrites. */
function lives(
  tasks: readonly Task[],
  { size: roomSize, cells, actions, actionSpace, move, cellAt, observe, calls, attempt, scheduleOf }: Rules,
): VectorEnv {
  const size = tasks.length;
  const result = stepBuffers(size, WIDTH);
  const { observation, reward, truncated, finalObservation } = result;
  const next = Int32Array.from({ length: cells * actions }, (_, pair) => move(Math.floor(pair / actions), pair % actions));
  const changesOf = (task: Task) => scheduleOf(task).changes;
  /** [layouts × 3] the cells of start, key and door. */
  const placesOf = (task: Task) => {
    const { layouts } = scheduleOf(task);
    return Int32Array.from({ length: layouts.length / 2 }, (_, p) => cellAt(layouts.slice(2 * p, 2 * p + 2)));
  };
  const [changes, places] = [tasks.map(changesOf), tasks.map(placesOf)];
  const [layout, cell, held, steps] = [new Int32Array(size), new Int32Array(size), new Int32Array(size), new Int32Array(size)];
  const over = new Uint8Array(size);
  // All lives have equal lengths, so they share one clock.
  let elapsed = 0;

  const begin = (i: number) => {
    while (changes[i][layout[i]] <= elapsed) layout[i]++;
    cell[i] = places[i][3 * layout[i]];
    held[i] = steps[i] = over[i] = 0;
  };
  const show = (i: number, out: Float32Array) => {
    observe(cell[i], out, i * WIDTH);
    out[i * WIDTH + HAS_KEY] = held[i];
    out[i * WIDTH + STEPS] = steps[i];
  };
  const reset = () => {
    elapsed = 0;
    layout.fill(0);
    for (let i = 0; i < size; i++) {
      begin(i);
      show(i, observation);
    }
    return observation;
  };
  return {
    size,
    reset,
    step(chosen) {
      expectActions({ id: 'key-to-door-life', actionSpace }, chosen, size);
      for (let i = 0; i < size; i++) {
        reward[i] = 0;
        if (over[i]) begin(i);
        else {
          cell[i] = next[cell[i] * actions + chosen[i]];
          steps[i]++;
          const found = cell[i] === places[i][3 * layout[i] + 1 + held[i]];
          if (found) reward[i] = 1;
          over[i] = Number((found && held[i] === 1) || steps[i] === attempt);
          if (found) held[i] = 1;
        }
        show(i, finalObservation);
      }
      const ended = ++elapsed === calls;
      truncated.fill(Number(ended));
      observation.set(finalObservation);
      if (ended) reset();
      return result;
    },
    setTask(i, task) {
      expectTask(task, roomSize);
      [changes[i], places[i]] = [changesOf(task), placesOf(task)];
      // The running attempt goes on in the layout that is due by now.
      layout[i] = changes[i].filter(call => call <= elapsed).length;
    },
  };
}
