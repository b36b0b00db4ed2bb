import { describe, expect, it } from 'vitest';
import { failure } from '../../test/helpers/failure.ts';
import { listedTasks } from '../rl/index.ts';
import { generateHistory, source } from '../sources/index.ts';
import { Random } from '../util/random.ts';
import { environment } from './index.ts';

const [FORWARD, UP, BACK, DOWN] = [0, 1, 2, 3];
const family = environment('t-maze', { shortest: 3, longest: 3 });

/** What is seen, paid and ended along these actions, in one episode. */
function walk(cue: number, actions: number[]) {
  const env = family.make([{ cue, length: 3 }], Random.seeded(0));
  expect([...env.reset()]).toEqual([0, cue]);
  return actions.map(action => {
    const { reward, terminated, finalObservation } = env.step(Int32Array.of(action));
    return [...finalObservation, reward[0], terminated[0]];
  });
}

describe('t-maze', () => {
  it('shows the cue once, then a corridor of equal observations, and pays the turn that the cue names', () => {
    const way = [
      [0, 0, 0, 0],
      [0, 0, 0, 0],
      [1, 0, 0, 0],
    ];
    const turn = (cue: number, action: number) => walk(cue, [FORWARD, FORWARD, FORWARD, action]);
    expect(turn(1, UP)).toEqual([...way, [1, 1, 1, 1]]);
    expect(turn(-1, DOWN)).toEqual([...way, [1, -1, 1, 1]]);
    expect(turn(1, DOWN)).toEqual([...way, [1, -1, 0, 1]]);
    expect(turn(-1, FORWARD)).toEqual([...way, [1, 0, 0, 1]]);
  });

  it('costs every step that is not a move forward, but the last, and leaves no time for the turn', () => {
    // Against the walls, back to the start, where the cue is no longer shown, and on.
    expect(walk(1, [UP, FORWARD, BACK, DOWN])).toEqual([
      [0, 0, -1 / 128, 0],
      [0, 0, 0, 0],
      [0, 0, -1 / 128, 0],
      [0, 0, 0, 1],
    ]);
  });

  it('lasts exactly one step more than the corridor is long, and lists both cues of every length', () => {
    const tasks = listedTasks(environment('t-maze'), 'A test');
    expect(tasks).toHaveLength(16);
    expect([tasks[0], tasks.at(-1)]).toEqual([
      { cue: -1, length: 32 },
      { cue: 1, length: 256 },
    ]);
    for (const task of tasks) {
      const [played] = ['recall', 'oracle'].map(id =>
        generateHistory({ family: environment('t-maze'), task, source: source(id), random: Random.seeded(1), episodes: 2 }),
      );
      expect(played.reward).toHaveLength(2 * ((task.length as number) + 1));
      expect(played.reward.reduce((sum, value) => sum + value, 0)).toBe(2);
    }
  });

  it('can be a million moves long', () => {
    const long = environment('t-maze', { shortest: 1_000_000, longest: 1_000_000 });
    expect(long.horizon).toBe(1_000_001);
    const [task] = listedTasks(long, 'A test');
    const { reward } = generateHistory({ family: long, task, source: source('recall'), random: Random.seeded(1), episodes: 1 });
    expect([reward.length, reward.at(-1)]).toEqual([1_000_001, 1]);
  });

  it('counts successes', () => {
    const { name, of } = family.outcome!;
    const step = { observation: [0, 0, 1, 0], reward: [-1 / 128, 1], nextObservation: [0, 0, 1, 1] };
    expect([name, of(step, 0), of(step, 1)]).toEqual(['successes', 0, 1]);
  });

  it('refuses lengths in the wrong order', () => {
    expect(() => environment('t-maze', { shortest: 9, longest: 8 })).toThrow(failure('E_CONFIG', 8, 9));
  });
});
