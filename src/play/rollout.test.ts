import { describe, expect, it } from 'vitest';
import { failure } from '../../test/helpers/failure.ts';
import { type Actions, actionDistribution, type Feedback, type Policy, Recording, type Task, type VectorEnv } from '../rl/index.ts';
import { Random } from '../util/random.ts';
import { recordRollout, rollout } from './rollout.ts';
import type { RolloutStep } from './steps.ts';

/** Counts to the task's length, or ends at once on action 1; rewards the action's number plus one. All arrays are reused on purpose. */
class Counter implements VectorEnv {
  readonly size: number;
  readonly #lengths: number[];
  readonly clock: Int32Array;
  readonly #result;

  constructor(tasks: readonly Task[]) {
    this.size = tasks.length;
    this.#lengths = tasks.map(task => task.length as number);
    this.clock = new Int32Array(this.size);
    this.#result = {
      observation: new Float32Array(this.size),
      reward: new Float32Array(this.size),
      terminated: new Uint8Array(this.size),
      truncated: new Uint8Array(this.size),
      finalObservation: new Float32Array(this.size),
    };
  }

  reset(): Float32Array {
    this.clock.fill(0);
    return this.#result.observation.fill(0);
  }

  step(actions: Actions) {
    const { observation, reward, terminated, truncated, finalObservation } = this.#result;
    for (let i = 0; i < this.size; i++) {
      finalObservation[i] = ++this.clock[i];
      reward[i] = actions[i] + 1;
      terminated[i] = actions[i] === 1 ? 1 : 0;
      truncated[i] = this.clock[i] === this.#lengths[i] ? 1 : 0;
      if (terminated[i] || truncated[i]) this.clock[i] = 0;
      observation[i] = this.clock[i];
    }
    return this.#result;
  }
}

const family = {
  id: 'counter',
  horizon: 6,
  actionSpace: { kind: 'discrete', n: 2 } as const,
  make: (tasks: readonly Task[]) => new Counter(tasks),
};

/** Acts by a fixed distribution and remembers what it observed. */
class Fixed implements Policy {
  readonly actions = actionDistribution(family.actionSpace);
  readonly observed: [number, number][] = [];
  readonly #probabilities: number[];
  #size = 0;

  constructor(...probabilities: number[]) {
    this.#probabilities = probabilities;
  }

  reset(size: number): void {
    this.#size = size;
  }

  async act(): Promise<Float32Array> {
    return Float32Array.from({ length: this.#size * 2 }, (_, i) => this.#probabilities[i % 2]);
  }

  async observe({ observation, nextObservation }: Feedback): Promise<void> {
    this.observed.push([observation[0], nextObservation[0]]);
  }
}

const tasks = [{ length: 2 }, { length: 6 }];

describe('rollout', () => {
  it('steps until the slowest stream is through and ignores surplus episodes', async () => {
    const { returns } = await rollout({ family, tasks, policy: new Fixed(1, 0), episodes: 2, random: Random.seeded(0) });
    expect([...returns]).toEqual([2, 2, 6, 6]);
  });

  it('ends an episode on termination as on truncation', async () => {
    const { returns } = await rollout({ family, tasks, policy: new Fixed(0, 1), episodes: 3, random: Random.seeded(0) });
    expect([...returns]).toEqual([2, 2, 2, 2, 2, 2]);
  });

  it('tells the policy the state before and the final state, though the environment reuses its arrays', async () => {
    const policy = new Fixed(1, 0);
    await rollout({ family, tasks: [{ length: 2 }], policy, episodes: 2, random: Random.seeded(0) });
    expect(policy.observed).toEqual([
      [0, 1],
      [1, 2],
      [0, 1],
      [1, 2],
    ]);
  });

  it('shows every step before the policy observes it, with what was drawn from and what comes next', async () => {
    const policy = new Fixed(1, 0);
    const seen: unknown[] = [];
    const onStep = async ({ observation, probabilities, action, reward, truncated, next }: RolloutStep) => {
      expect(policy.observed).toHaveLength(seen.length);
      await Promise.resolve();
      seen.push([observation, probabilities, action, reward, truncated, next].map(column => column[0]));
    };
    await rollout({ family, tasks: [{ length: 2 }], policy, episodes: 2, random: Random.seeded(0), onStep });
    // After the second step an episode ends, and the next begins at 0.
    expect(seen).toEqual([
      [0, 1, 0, 1, 0, 1],
      [1, 1, 0, 1, 1, 0],
      [0, 1, 0, 1, 0, 1],
      [1, 1, 0, 1, 1, 0],
    ]);
  });

  it('samples by default and is greedy on request', async () => {
    const run = (greedy: boolean, seed: number) =>
      rollout({ family, tasks, policy: new Fixed(0.6, 0.4), episodes: 8, random: Random.seeded(seed), greedy });
    expect(await run(true, 1)).toEqual(await run(true, 2));
    expect(await run(false, 1)).toEqual(await run(false, 1));
    expect(await run(false, 1)).not.toEqual(await run(false, 2));
  });

  it('sums the regret of what was executed, by part, and tells the policy what was executed', async () => {
    // The environment swaps the action on each episode's second step, which is not scored.
    class Swapping extends Counter {
      override step(actions: Actions) {
        const executed = actions.map((action, i) => (this.clock[i] === 1 ? 1 - action : action));
        return { ...super.step(actions), executed };
      }
    }
    const swapping = {
      ...family,
      make: (tasks: readonly Task[]) => new Swapping(tasks),
      regret: {
        parts: ['first', 'later'],
        part: (elapsed: number) => (elapsed === 1 ? -1 : Number(elapsed > 1)),
        of: (task: Task, action: number) => (task.length as number) * (1 - action),
      },
    };
    const observed: number[][] = [];
    const policy = new Fixed(1, 0);
    policy.observe = async ({ action }) => void observed.push([...action]);
    const { regret } = await rollout({ family: swapping, tasks, policy, episodes: 2, random: Random.seeded(0) });
    // Lengths 2 and 6, regret 2 and 6 a scored step: stream 0 scores one step an episode, stream 1 one and four.
    expect([...regret!]).toEqual([4, 0, 12, 48]);
    expect(observed.slice(0, 3)).toEqual([
      [0, 0],
      [1, 1],
      [0, 0],
    ]);
    expect(await rollout({ family, tasks, policy, episodes: 1, random: Random.seeded(0) })).not.toHaveProperty('regret');
  });

  it('reports progress and stops on request', async () => {
    const seen: number[] = [];
    const controller = new AbortController();
    const onProgress = ({ done }: { done: number }) => {
      seen.push(done);
      controller.abort(new Error('stop'));
    };
    const run = rollout({
      family,
      tasks,
      policy: new Fixed(1, 0),
      episodes: 2,
      random: Random.seeded(0),
      onProgress,
      signal: controller.signal,
    });
    await expect(run).rejects.toThrow('stop');
    expect(seen).toEqual([1]);
  });

  it('refuses a policy of another action space and an environment without end', async () => {
    const run = (change: object) =>
      rollout({ family: { ...family, ...change }, tasks, policy: new Fixed(1, 0), episodes: 1, random: Random.seeded(0) });
    await expect(run({ actionSpace: { kind: 'discrete', n: 5 } })).rejects.toThrow(failure('E_SHAPE', 5, 2));
    await expect(run({ horizon: 3 })).rejects.toThrow(failure('E_SHAPE', 'horizon', 3));
  });
});

describe('recordRollout', () => {
  it('records of each stream what counts, after it was shown, and gives it as a history', async () => {
    const policy = new Fixed(0.75, 0.25);
    const space = { observationSpace: { kind: 'discrete', n: 7 } } as const;
    const recordings = tasks.map(task => new Recording(task, space, policy.actions));
    const before: number[] = [];
    const onStep = () => void before.push(recordings[1].length);
    const { returns } = await recordRollout(recordings, { family, policy, episodes: 2, random: Random.seeded(0), greedy: true, onStep });
    expect([...returns]).toEqual([2, 2, 6, 6]);
    expect(recordings.map(({ starts }) => starts)).toEqual([
      [0, 2, 4],
      [0, 6, 12],
    ]);
    expect(before).toEqual(Array.from({ length: 12 }, (_, t) => t));
    const history = recordings[0].history({ taskKey: 'two', stream: 's' });
    expect(history).toMatchObject({ task: { length: 2 }, taskKey: 'two', stream: 's', action: Int32Array.of(0, 0, 0, 0) });
    expect([...history.observation]).toEqual([0, 1, 0, 1]);
    expect([...history.nextObservation]).toEqual([1, 2, 1, 2]);
    expect([...history.truncated]).toEqual([0, 1, 0, 1]);
    expect([...history.probabilities]).toEqual([0.75, 0.25, 0.75, 0.25, 0.75, 0.25, 0.75, 0.25]);
  });
});
