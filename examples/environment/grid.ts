/** A 5 × 5 grid with a hidden goal. A task is a goal; only rewards tell the agent where it is. Episodes start in random cells. */
import { defineEnv, environments } from 'cadenza';

const MOVES = [
  [0, 0],
  [1, 0],
  [-1, 0],
  [0, 1],
  [0, -1],
];

environments.register(
  defineEnv({
    id: 'hidden-goal',
    description: 'a square grid, hidden goal, reward 1 on every step that ends there',
    options: { size: { default: 5, range: [2, 20], integer: true, about: 'cells a side' } },
    create: ({ size }) => ({
      observationSpace: { kind: 'multi-discrete', nvec: [size, size] },
      actionSpace: { kind: 'discrete', n: MOVES.length },
      horizon: 3 * size,
      tasks: () => Array.from({ length: size * size }, (_, i) => ({ goal: [i % size, Math.floor(i / size)] })),
      render: (task, observation) => ({
        kind: 'grid',
        columns: size,
        rows: size,
        marks: [
          { role: 'goal', at: task.goal as number[], hidden: true },
          { role: 'agent', at: observation },
        ],
      }),
      start(task, random) {
        const goal = task.goal as number[];
        const inside = (v: number) => Math.min(size - 1, Math.max(0, v));
        let [x, y] = [0, 0];
        return {
          reset: () => ([x, y] = [random.integer(size), random.integer(size)]),
          step([action]) {
            [x, y] = [inside(x + MOVES[action][0]), inside(y + MOVES[action][1])];
            return { observation: [x, y], reward: Number(x === goal[0] && y === goal[1]) };
          },
        };
      },
    }),
  }),
);
