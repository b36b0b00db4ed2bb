/** @file The time of a dry run with parallel processes. */

import { expect, it } from 'vitest';
import { timed } from './estimate.ts';

const FOUND = {
  name: 'a',
  stages: [
    { stage: 'long', bytes: 0, flops: 9e12 },
    { stage: 'short', bytes: 0, flops: 1e12 },
  ],
  parts: [0, 0],
  peakBytes: 0,
  machineBytes: 1,
};

it('is at least that of the longest chain, and at most that of one process', () => {
  const seconds = (processes: number, flops: number) => timed({ ...FOUND, processes, chain: { stages: 1, flops } }, 100, 1).seconds;
  // One second for each stage, and half of 100 GFLOP/s.
  expect(seconds(1, 9e12)).toBeCloseTo(2 + 200);
  expect(seconds(2, 9e12)).toBeCloseTo(1 + 180);
  // The operations of a chain are those of whole stages, the rest those of unfinished ones.
  expect(seconds(2, 90e12)).toBeCloseTo(2 + 200);
});
