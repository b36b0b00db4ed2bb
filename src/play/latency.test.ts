import { expect, it } from 'vitest';
import { failure } from '../../test/helpers/failure.ts';
import { actionDistribution, type Policy } from '../rl/index.ts';
import { Random } from '../util/random.ts';
import { latencyOf, timedPlayer } from './latency.ts';

it('spreads what compressions take over all actions', () => {
  // Twelve actions in three segments: a compression takes 8 ms, of which each action gets 8 · 3 / 12.
  const later = [1, 1, 2, 2, 2, 2, 2, 3, 5];
  const { median, p95, worst, actions } = latencyOf({ first: [10, 9, 40], later });
  expect(median).toBe(2 + 2);
  // 0.95 · 8 = 7.6 of the way through the nine: 3 + 0.6 · 2.
  expect(p95).toBeCloseTo(4.2 + 2, 12);
  expect([worst, actions]).toEqual([40, 12]);
});

it('has nothing to spread where every action compresses or none does, nor where first actions are no slower', () => {
  expect(latencyOf({ first: [3, 5, 4], later: [] })).toMatchObject({ median: 4, worst: 5, actions: 3 });
  expect(latencyOf({ first: [], later: [3, 5, 4] })).toMatchObject({ median: 4, worst: 5 });
  expect(latencyOf({ first: [1], later: [2, 2] })).toMatchObject({ median: 2, worst: 2 });
  expect(() => latencyOf({ first: [], later: [] })).toThrow(failure('E_SHAPE'));
});

it('tells first actions from later ones by segments and by ends of episodes, and lets the stream go on', async () => {
  const seen: number[] = [];
  const policy: Policy = {
    actions: actionDistribution({ kind: 'discrete', n: 2 }),
    reset: size => expect(size).toBe(1),
    async act([now]) {
      seen.push(now);
      return Float32Array.of(0, 1);
    },
    async observe({ action }) {
      expect([...action]).toEqual([1]);
    },
  };
  // Episodes of five steps.
  let t = 0;
  const family = {
    make: () => ({
      size: 1,
      reset: () => Float32Array.of(0),
      step: () => {
        t = (t + 1) % 5;
        const ended = Uint8Array.of(t === 0 ? 1 : 0);
        const at = Float32Array.of(t);
        return { observation: at, reward: new Float32Array(1), terminated: new Uint8Array(1), truncated: ended, finalObservation: at };
      },
    }),
  };
  const play = timedPlayer({ family, task: {}, policy, segment: 3, random: Random.seeded(0) });
  const counts = ({ first, later }: Awaited<ReturnType<typeof play>>) => [first.length, later.length];
  // Segments of three and two steps: actions 0 and 3 of every episode come first.
  expect(counts(await play(5))).toEqual([2, 3]);
  expect(counts(await play(4))).toEqual([2, 2]);
  expect(counts(await play(2))).toEqual([1, 1]);
  expect(seen).toEqual([0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 0]);
  const stopped = timedPlayer({ family, task: {}, policy, segment: 3, random: Random.seeded(0), signal: AbortSignal.abort('enough') });
  await expect(stopped(5)).rejects.toBe('enough');
});
