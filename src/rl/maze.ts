/** @file Distances in a square grid of cells, some of which are walls. Cell = row · side + column. */

/** Changes of (row, column) by the moves west, north, east, south, and by staying. */
export const MAZE_MOVES: readonly (readonly [rows: number, columns: number])[] = [
  [0, -1],
  [-1, 0],
  [0, 1],
  [1, 0],
  [0, 0],
];

/**
 * Number of moves from every cell to `target`, around the walls, by breadth-first search.
 *
 * @param walls [side²] nonzero for a wall; the border must be one.
 * @returns [side²] Infinity where there is no way.
 */
export function distancesTo(target: number, side: number, walls: ArrayLike<number>): Float64Array {
  const distance = new Float64Array(side * side).fill(Number.POSITIVE_INFINITY);
  const queue = [target];
  distance[target] = 0;
  for (const cell of queue)
    for (const step of [-1, -side, 1, side]) {
      const next = cell + step;
      if (walls[next] || distance[next] < Number.POSITIVE_INFINITY) continue;
      distance[next] = distance[cell] + 1;
      queue.push(next);
    }
  return distance;
}
