import { describe, expect, it } from 'vitest';
import { episodeStarts, futureReturns, type History, joinHistories, pickEpisodes, shortenEpisodes } from './history.ts';

/** Episodes of these lengths, each step numbered; the last step of an episode terminates it. */
function numbered(lengths: readonly number[], from = 0): History {
  const T = lengths.reduce((a, b) => a + b, 0);
  const ends = lengths.flatMap(length => Array.from({ length }, (_, t) => Number(t === length - 1)));
  const floats = (width: number, offset: number) => Float32Array.from({ length: T * width }, (_, i) => from + offset + i);
  return {
    task: { goal: 1 },
    taskKey: 'one',
    stream: 'numbers',
    observation: floats(2, 0),
    action: Int32Array.from({ length: T }, (_, t) => from + t),
    probabilities: floats(3, 500),
    reward: floats(1, 1000),
    nextObservation: floats(2, 2000),
    terminated: Uint8Array.from(ends),
    truncated: new Uint8Array(T),
  };
}

describe('a history', () => {
  const whole = numbered([2, 3, 1]);

  it('keeps the episodes that are selected, in the order given', () => {
    const kept = pickEpisodes(whole, [2, 0]);
    expect([...kept.action]).toEqual([5, 0, 1]);
    expect([...kept.observation]).toEqual([10, 11, 0, 1, 2, 3]);
    expect([...kept.probabilities.subarray(0, 3)]).toEqual([515, 516, 517]);
    expect([...kept.terminated]).toEqual([1, 0, 1]);
    expect([kept.taskKey, kept.stream]).toEqual(['one', 'numbers']);
    expect(pickEpisodes(whole, [0, 1, 2])).toEqual(whole);
  });

  it('is shortened to the first steps of each episode, truncated where something was cut off', () => {
    const short = shortenEpisodes(whole, 2);
    expect([...short.action]).toEqual([0, 1, 2, 3, 5]);
    expect([...short.terminated]).toEqual([0, 1, 0, 0, 1]);
    expect([...short.truncated]).toEqual([0, 0, 0, 1, 0]);
    expect([...episodeStarts(short)]).toEqual([0, 2, 4, 5]);
    expect(shortenEpisodes(whole, 3)).toEqual(whole);
    expect([...whole.truncated]).toEqual([0, 0, 0, 0, 0, 0]);
  });

  it('joined from two is taken apart again', () => {
    const [first, second] = [numbered([2, 1]), numbered([3], 100)];
    const both = joinHistories([first, second]);
    expect(pickEpisodes(both, [0, 1])).toEqual(first);
    expect(pickEpisodes(both, [2])).toEqual(second);
  });
});

// Three episodes: 3, 2 and 2 steps, paid 5, 4 and 7; the second ends by its horizon, and of the third the end may be missing.
const history = (ended: boolean) => ({
  reward: Float32Array.of(1, 0, 4, 2, 2, 0, 7),
  terminated: Uint8Array.of(0, 0, 1, 0, 0, 0, Number(ended)),
  truncated: Uint8Array.of(0, 0, 0, 0, 1, 0, 0),
});

describe('future returns', () => {
  it('are what the episode still earns, then the returns of those after it', () => {
    expect([...futureReturns(history(true), 0, 3, 3)]).toEqual([5, 4, 7, 4, 4, 7, 4, 4, 7]);
  });

  it('are the same from the middle of an episode on', () => {
    expect([...futureReturns(history(true), 1, 2, 3)]).toEqual([4, 4, 7]);
  });

  it('are unknown past the end of the history, and of an episode that breaks off', () => {
    expect([...futureReturns(history(true), 3, 5, 3)]).toEqual([4, 7, Number.NaN, 2, 7, Number.NaN]);
    expect([...futureReturns(history(false), 3, 5, 2)]).toEqual([4, Number.NaN, 2, Number.NaN]);
    expect([...futureReturns(history(false), 5, 7, 1)]).toEqual([Number.NaN, Number.NaN]);
  });
});
