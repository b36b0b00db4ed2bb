/**
 * @file Point Room: a continuous Dark Room. A point in the square [−1, 1]², observed as (x, y), moves by (dx, dy), at most `stepLength` per
 * step; reward 1 for every step that ends in a hidden disc. It starts in the center.
 */

import { type BoxSpace, type EnvFamily, expectActions, type Options, type Task, type VectorEnv } from '../rl/index.ts';
import { CadenzaError } from '../util/errors.ts';
import { defineEnv, stepBuffers } from './entry.ts';
import { captionOf, visited } from './scenes.ts';

const OPTIONS = {
  goals: {
    default: 9,
    range: [2, 64],
    integer: true,
    about: 'positions of the disc per side: its center is the center of one of goals × goals cells',
  },
  radius: { default: 0.15, range: [0.001, 1], about: 'radius of the disc; the room is 2 wide' },
  stepLength: { default: 0.25, range: [0.001, 2], about: 'longest move per step; longer ones are shortened' },
  horizon: { default: 20, range: [1, 10_000], integer: true, about: 'steps per episode' },
} as const;

export const pointRoom = defineEnv({
  id: 'point-room',
  description: 'a point in a square, real actions (dx, dy), hidden disc, reward 1 on every step that ends in it, 20 steps',
  options: OPTIONS,
  create: pointRoomFamily,
});

/** Positions are float32: a step that ends this close to the disc counts as inside. */
const ROUNDING = 1e-6;

const goalOf = (task: Task) => task.goal as readonly [x: number, y: number];

/**
 * A task is `{ goal: [x, y] }`, the center of the disc. The oracle moves straight to the disc and is rewarded from the step that reaches
 * its rim on. Throws `E_CONFIG` if some disc is unreachable: its oracle return would be 0.
 */
function pointRoomFamily({ goals, radius, stepLength, horizon }: Options<typeof OPTIONS>): EnvFamily {
  const at = (i: number) => Number((-1 + (2 * i + 1) / goals).toFixed(6));
  const places = Array.from({ length: goals * goals }, (_, i) => [at(i % goals), at(Math.floor(i / goals))] as const);
  const stepsTo = ([x, y]: readonly [number, number]) => Math.max(1, Math.ceil((Math.hypot(x, y) - radius - ROUNDING) / stepLength));
  const farthest = Math.max(...places.map(stepsTo));
  if (horizon < farthest)
    throw new CadenzaError(
      'E_CONFIG',
      `point-room: the farthest disc is ${farthest} steps away, so horizon must be at least that, but is ${horizon}.`,
    );
  const observationSpace: BoxSpace = { kind: 'box', low: [-1, -1], high: [1, 1] };
  const actionSpace: BoxSpace = { kind: 'box', low: [-stepLength, -stepLength], high: [stepLength, stepLength] };
  return {
    id: 'point-room',
    observationSpace,
    actionSpace,
    horizon,
    rewardMax: 1,
    plane: { stepLength, radius, places, center: goalOf },
    tasks: () => places.map(goal => ({ goal })),
    taskKey: task => `goal=${goalOf(task).join(',')}`,
    hidden: [{ name: 'goal', space: observationSpace, parts: ['x', 'y'], of: goalOf }],
    oracleReturn: task => horizon - stepsTo(goalOf(task)) + 1,
    render: (task, observation, past) => ({
      kind: 'plane',
      low: [-1, -1],
      high: [1, 1],
      marks: [
        ...visited(past, seen => seen),
        { role: 'goal', at: goalOf(task), radius, hidden: true },
        { role: 'agent', at: Array.from(observation) },
      ],
      caption: captionOf(past),
    }),
    make: tasks => pointRooms(tasks, { actionSpace, stepLength, radius, horizon }),
  };
}

type Rules = Omit<Options<typeof OPTIONS>, 'goals'> & { readonly actionSpace: BoxSpace };

/** Deterministic. All returned arrays are buffers that the next call overwrites. */
function pointRooms(tasks: readonly Task[], { actionSpace, stepLength, radius, horizon }: Rules): VectorEnv {
  const size = tasks.length;
  const result = stepBuffers(size, 2);
  const { observation, reward, truncated, finalObservation } = result;
  const inside = (v: number) => Math.min(1, Math.max(-1, v));
  const goals = Float64Array.from(tasks.flatMap(goalOf));
  // All environments have equal lengths, so they share one clock.
  let elapsed = 0;
  const reset = () => {
    elapsed = 0;
    return observation.fill(0);
  };
  return {
    size,
    reset,
    step(actions) {
      expectActions({ id: 'point-room', actionSpace }, actions, size);
      for (let i = 0; i < 2 * size; i += 2) {
        const [dx, dy] = [actions[i], actions[i + 1]];
        const share = Math.min(1, stepLength / Math.max(length(dx, dy), 1e-12));
        finalObservation[i] = inside(observation[i] + share * dx);
        finalObservation[i + 1] = inside(observation[i + 1] + share * dy);
        const distance = length(finalObservation[i] - goals[i], finalObservation[i + 1] - goals[i + 1]);
        reward[i / 2] = distance <= radius + ROUNDING ? 1 : 0;
      }
      const ended = ++elapsed === horizon;
      truncated.fill(Number(ended));
      observation.set(finalObservation);
      if (ended) reset();
      return result;
    },
  };
}

/**
 * √(x² + y²), by the algorithm that `Math.hypot` had in V8 when the first histories were recorded: the language does not say how it rounds,
 * and its general form is several times slower.
 */
function length(x: number, y: number): number {
  const [a, b] = [Math.abs(x), Math.abs(y)];
  const most = Math.max(a, b);
  if (most === 0) return 0;
  const [first, second] = [(a / most) ** 2, (b / most) ** 2];
  return Math.sqrt(first + second) * most;
}
