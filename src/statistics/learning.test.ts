import { describe, expect, it } from 'vitest';
import { failure } from '../../test/helpers/failure.ts';
import { Random } from '../util/random.ts';
import { drawResamples } from './bootstrap.ts';
import { areaUnder, episodesTo } from './learning.ts';

const draws = (runs: number) => drawResamples([runs], 2000, Random.seeded(3));

it('the area under a learning curve is its mean', () => {
  expect(areaUnder([0, 0.5, 1, 1])).toBe(0.625);
  expect(areaUnder([1, 1, 1])).toBe(1);
});

describe('episodesTo', () => {
  // Their mean is 0.25, 0.9, 1.
  const curves = [
    [0, 0.8, 1],
    [0.5, 1, 1],
  ];

  it('is the first episode whose mean over runs is near the oracle, counted from 1', () => {
    expect(episodesTo(curves, draws(2)).episodes).toBe(2);
    expect(episodesTo(curves, draws(2), 0.95).episodes).toBe(3);
    expect(episodesTo(curves, draws(2), 0.1).episodes).toBe(1);
  });

  it('has the interval of the exact bootstrap distribution', () => {
    // The first curve twice takes 3 episodes, with probability ¼; all other resamples take 2.
    expect(episodesTo(curves, draws(2), 0.9, 0.4)).toEqual({ share: 0.9, episodes: 2, low: 2, high: 2 });
    expect(episodesTo(curves, draws(2), 0.9, 0.9)).toEqual({ share: 0.9, episodes: 2, low: 2, high: 3 });
  });

  it('is censored where the last episode that was played is not near it', () => {
    expect(episodesTo([[0, 0.5]], draws(1))).toEqual({ share: 0.9, episodes: null, low: null, high: null });
    // A quarter of the resamples draws the solved run alone.
    expect(episodesTo([[1], [0]], draws(2), 0.9, 0.9)).toEqual({ share: 0.9, episodes: null, low: 1, high: null });
    expect(episodesTo([[1], [0]], draws(2), 0.9, 0.4)).toMatchObject({ low: null });
  });

  it('reaches a bound that the mean meets exactly', () => {
    const tenths = Array.from({ length: 10 }, (_, i) => [i < 9 ? 1 : 0]);
    expect(episodesTo(tenths, draws(10)).episodes).toBe(1);
    expect(episodesTo([[0.9], [0.9], [0.9]], draws(3)).episodes).toBe(1);
  });

  it('says what is wrong', () => {
    expect(() => episodesTo(curves, draws(3))).toThrow(failure('E_SHAPE', 3, 2));
  });
});
