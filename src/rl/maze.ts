/** @file Distances in a square grid of cells, some of which are walls. Cell = row · side + column. */

/** Changes of (row, column) by the moves west, north, east, south, and by staying. */
export const MAZE_MOVES: readonly (readonly [rows: number, columns: number])[] = [
  [0, -1],
  [-1, 0],
  [0, 1],
  [1, 0],
  [0, 0],
];

/** The change of the cell by each of these moves. */
export const mazeSteps = (side: number): number[] => MAZE_MOVES.map(([rows, columns]) => rows * side + columns);

/** [side²] 1 for the cells of the border, 0 inside. */
export const mazeBorder = (side: number): Uint8Array =>
  Uint8Array.from({ length: side * side }, (_, cell) =>
    Number([Math.floor(cell / side), cell % side].some(place => place === 0 || place === side - 1)),
  );

/**
 * Number of moves from every cell to `target`, around the walls, by breadth-first search.
 *
 * @param walls [side²] nonzero for a wall; the border must be one.
 * @returns [side²] Infinity where there is no way.
 */
export function distancesTo(target: number, side: number, walls: ArrayLike<number>): Float64Array {
  const distance = new Float64Array(side * side).fill(Number.POSITIVE_INFINITY);
  const steps = mazeSteps(side);
  const queue = [target];
  distance[target] = 0;
  for (const cell of queue)
    for (const step of steps) {
      const next = cell + step;
      if (walls[next] || distance[next] < Number.POSITIVE_INFINITY) continue;
      distance[next] = distance[cell] + 1;
      queue.push(next);
    }
  return distance;
}
