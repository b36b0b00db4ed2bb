import { describe, expect, test } from 'vitest';
import { failure, type Needle } from '../../test/helpers/failure.ts';
import type { Task } from '../rl/env.ts';
import type { History } from '../rl/history.ts';
import type { Random } from '../util/random.ts';
import { auditHistories, auditKeys, auditSplit, splitTasks, tasksByKey } from './split.ts';

const family = {
  id: 'toy-room',
  tasks: (): Task[] => Array.from({ length: 81 }, (_, i) => ({ goal: [i % 9, Math.floor(i / 9)] })),
  taskKey: (task: Task) => `goal=${task.goal}`,
};
const keysOf = (tasks: readonly Task[]) => tasks.map(family.taskKey);
const refusal = (...needles: Needle[]) => failure('E_SPLIT', ...needles);

describe('splitTasks', () => {
  test.each([8, 0.1])('81 tasks with heldOut %d give 73 and 8, together every task', heldOut => {
    const { train, test: held } = splitTasks(family, { heldOut, seed: 1 });
    expect([train.length, held.length]).toEqual([73, 8]);
    expect(new Set(keysOf([...train, ...held])).size).toBe(81);
  });

  test('equal seeds give equal splits, others do not', () => {
    const split = (seed: number) => splitTasks(family, { heldOut: 8, seed });
    expect(split(5)).toEqual(split(5));
    expect(split(5)).not.toEqual(split(6));
  });

  test.each([0, 81, 2.5, -1, Number.NaN])('heldOut %d is refused', heldOut => {
    expect(() => splitTasks(family, { heldOut, seed: 1 })).toThrow(refusal('split.heldOut', '[1, 80]', String(heldOut)));
  });

  test('a family that lists one task twice under two numbers is caught by content', () => {
    const twice = { ...family, tasks: () => [...family.tasks(), { goal: [4, 4] }] };
    for (let seed = 0; seed < 20; seed++) expect(() => splitTasks(twice, { heldOut: 8, seed })).toThrow(refusal('goal=4,4'));
  });
});

describe('auditSplit', () => {
  test.each([
    [{ train: ['a', 'b'], test: ['b', 'c'] }, [/\bb\b/]],
    [{ train: ['a', 'a'], test: ['b'] }, [/\btrain\b.*\ba\b/]],
    [{ train: ['a'], test: [] }, [/\btest\b/]],
    [{ train: [], test: ['a'] }, [/\btrain\b/]],
    [{ train: [...'abcdefg'], test: [...'abcdefg'] }, ['a, b, c, d, e', 2]],
  ])('%o is refused', (keys, needles) => {
    expect(() => auditSplit(keys)).toThrow(refusal(...needles));
  });
});

describe('auditHistories', () => {
  const split = { train: ['goal=0,0', 'goal=1,0'], test: ['goal=2,0'] };
  const history = (x: number, taskKey = `goal=${x},0`) => ({ task: { goal: [x, 0] }, taskKey, stream: `run ${x}` }) as unknown as History;

  test('training tasks pass', () => auditHistories(family, split, [history(0), history(1), history(0)]));
  test('a held-out task is refused', () => {
    expect(() => auditHistories(family, split, [history(0), history(2)])).toThrow(refusal("'run 2'", 'goal=2,0'));
  });
  test('a held-out task under a training key is refused', () => {
    expect(() => auditHistories(family, split, [history(2, 'goal=0,0')])).toThrow(refusal("'run 2'", 'goal=0,0', 'goal=2,0'));
  });
  test('a task of neither side is refused', () => {
    expect(() => auditHistories(family, split, [history(3)])).toThrow(refusal("'run 3'", 'goal=3,0'));
  });
});

test('tasksByKey gives tasks back in the order of the keys, and refuses unknown ones', () => {
  expect(tasksByKey(family, ['goal=3,2', 'goal=0,0'])).toEqual([{ goal: [3, 2] }, { goal: [0, 0] }]);
  expect(() => tasksByKey(family, ['goal=9,9'])).toThrow(refusal('goal=9,9', 'goal=0,0'));
});

describe('tasks that are drawn', () => {
  const drawing = {
    id: 'toy-bandit',
    drawTask: (random: Random): Task => ({ means: [random.uniform(), random.uniform()] }),
    taskKey: (task: Task) => `means=${task.means}`,
  };
  const split = (options: object) => splitTasks(drawing, { heldOut: 10, tasks: 30, seed: 1, ...options });

  test('are as many as were asked for, all distinct by content, and the same for equal seeds', () => {
    const { train, test: held } = split({});
    expect([train.length, held.length]).toEqual([30, 10]);
    expect(new Set([...train, ...held].map(drawing.taskKey)).size).toBe(40);
    expect(split({})).toEqual({ train, test: held });
    expect(split({ seed: 2 }).test).not.toEqual(held);
  });

  test('are held out first, so that more training tasks change neither side', () => {
    const [few, many] = [split({ tasks: 5 }), split({ tasks: 50 })];
    expect(many.test).toEqual(few.test);
    expect(many.train.slice(0, 5)).toEqual(few.train);
  });

  test('are audited by content: a distribution that repeats itself is caught', () => {
    const coarse = { ...drawing, drawTask: (random: Random): Task => ({ means: [random.integer(3), 0] }) };
    expect(() => splitTasks(coarse, { heldOut: 2, tasks: 8, seed: 1 })).toThrow(refusal(/means=\d,0/));
  });

  test.each([{ heldOut: 0.1 }, { heldOut: 0 }, { tasks: undefined }, { tasks: 0 }, { tasks: 2.5 }])('%o is refused', options => {
    expect(() => split(options)).toThrow(refusal('toy-bandit', /split\.(heldOut|tasks)/, 1));
  });

  test('have keys that only the tasks themselves can confirm', () => {
    auditKeys(drawing, ['means=1,2']);
    expect(() => auditKeys(family, ['goal=9,9'])).toThrow(refusal('goal=9,9'));
    expect(() => tasksByKey(drawing, ['means=1,2'])).toThrow(failure('E_CONFIG'));
  });

  test('cannot be counted where tasks are listed', () => {
    expect(() => splitTasks(family, { heldOut: 8, tasks: 9, seed: 1 })).toThrow(refusal('toy-room', 'split.tasks', 81, 9));
  });
});
