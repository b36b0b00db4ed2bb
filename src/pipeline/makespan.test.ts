import { describe, expect, it } from 'vitest';
import { criticalPath, makespan, type TimedJob } from './makespan.ts';

const job = (key: string, seconds: number, ...after: string[]): TimedJob => ({ key, seconds, after });

/** Two chains that begin with the same job, and one that stands alone. */
const JOBS = [job('data', 2), job('long', 5, 'data'), job('short', 1, 'data'), job('last', 3, 'long'), job('alone', 4)];

describe('makespan', () => {
  it('is the sum of all times with one worker', () => {
    expect(makespan(JOBS, 1)).toBe(15);
  });

  it('with two workers: data and alone, then long, short after alone, and last', () => {
    expect(makespan(JOBS, 2)).toBe(10);
  });

  it('is the critical path with as many workers as jobs', () => {
    expect(criticalPath(JOBS)).toBe(10);
    expect(makespan(JOBS, JOBS.length)).toBe(10);
  });

  it('depends on the order: the most urgent first', () => {
    const jobs = [job('a', 1), job('b', 1), job('c', 4)];
    expect(makespan(jobs, 2)).toBe(5);
    expect(makespan(jobs.toReversed(), 2)).toBe(4);
  });

  it('ignores inputs that are finished', () => {
    expect(makespan([job('next', 2, 'finished')], 3)).toBe(2);
    expect(criticalPath([job('next', 2, 'finished')])).toBe(2);
  });

  it('is 0 without jobs', () => {
    expect([makespan([], 4), criticalPath([])]).toEqual([0, 0]);
  });
});
