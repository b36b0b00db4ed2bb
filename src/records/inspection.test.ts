import { describe, expect, it } from 'vitest';
import { moments, momentsWithin } from './inspection.ts';

describe('moments', () => {
  it('are early episodes, later ones at growing distances, a given one and the last', () => {
    expect(moments(12, 6)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 10, 12]);
  });

  it('within an episode are ends of segments at growing distances, and the last call', () => {
    expect(momentsWithin(4000, 64)).toEqual([0, 64, 128, 192, 256, 384, 640, 1024, 1600, 2560, 4000]);
    expect(momentsWithin(257, 32)).toEqual([0, 32, 64, 96, 128, 192, 224, 257]);
    expect(momentsWithin(20, 20)).toEqual([0, 20]);
  });
});
