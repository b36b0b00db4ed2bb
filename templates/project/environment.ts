/** A 5 × 5 grid with a hidden goal. A task is a goal; only rewards tell the agent where it is. */
import { defineEnv, environments } from 'cadenza/envs';

const MOVES = [
  [0, 0],
  [1, 0],
  [-1, 0],
  [0, 1],
  [0, -1],
];

environments.register(
  defineEnv({
    id: 'my-grid',
    description: 'a square grid with a hidden goal; reward 1 for every step that ends at the goal',
    options: { size: { default: 5, range: [2, 20], integer: true, about: 'number of cells per side' } },
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
      start(task) {
        const goal = task.goal as number[];
        const inside = (v: number) => Math.min(size - 1, Math.max(0, v));
        let [x, y] = [0, 0];
        return {
          reset() {
            [x, y] = [Math.floor(size / 2), Math.floor(size / 2)];
            return [x, y];
          },
          step([action]) {
            const [dx, dy] = MOVES[action];
            [x, y] = [inside(x + dx), inside(y + dy)];
            return { observation: [x, y], reward: Number(x === goal[0] && y === goal[1]) };
          },
        };
      },
    }),
  }),
);
