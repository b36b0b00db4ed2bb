import { describe, expect, it } from 'vitest';
import { failure } from '../../test/helpers/failure.ts';
import { discountedReturns, explainedVariance, generalizedAdvantages, standardized, streamDiscounts } from './advantage.ts';

const close = (found: Float64Array, expected: number[]) => {
  expect(found).toHaveLength(expected.length);
  for (const [i, v] of found.entries()) expect(v).toBeCloseTo(expected[i], 12);
};

// Two episodes of two steps; only the last step of the second is paid.
const ended = [0, 1, 0, 1];
const reward = [0, 0, 0, 8];

describe('discounts', () => {
  it('stay at an episode’s end by the share that is asked for', () => {
    close(streamDiscounts(ended, { step: 0.5, crossEpisode: 1 }), [0.5, 0.5, 0.5, 0.5]);
    close(streamDiscounts(ended, { step: 0.5, crossEpisode: 0.5 }), [0.5, 0.25, 0.5, 0.25]);
    close(streamDiscounts(ended, { step: 0.5, crossEpisode: 0 }), [0.5, 0, 0.5, 0]);
  });

  it('outside of [0, 1] are refused', () => {
    expect(() => streamDiscounts(ended, { step: 1.1, crossEpisode: 1 })).toThrow(failure('E_SHAPE', '[0, 1]', 1.1, 1));
  });
});

describe('returns', () => {
  it('across episodes pay the actions of the first for what the second brings', () => {
    close(discountedReturns(reward, streamDiscounts(ended, { step: 0.5, crossEpisode: 1 })), [1, 2, 4, 8]);
  });

  it('of each episode alone do not', () => {
    close(discountedReturns(reward, streamDiscounts(ended, { step: 0.5, crossEpisode: 0 })), [0, 0, 4, 8]);
  });

  it('go on with the bootstrap where the stream was cut', () => {
    close(discountedReturns([1, 1], [0.5, 0.5], 4), [2.5, 3]);
  });

  it('name the array that has another length', () => {
    expect(() => discountedReturns([1, 2], [1])).toThrow(failure('E_SHAPE', '"discount"', 2, 1));
  });
});

describe('generalized advantages', () => {
  const discount = [0.5, 0.5, 0.5];
  const value = [1, 2, 3, 4];
  // δ = (2 + 1 - 1, 0 + 1.5 - 2, 1 + 2 - 3) = (2, -0.5, 0)
  it.each([
    ['the one-step errors at λ = 0', 0, [2, -0.5, 0]],
    ['by hand at λ = 0.5', 0.5, [2 + 0.25 * -0.5, -0.5, 0]],
  ])('are %s', (_, lambda, expected) => {
    close(generalizedAdvantages([2, 0, 1], discount, value, lambda), expected);
  });

  it('are returns above the values at λ = 1', () => {
    const returns = discountedReturns([2, 0, 1], discount, 4);
    close(
      generalizedAdvantages([2, 0, 1], discount, value, 1),
      Array.from(returns, (g, t) => g - value[t]),
    );
  });

  it('carry nothing over an end whose discount is 0, and something over one whose is not', () => {
    const zero = [0, 0, 0, 0, 0];
    close(generalizedAdvantages(reward, streamDiscounts(ended, { step: 1, crossEpisode: 0 }), zero, 0.5), [0, 0, 4, 8]);
    close(generalizedAdvantages(reward, streamDiscounts(ended, { step: 1, crossEpisode: 1 }), zero, 0.5), [1, 2, 4, 8]);
  });

  it('need one value more than rewards', () => {
    expect(() => generalizedAdvantages([1], [1], [1], 1)).toThrow(failure('E_SHAPE', '"value"', 2, 1));
  });
});

it('standardized numbers have mean 0 and deviation 1, or are all 0', () => {
  close(standardized([1, 3]), [-1, 1]);
  close(standardized([5, 5, 5]), [0, 0, 0]);
});

it('explained variance is 1 for the truth, 0 for its mean, below 0 for worse', () => {
  const wanted = [1, 2, 6];
  expect(explainedVariance(wanted, wanted)).toBe(1);
  expect(explainedVariance(wanted, [3, 3, 3])).toBeCloseTo(0, 12);
  expect(explainedVariance(wanted, [-1, -2, -6])).toBeCloseTo(-3, 12);
  expect(explainedVariance([4, 4], [1, 2])).toBe(0);
});
