/** @file Drawings of every world, as text, counted by hand. */

import { describe, expect, it } from 'vitest';
import { actionsOf, type EnvFamily, episodeScenes, type Scene, sceneText, spaceSize, type Task, TransitionColumns } from '../rl/index.ts';
import { Random } from '../util/random.ts';
import { environment, environments } from './index.ts';

/** The scenes of the beginning of an episode with these actions. */
function play(family: EnvFamily, task: Task, actions: readonly (readonly number[])[]): Scene[] {
  const columns = new TransitionColumns(spaceSize(family.observationSpace), spaceSize(family.actionSpace));
  const env = family.make([task], Random.seeded(1));
  let observation = Float32Array.from(env.reset());
  for (const action of actions) {
    const given = actionsOf(family.actionSpace, action);
    const { finalObservation, ...step } = env.step(given);
    columns.push({ ...step, observation, action: step.executed ?? given, nextObservation: finalObservation }, 0);
    observation = Float32Array.from(step.observation);
  }
  return episodeScenes(family, { task, ...columns }, 0);
}

/** The lines of the drawing after these actions. */
const lines = (family: EnvFamily, task: Task, ...actions: (number | readonly number[])[]): string[] =>
  sceneText(
    play(
      family,
      task,
      actions.map(action => [action].flat()),
    ).at(-1)!,
  ).split('\n');

const [STAY, UP, DOWN, LEFT, RIGHT] = [0, 1, 2, 3, 4];

it('every environment but those of other software can be drawn', () => {
  for (const id of environments.ids.filter(id => id !== 'gymnasium')) expect(environment(id).render, id).toBeDefined();
});

describe('Dark Room', () => {
  const goal = [2, 0];

  it('has the goal, the agent and the cells where it was', () => {
    const family = environment('dark-room', { size: 3 });
    const before = sceneText(play(family, { goal }, [[LEFT]])[0]).split('\n');
    expect(before).toEqual(['..g', '.@.', '...', 'step 0, return 0']);
    expect(lines(family, { goal }, LEFT, UP)).toEqual(['@.g', '++.', '...', 'step 2, return 0']);
    expect(lines(family, { goal }, UP, RIGHT, STAY)).toEqual(['.+@', '.+.', '...', 'step 3, return 2']);
  });

  it('is drawn where it is not square, and where reaching the goal ends the episode', () => {
    const wide = environment('dark-room', { width: 4, height: 2, start: 'corner' });
    expect(lines(wide, { goal: [3, 1] }, RIGHT)).toEqual(['+@..', '...g', 'step 1, return 0']);
    expect(lines(environment('dark-room-hard', { size: 3 }), { goal }, UP, RIGHT)).toEqual(['.+@', '.+.', '...', 'step 2, return 1']);
  });

  it('is the same with pairs of moves, and as an image', () => {
    expect(lines(environment('dark-room-moves', { size: 3 }), { goal }, [0, 2])).toEqual(['..g', '.+.', '@..', 'step 1, return 0']);
    const pixels = environment('dark-room-pixels', { width: 4, height: 3, pixels: 3 });
    expect(lines(pixels, { goal }, LEFT, DOWN)).toEqual(['..g.', '.++.', '.@..', 'step 2, return 0']);
  });

  it('says what permuted actions do, in their order', () => {
    const family = environment('dark-room', { size: 3, permutations: 1 });
    const drawn = lines(family, { goal, actions: [UP, LEFT, STAY, RIGHT, DOWN] }, 0);
    expect(drawn).toEqual(['.@g', '.+.', '...', 'step 1, return 0', 'actions: up, left, stay, right, down']);
  });
});

it('Key-to-Door loses the key when it is found', () => {
  const family = environment('key-to-door', { size: 2 });
  const task = { key: [0, 1], door: [1, 0] };
  const [first, ...rest] = play(family, task, [[LEFT], [UP], [DOWN], [UP], [RIGHT]]).map(scene => sceneText(scene).split('\n'));
  expect(first.at(-1)).toBe('has no key');
  expect(rest.at(-3)).toEqual(['+d', '@.', 'step 3, return 1', 'has the key']);
  expect(rest.at(-1)).toEqual(['+@', '+.', 'step 5, return 2', 'has the key']);
});

describe('a delayed bandit', () => {
  const family = environment('delayed-bandit', { arms: 2, pulls: 2, delay: 1, deviation: 0 });
  const task = { means: [0.25, 0.5] };

  it('has means, pulls, the best arm and the last one', () => {
    expect(lines(family, task, 0)).toEqual([
      '@ arm 0 #####      mean 0.25, pulls 1',
      'G arm 1 ########## mean 0.50, pulls 0',
      'step 1, return 0.25',
      'choose an arm',
    ]);
    const after = ['  arm 0 #####      mean 0.25, pulls 1', 'G@ arm 1 ########## mean 0.50, pulls 1'];
    expect(lines(family, task, 0, 1).slice(0, 2)).toEqual([` ${after[0]}`, after[1]]);
  });

  it('counts no pulls in the delay', () => {
    const drawn = lines(family, task, 0, 1, 0);
    expect(drawn.slice(0, 2).map(line => line.slice(-1))).toEqual(['1', '1']);
    expect(lines(family, task, 0, 1, 0, 1)[1].slice(-1)).toBe('2');
    expect(lines(family, task, 0, 1).at(-1)).not.toBe(drawn.at(-1));
  });
});

describe('a T-maze', () => {
  const [FORWARD, TURN_UP, BACK, TURN_DOWN] = [0, 1, 2, 3];
  const family = environment('t-maze', { shortest: 3, longest: 3, penalty: 0.5 });

  it('has the cue, the corridor and the turn', () => {
    const up = { cue: 1, length: 3 };
    const start = sceneText(play(family, up, [[FORWARD]])[0]).split('\n');
    expect(start).toEqual(['###g', '@...', '###.', 'step 0, return 0', 'move 0 of 3, sees the cue up']);
    expect(lines(family, up, FORWARD, BACK, FORWARD)[1]).toBe('S@..');
    expect(lines(family, up, FORWARD, FORWARD, FORWARD, TURN_UP).slice(0, 4)).toEqual(['###@', 'S...', '###.', 'step 4, return 1']);
    expect(lines(family, { cue: -1, length: 3 }, FORWARD, FORWARD, FORWARD).slice(0, 3)).toEqual(['###.', 'S..@', '###g']);
    expect(lines(family, up, FORWARD, FORWARD, FORWARD, TURN_DOWN).slice(0, 3)).toEqual(['###g', 'S...', '###@']);
  });

  it('stays small, and has the agent at the junction only if it is there', () => {
    const length = 1_000_000;
    const long = environment('t-maze', { shortest: length, longest: length });
    const at = (steps: number) => {
      const past = { observation: [], action: new Uint8Array(steps), reward: new Uint8Array(steps) };
      const scene = long.render!({ cue: 1, length }, [Number(steps === length), 0], past);
      return sceneText(scene).split('\n')[1];
    };
    expect([0, length / 2, length - 1, length].map(steps => at(steps).indexOf('@'))).toEqual([0, 10, 19, 20]);
    expect(at(length)).toHaveLength(21);
  });
});

it('CountRecall has what was dealt, the card and the question', () => {
  const family = environment('count-recall');
  const task = { cards: [2, 2, 0, ...new Array(101).fill(1)], queries: [0, 2, 3, ...new Array(101).fill(1)] };
  expect(lines(family, task, 1)).toEqual([
    '   clubs       0',
    '   diamonds    0',
    'C? hearts   ## 2',
    '   spades      0',
    'step 1, return -0.01',
    'answered 1 to clubs, right was 0',
  ]);
  expect(lines(family, task, 0, 2).slice(0, 5)).toEqual([
    'C clubs    #  1',
    '  diamonds    0',
    '  hearts   ## 2',
    '? spades      0',
    'step 2, return 0.019',
  ]);
});

it('MazeRunner has walls, the goals that are left, and what the actions do', () => {
  const family = environment('maze-runner', { side: 7, goals: 2 });
  const rows = ['#######', '#.....#', '#.....#', '#.#.#.#', '#.#.#.#', '#.#.#.#', '#######'];
  const walls = rows.map(row => [...row].reduce((bits, cell, column) => bits + Number(cell === '#') * 2 ** column, 0));
  // Goals are [row, column]; actions move north, west, east, south, and stay.
  const task = { walls, goals: [4, 3, 1, 1], actions: [1, 0, 2, 3, 4] };
  const [north, west] = [0, 1];
  expect(sceneText(play(family, task, [[north]])[0]).split('\n')).toEqual([
    '#######',
    '#2....#',
    '#.....#',
    '#.#.#.#',
    '#.#1#.#',
    '#.#@#.#',
    '#######',
    'step 0, return 0',
    'free cells: west 0, north 4, east 0, south 0',
    'actions: north, west, east, south, stay',
  ]);
  expect(lines(family, task, north, north, north, west)).toEqual([
    '#######',
    '#2....#',
    '#.@+..#',
    '#.#+#.#',
    '#.#+#.#',
    '#.#S#.#',
    '#######',
    'step 4, return 1',
    'free cells: west 1, north 1, east 3, south 0',
    'actions: north, west, east, south, stay',
  ]);
});

it('Point Room has the disc, the point and where it was', () => {
  const family = environment('point-room', { goals: 2, radius: 0.2, stepLength: 0.5 });
  const drawn = lines(family, { goal: [0.5, 0.5] }, [-0.5, 0], [0, 0.25]);
  const blank = '.'.repeat(25);
  // 25 × 13 characters of 0.08 × 0.154: y points up, and the disc covers three lines.
  expect(drawn).toEqual([
    blank,
    blank,
    '.................gggg....',
    '................ggggg....',
    '......@...........g......',
    blank,
    '......+.....+............',
    ...new Array(6).fill(blank),
    'step 2, return 0',
  ]);
});
