import { expect, it } from 'vitest';
import { failure } from '../../test/helpers/failure.ts';
import { AttentionMean } from './attention.ts';

it('averages weights and their entropies, apart for each episode', () => {
  const mean = new AttentionMean({ layers: 2, heads: 1 }, [1, 3]);
  // Each head first looks at one of two, then at both alike.
  mean.add(1, [1, 0, 0, 1]);
  mean.add(1, [0.5, 0.5, 0.5, 0.5]);
  mean.add(2, [1, 0, 1, 0]);
  expect(mean.means()).toEqual([{ episode: 1, weights: [[[0.75, 0.25]], [[0.25, 0.75]]], entropy: [[0.5], [0.5]] }]);
  mean.add(3, [0, 1, 0, 1]);
  expect(mean.means()[1]).toEqual({ episode: 3, weights: [[[0, 1]], [[0, 1]]], entropy: [[0], [0]] });
  expect(() => mean.add(3, [1, 0, 0])).toThrow(failure('E_SHAPE', 2, 3));
});
