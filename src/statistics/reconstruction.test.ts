import { describe, expect, it } from 'vitest';
import { failure } from '../../test/helpers/failure.ts';
import { MeanContext, measuresOf, ReconstructionScore } from './reconstruction.ts';

/** (there, one of two, reward): 4 numbers a token. */
const layout = {
  width: 4,
  fields: [
    { name: 'state', kind: 'categorical', offset: 1, size: 2, presence: 0 },
    { name: 'reward', kind: 'scalar', offset: 3, size: 1, presence: 0, reward: true },
  ],
};
/** Two contexts of three tokens, the latest last; the first has one transition less. */
const contexts = [
  [0, 0, 0, 0, /**/ 1, 1, 0, 0, /**/ 1, 0, 1, 2],
  [1, 0, 1, 1, /**/ 1, 0, 1, 0, /**/ 1, 0, 1, 1],
].flat();

describe('reconstruction', () => {
  it('measures a field by its kind, and also the recall of a reward', () => {
    expect(measuresOf(layout.fields)).toEqual([
      { name: 'state', measure: 'accuracy' },
      { name: 'reward', measure: 'squared error' },
      { name: 'reward events', measure: 'recall' },
    ]);
  });

  it('is what hand and paper say, by age and over all', () => {
    const score = new ReconstructionScore(layout, 3);
    const given = [
      // What is not there does not count, whatever is given back. State right (−1 over −2); 0.5 for a reward of 0; state wrong, reward 1.2 of 2.
      [9, 9, 9, 9, /**/ 0, -1, -2, 0.5, /**/ 0, 3, 1, 1.2],
      // State right, 0.5 of 1 is no recall; state wrong; state right, 0.6 of 1 is.
      [0, 0, 1, 0.5, /**/ 0, 1, 0, 0, /**/ 0, 0, 1, 0.6],
    ].flat();
    score.add(given, contexts);
    const [state, reward, events] = score.means(2, token => Math.floor((2 - token) / 2));
    // Bins: the two latest tokens, and the one before.
    expect(state).toEqual({ all: 3 / 5, bins: [2 / 4, 1] });
    expect(reward.bins[0]).toBeCloseTo((0.25 + 0.64 + 0 + 0.16) / 4, 12);
    expect(reward.bins[1]).toBeCloseTo(0.25, 12);
    expect(reward.all).toBeCloseTo((0.25 + 0.64 + 0 + 0.16 + 0.25) / 5, 12);
    expect(events).toEqual({ all: 2 / 3, bins: [1, 0] });
  });

  it('says nothing where nothing was there', () => {
    const score = new ReconstructionScore(layout, 3);
    score.add(contexts.slice(0, 12), contexts.slice(0, 12));
    const [state, , events] = score.means(3, token => 2 - token);
    expect(state.bins).toEqual([1, 1, null]);
    expect(events.bins).toEqual([1, null, null]);
  });

  it('refuses contexts of another size', () => {
    const score = new ReconstructionScore(layout, 3);
    expect(() => score.add(contexts.slice(1), contexts)).toThrow(failure('E_SHAPE', '3 × 4'));
  });
});

describe('the mean context', () => {
  it('averages each field over the contexts that have it', () => {
    const mean = new MeanContext(layout, 3);
    mean.add(contexts);
    // States: (0, 1) alone; (1, 0) and (0, 1); (0, 1) twice. Rewards: 1; 0 and 0; 2 and 1.
    expect([...mean.mean()]).toEqual([0, 0, 1, 1, /**/ 0, 0.5, 0.5, 0, /**/ 0, 0, 1, 1.5]);
  });
});
