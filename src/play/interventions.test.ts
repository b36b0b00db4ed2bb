import { describe, expect, it } from 'vitest';
import { buttons } from '../../test/helpers/buttons.ts';
import { actionDistribution, type Feedback } from '../rl/index.ts';
import { Random } from '../util/random.ts';
import { type ClearablePolicy, type Intervention, intervened, interventionName } from './interventions.ts';
import { playLife } from './life.ts';

const family = buttons();
const tasks = [
  { first: 0, shift: 1 },
  { first: 1, shift: 1 },
  { first: 2, shift: 1 },
];

/** Remembers, for each environment, all rewards and the last observation that it acted on; always presses 0. */
class Diary implements ClearablePolicy {
  readonly actions = actionDistribution(family.actionSpace);
  readonly cleared: [call: number, i: number][] = [];
  memory: string[] = [];
  acted: number[][] = [];
  #call = 0;

  reset(size: number): void {
    [this.memory, this.#call] = [new Array(size).fill(''), 0];
  }

  forget(i: number): void {
    this.memory[i] = '';
    this.cleared.push([this.#call, i]);
  }

  async act(observation: Float32Array): Promise<Float32Array> {
    this.acted.push([...observation]);
    this.#call++;
    return Float32Array.from({ length: 3 * this.memory.length }, (_, i) => Number(i % 3 === 0));
  }

  async observe({ reward }: Feedback): Promise<void> {
    for (const i of this.memory.keys()) this.memory[i] += reward[i] > 0 ? '+' : '-';
  }
}

async function live(intervention: Intervention, played: Partial<typeof family> = {}, calls = 80): Promise<Diary> {
  const diary = new Diary();
  // A spread of an object literal, as policies are.
  const plain: ClearablePolicy = {
    actions: diary.actions,
    reset: size => diary.reset(size),
    forget: i => diary.forget(i),
    act: observation => diary.act(observation),
    observe: feedback => diary.observe(feedback),
  };
  const policy = intervened(plain, intervention, { family: { ...family, ...played }, tasks, streams: 1 });
  await playLife({ family, tasks, policy, calls, window: calls, bin: 5, random: Random.seeded(0), greedy: true });
  return diary;
}

const all = (...calls: number[]) => calls.flatMap(call => tasks.map((_, i) => [call, i]));

describe('memory', () => {
  it('is cleared once, at the call', async () => {
    const { cleared, memory } = await live({ 'clear-once': 33 });
    expect(cleared).toEqual(all(33));
    expect(memory.map(({ length }) => length)).toEqual([47, 47, 47]);
  });

  it('is cleared at every attempt', async () => {
    const { cleared } = await live('clear-at-attempt', {}, 20);
    expect(cleared).toEqual(all(0, 5, 10, 15));
  });

  it('is cleared at changes: at once without attempts, else at the first attempt from the change on', async () => {
    const later = { changes: () => [3, 22, 23, 41] };
    expect((await live('clear-at-change', { ...later, attempt: undefined })).cleared).toEqual(all(3, 22, 23, 41));
    expect((await live('clear-at-change', later)).cleared).toEqual(all(5, 25, 45));
    expect((await live('clear-at-change')).cleared).toEqual(all(20, 40, 60));
  });

  it('is that of the next task from the call on', async () => {
    const { memory } = await live({ donor: 10 }, {}, 20);
    // In its first layout, button 0 pays only in the first task. Its stream continues with the second memory, and the first memory is in the third.
    expect(memory).toEqual([`${'+'.repeat(10)}${'-'.repeat(10)}`, `${'-'.repeat(10)}${'+'.repeat(10)}`, '-'.repeat(20)]);
  });

  it('acts where its stream is: each row in and out belongs to the same environment', async () => {
    const seen: Float32Array[] = [];
    const actions = actionDistribution(family.actionSpace);
    const policy: ClearablePolicy = {
      actions,
      reset() {},
      forget() {},
      // Memory i always presses button i.
      act: async () => Float32Array.from({ length: 9 }, (_, at) => Number(at % 3 === Math.floor(at / 3))),
      observe: async ({ action, reward }) => {
        seen.push(Float32Array.from([...action, ...reward]));
      },
    };
    const donor = intervened(policy, { donor: 1 }, { family, tasks, streams: 1 });
    const { returns } = await playLife({
      family,
      tasks,
      policy: donor,
      calls: 2,
      window: 1,
      bin: 1,
      random: Random.seeded(0),
      greedy: true,
    });
    // Before, memory i is in task i, whose button i pays; then in task i − 1, whose button is another.
    expect([...returns]).toEqual([1, 0, 1, 0, 1, 0]);
    expect(seen.map(row => [...row])).toEqual([
      [0, 1, 2, 0.5, 0.5, 0.5],
      [0, 1, 2, 0, 0, 0],
    ]);
  });
});

it('every intervention has a name of its own', () => {
  const names = (['clear-at-change', 'clear-at-attempt', { 'clear-once': 5 }, { 'clear-once': 6 }, { donor: 5 }] as const).map(
    interventionName,
  );
  expect(new Set(names).size).toBe(5);
});
