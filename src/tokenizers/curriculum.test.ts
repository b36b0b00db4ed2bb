import { describe, expect, it } from 'vitest';
import { failure } from '../../test/helpers/failure.ts';
import { environment } from '../envs/index.ts';
import type { History } from '../rl/index.ts';
import { generateHistory, source } from '../sources/index.ts';
import { Random } from '../util/random.ts';
import { BatchSampler, type BatchShape, checkCurriculum, drawnInOrder, newBatch, StreamSampler, tokenizer } from './index.ts';

/** Histories of one T-maze each, the longest corridors first: 32, 24, 16 and 8 moves, two of each. */
const maze = environment('t-maze', { shortest: 8, longest: 32, every: 8 });
const mazes = maze.tasks!()
  .toReversed()
  .map((task, i) => generateHistory({ family: maze, task, source: source('recall'), random: Random.seeded(i), episodes: 1 }));

/** Which histories are drawn in this batch. */
const drawnAt = (draw: ReturnType<typeof drawnInOrder>, step: number) => {
  const random = Random.seeded(step);
  return [...new Set(Array.from({ length: 400 }, () => draw(random, step)))].sort((a, b) => a - b);
};

describe('a curriculum', () => {
  it('begins with the shortest histories, and draws from all of them after its steps', () => {
    const draw = drawnInOrder({ order: 'length', from: 0.2, steps: 100 }, mazes, maze);
    // ⌈8 · 0.2⌉, ⌈8 · 0.4⌉, ⌈8 · 0.8⌉ and all of 8 histories; of two equally long ones, the first comes first.
    expect([0, 25, 75, 100, 5000].map(step => drawnAt(draw, step))).toEqual([
      [6, 7],
      [4, 5, 6, 7],
      [0, 2, 3, 4, 5, 6, 7],
      [0, 1, 2, 3, 4, 5, 6, 7],
      [0, 1, 2, 3, 4, 5, 6, 7],
    ]);
  });

  it('draws from at least one history, and from all at once with 0 steps', () => {
    expect(drawnAt(drawnInOrder({ order: 'length', from: 0, steps: 10 }, mazes, maze), 0)).toEqual([6]);
    expect(drawnAt(drawnInOrder({ order: 'length', from: 0, steps: 0 }, mazes, maze), 0).length).toBe(8);
  });

  it('orders lives by the changes that their history holds', () => {
    const life = environment('key-to-door-life', { calls: 600, changing: 0.5, every: 100, everyMax: 300 });
    const tasks = Array.from({ length: 12 }, (_, i) => life.drawTask!(Random.seeded(i)));
    // The history ends before the last changes of its task.
    const ends = [300, 600];
    const histories = tasks.map(
      (task, i) => ({ task, terminated: new Uint8Array(ends[i % 2]), truncated: new Uint8Array(ends[i % 2]) }) as History,
    );
    const counts = histories.map(({ task, terminated }) => life.changes!(task).filter(call => call < terminated.length).length);
    expect(new Set(counts).size).toBeGreaterThan(2);
    const draw = drawnInOrder({ order: 'changes', from: 0.5, steps: 1 }, histories, life);
    const [early, late] = [drawnAt(draw, 0), [...histories.keys()]].map(some => some.map(h => counts[h]).sort((a, b) => a - b));
    expect(early).toEqual(late.slice(0, 6));
  });

  it('by changes is refused where tasks never change', () => {
    expect(() => checkCurriculum({ order: 'changes', from: 0.1, steps: 10 }, maze)).toThrow(failure('E_CONFIG', 'length'));
  });

  it.each([false, true])('decides what batches hold, consecutive or not: %j', isConsecutive => {
    const packed = tokenizer('packed', maze);
    const shape: BatchShape = {
      batch: 16,
      contextTransitions: 8,
      segment: 8,
      contextLayout: 'segments',
      actions: 4,
      ...(isConsecutive && { perHistory: 2, consecutive: { restart: 0 } }),
    };
    const batch = newBatch(packed, shape);
    const history = drawnInOrder({ order: 'length', from: 0.25, steps: 50 }, mazes, maze);
    const sampler = new BatchSampler(mazes, packed, shape, { history });
    const streams = new StreamSampler(sampler, packed, shape, Random.seeded(1));
    const heldAt = (step: number) => {
      if (isConsecutive) streams.fill(batch, step);
      else sampler.fill(batch, Random.seeded(step), step);
      return [...new Set(batch.place.history)];
    };
    expect(heldAt(0).every(h => h >= 6)).toBe(true);
    expect([100, 101, 102, 103].flatMap(heldAt).some(h => h < 2)).toBe(true);
  });
});
