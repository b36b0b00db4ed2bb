/** A custom source: it visits cells one by one, nearest first, and stays where it earned a reward. */
import { defineSource, sources } from 'cadenza';

/** Stay, then the moves of Dark Room in their order. */
const MOVES = [
  [0, 0],
  [0, -1],
  [0, 1],
  [-1, 0],
  [1, 0],
];

sources.register(
  defineSource({
    id: 'sweeper',
    description: 'looks at every cell once, nearest first, and stays where it was paid',
    knows: 'the moves of the room, not where the goal is',
    options: { size: { default: 5, range: [2, 20], integer: true, about: 'cells a side' } },
    learner(_family, _task, _random, { size }) {
      const unseen = new Set(Array.from({ length: size * size }, (_, i) => `${i % size},${Math.floor(i / size)}`));
      let target: string | undefined;
      const distance = (x: number, y: number, cell: string) => {
        const [cx, cy] = cell.split(',').map(Number);
        return Math.abs(x - cx) + Math.abs(y - cy);
      };
      return {
        /** Uniform over the actions that lead closest to its target. */
        distribution([x, y], out) {
          const wanted = target ? [target] : [...unseen];
          const far = MOVES.map(([dx, dy]) => {
            const [nx, ny] = [x + dx, y + dy];
            if (nx < 0 || ny < 0 || nx >= size || ny >= size) return Number.POSITIVE_INFINITY;
            return Math.min(...wanted.map(cell => distance(nx, ny, cell)));
          });
          const best = far.filter(each => each === Math.min(...far)).length;
          for (const [a, each] of far.entries()) out[a] = each === Math.min(...far) ? 1 / best : 0;
        },
        observe(_observation, _action, reward, [x, y]) {
          unseen.delete(`${x},${y}`);
          if (reward > 0) target = `${x},${y}`;
        },
      };
    },
  }),
);
