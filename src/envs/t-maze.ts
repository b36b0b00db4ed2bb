/**
 * @file Passive T-maze (Bakker 2001; Ni et al. 2023, arXiv 2307.03864): the first observation shows a cue, a corridor of equal observations
 * follows, and at its end the agent must turn as the cue said.
 *
 *   (0, cue)   (0, 0) along the corridor   (1, 0) at the junction: turn up for cue 1, down for cue −1
 */

import type { Options, PastSteps, Scene, Task } from '../rl/index.ts';
import { CadenzaError } from '../util/errors.ts';
import { defineEnv, type FamilyRules, rewardedSteps } from './entry.ts';
import { captionOf } from './scenes.ts';

const LENGTH = { range: [1, 10_000_000], integer: true } as const;
const OPTIONS = {
  shortest: { ...LENGTH, default: 32, about: 'moves from the start to the junction in the shortest corridor' },
  longest: { ...LENGTH, default: 256, about: 'moves from the start to the junction in the longest corridor; an episode has one step more' },
  every: { ...LENGTH, default: 32, about: 'difference between the lengths of a task and the next: 1 for every length in between' },
  penalty: { default: 1 / 128, range: [0, 1], about: 'cost of a step along the corridor that is not a move forward' },
} as const;

export const tMaze = defineEnv({
  id: 't-maze',
  description: 'a corridor of 32 to 256 moves: the cue in the first observation tells where to turn at its end, for reward 1',
  options: OPTIONS,
  create: tMazeFamily,
});

const NAMES = ['forward', 'up', 'back', 'down'];
const [FORWARD, UP, BACK, DOWN] = NAMES.keys();

interface Maze extends Task {
  readonly cue: number;
  readonly length: number;
}

/**
 * A task is `{ cue, length }`. An episode ends after length + 1 steps, whether the agent is at the junction or not, so every step that is
 * not a move forward costs the reward of the turn. A step along the corridor that is not a move forward costs `penalty`; the last step is
 * rewarded with 1 if it is the turn that the cue names, else with 0. The cue is seen once: back at the start, the agent sees (0, 0).
 */
function tMazeFamily({ shortest, longest, every, penalty }: Options<typeof OPTIONS>): FamilyRules {
  if (longest < shortest)
    throw new CadenzaError('E_CONFIG', `t-maze: longest is ${longest}, but shortest is ${shortest}. Raise longest, or lower shortest.`);
  const lengths = Array.from({ length: Math.floor((longest - shortest) / every) + 1 }, (_, i) => shortest + i * every);
  return {
    observationSpace: { kind: 'box', low: [0, -1], high: [1, 1] },
    actionSpace: { kind: 'discrete', n: NAMES.length },
    actionNames: NAMES,
    horizon: lengths.at(-1)! + 1,
    rewardMax: 1,
    tasks: () => lengths.flatMap(length => [-1, 1].map((cue): Maze => ({ cue, length }))),
    hidden: [
      { name: 'cue', space: { kind: 'discrete', n: 2 }, of: task => [Number((task as Maze).cue > 0)] },
      { name: 'length', space: { kind: 'box', low: [shortest], high: [longest] }, of: task => [(task as Maze).length] },
    ],
    oracleReturn: () => 1,
    render: (task, observation, past) => sceneOf(task as Maze, observation, past),
    outcome: rewardedSteps('successes'),
    recall: {
      // 0: not seen, 1: down, 2: up.
      memory: { name: 'cue', space: { kind: 'discrete', n: 3 } },
      remember(memory, seen) {
        if (seen[0] === 0 && seen[1] !== 0) memory[0] = seen[1] > 0 ? 2 : 1;
      },
      act: (memory, seen) => (seen[0] === 0 ? FORWARD : memory[0] === 2 ? UP : DOWN),
    },
    start(task) {
      const { cue, length } = task as Maze;
      let [at, elapsed] = [0, 0];
      return {
        reset() {
          [at, elapsed] = [0, 0];
          return [0, cue];
        },
        step([action]) {
          const last = ++elapsed > length;
          const turned = at === length ? Number(action === UP) - Number(action === DOWN) : 0;
          if (action === FORWARD) at = Math.min(length, at + 1);
          if (action === BACK) at = Math.max(0, at - 1);
          const slow = action === FORWARD ? 0 : -penalty;
          return { observation: [Number(at === length), turned], reward: last ? Number(turned === cue) : slow, terminated: last };
        },
      };
    },
  };
}

/** Most cells of a corridor that are drawn before the junction; in a longer one, each stands for several. */
const DRAWN = 20;

function sceneOf({ cue, length }: Maze, observation: ArrayLike<number>, past: PastSteps): Scene {
  const [junction, sign] = [observation[0], observation[1]];
  let at = 0;
  for (let t = 0; t < past.reward.length; t++) {
    if (past.action[t] === FORWARD) at = Math.min(length, at + 1);
    if (past.action[t] === BACK) at = Math.max(0, at - 1);
  }
  const last = Math.min(length, DRAWN);
  const [top, middle, bottom] = [0, 1, 2];
  const rowOf = (turn: number) => (turn > 0 ? top : turn < 0 ? bottom : middle);
  const side = Array.from({ length: last + 1 }, (_, column) => Number(column < last));
  const name = sign > 0 ? 'up' : 'down';
  const seen = junction === 0 ? (sign === 0 ? 'the corridor' : `the cue ${name}`) : sign === 0 ? 'the junction' : `a turn ${name}`;
  return {
    kind: 'grid',
    columns: last + 1,
    rows: 3,
    walls: [...side, ...side.map(() => 0), ...side],
    marks: [
      { role: 'start', at: [0, middle] },
      { role: 'goal', at: [last, rowOf(cue)], hidden: true },
      { role: 'agent', at: [Math.floor((at * last) / length), junction === 0 ? middle : rowOf(sign)] },
    ],
    caption: captionOf(past, `move ${at} of ${length}, sees ${seen}`),
  };
}
