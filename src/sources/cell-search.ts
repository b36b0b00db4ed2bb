/**
 * @file Optimistic search over the cells of a known room (Brafman and Tennenholtz 2002): as if every cell that may be rewarded were, the
 * agent goes to the nearest one. It either earns a reward or rules the cell out.
 */

import { largestOf, spreadOverBest } from './source.ts';

/** The moves of a room. C is the number of cells, A of actions. */
export interface Room {
  readonly cells: number;
  readonly actions: number;
  /** [C × A] the cell that each action leads to. */
  readonly next: Int32Array;
  /** [C × C] length of a shortest path from the row's cell to the column's; 0 on the diagonal, 32767 if there is none. */
  readonly distance: Int16Array;
}

const UNREACHABLE = 32_767;

/** The room with these moves, [C × A] the cell that each action leads to. */
export const roomOf = (cells: number, next: Int32Array): Room => ({
  cells,
  actions: next.length / cells,
  next,
  distance: distances(cells, next),
});

/** One search: which cells are rewarded, and which may be. */
export interface CellSearch {
  /** The cells to head for are the first `count` of these, in no order: the paying ones, then the open ones. */
  readonly targets: Int32Array;
  readonly count: number;
  /** 1 for those. */
  readonly isTarget: Uint8Array;
  /** Whether a step that ends on this cell contradicts what is known: the reward was ruled out there, or known to be there. */
  contradicts(cell: number, reward: number): boolean;
  /** Learns from a step that ends on this cell. Only the first of a cell counts. */
  arrive(cell: number, reward: number): void;
  /** The first cell that was found to be rewarded; undefined if none was. */
  found(): number | undefined;
}

/** A search that has seen nothing. Once `rewardingStates` paying cells are known, no other is tried. */
export function newSearch(cells: number, rewardingStates: number): CellSearch {
  const open = new Uint8Array(cells).fill(1);
  let paying = 0;
  const search = {
    targets: Int32Array.from({ length: cells }, (_, cell) => cell),
    count: cells,
    isTarget: new Uint8Array(cells).fill(1),
    contradicts(cell: number, reward: number): boolean {
      const known = open[cell] === 0 || paying >= rewardingStates;
      return known && search.isTarget[cell] !== Number(reward > 0);
    },
    arrive(cell: number, reward: number): void {
      if (open[cell] === 0) return;
      open[cell] = 0;
      const { targets, isTarget } = search;
      // Once all paying cells are known, no open one is a target, and further ones that pay are added.
      let at = targets.subarray(0, search.count).indexOf(cell);
      if (at < 0) at = search.count++;
      isTarget[cell] = Number(reward > 0);
      if (reward > 0) {
        targets[at] = targets[paying];
        targets[paying++] = cell;
      } else targets[at] = targets[--search.count];
      if (paying < rewardingStates) return;
      while (search.count > paying) isTarget[targets[--search.count]] = 0;
    },
    found: () => (paying > 0 ? search.targets[0] : undefined),
  };
  return search;
}

/** Which of several equally good actions a search takes: any of them with equal probability, or the first. */
export type Ties = 'spread' | 'first';

/**
 * Writes the distribution over the actions from `cell` that lead nearest to a target: uniform over them, or all on the first; `value` is a
 * buffer of A numbers.
 */
export function headForNearest(
  { cells, actions, next, distance }: Room,
  { targets, count, isTarget }: CellSearch,
  cell: number,
  value: Float64Array,
  out: Float32Array,
  ties: Ties = 'spread',
): void {
  const row = cell * actions;
  for (let a = 0; a < actions; a++) {
    const from = next[row + a] * cells;
    let nearest = UNREACHABLE;
    // Nothing is nearer than the cell itself, and then one step.
    const least = 1 - isTarget[next[row + a]];
    for (let i = 0; nearest > least && i < count; i++) if (distance[from + targets[i]] < nearest) nearest = distance[from + targets[i]];
    value[a] = -nearest;
  }
  if (ties === 'first') out.fill(0)[value.indexOf(largestOf(value, 0, actions))] = 1;
  else spreadOverBest(value, 0, out);
}

/** [C × C] shortest paths, by breadth-first search from every cell. */
function distances(cells: number, next: Int32Array): Int16Array {
  const actions = next.length / cells;
  const distance = new Int16Array(cells * cells).fill(UNREACHABLE);
  const queue = new Int32Array(cells);
  for (let source = 0; source < cells; source++) {
    const row = source * cells;
    let [head, tail] = [0, 0];
    queue[tail++] = source;
    distance[row + source] = 0;
    while (head < tail) {
      const cell = queue[head++];
      for (let a = 0; a < actions; a++) {
        const to = next[cell * actions + a];
        if (distance[row + to] !== UNREACHABLE) continue;
        distance[row + to] = distance[row + cell] + 1;
        queue[tail++] = to;
      }
    }
  }
  return distance;
}
