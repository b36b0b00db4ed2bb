import { describe, expect, it } from 'vitest';
import { failure } from '../../test/helpers/failure.ts';
import { sceneText, type Task } from '../rl/index.ts';
import { Random } from '../util/random.ts';
import { environment } from './index.ts';

const [STAY, UP, DOWN, LEFT, RIGHT] = [0, 1, 2, 3, 4];
const small = { size: 3, attempt: 8, calls: 40 };

/** What each of these calls pays and leads to: [reward, x, y, has key, steps]. */
function walk(task: Task, actions: readonly number[], options: Record<string, number> = small) {
  const env = environment('key-to-door-life', options).make([task], Random.seeded(1));
  const first = Array.from(env.reset());
  return {
    first,
    calls: actions.map(action => {
      const { reward, finalObservation, terminated } = env.step(Int32Array.of(action));
      expect(terminated[0]).toBe(0);
      return [reward[0], ...finalObservation];
    }),
  };
}

describe('a life of Key-to-Door', () => {
  it('pays the key, then the door, and starts again with a call that only resets', () => {
    const { first, calls } = walk({ layouts: [0, 0, 1, 0, 2, 0], changes: [] }, [UP, RIGHT, STAY, RIGHT, DOWN, RIGHT, RIGHT, LEFT]);
    expect(first).toEqual([0, 0, 0, 0]);
    expect(calls).toEqual([
      [0, 0, 0, 0, 1], // against the wall
      [1, 1, 0, 1, 2], // the key
      [0, 1, 0, 1, 3],
      [1, 2, 0, 1, 4], // the door
      [0, 0, 0, 0, 0], // the action is ignored
      [1, 1, 0, 1, 1],
      [1, 2, 0, 1, 2],
      [0, 0, 0, 0, 0],
    ]);
  });

  it('goes on from where it is when its task changes, and starts the next attempt in the new layout', () => {
    const env = environment('key-to-door-life', small).make([{ layouts: [0, 0, 1, 0, 2, 0], changes: [] }], Random.seeded(1));
    env.reset();
    const call = (action: number) => {
      const { reward, observation } = env.step(Int32Array.of(action));
      return [reward[0], ...observation];
    };
    expect(call(RIGHT)).toEqual([1, 1, 0, 1, 1]);
    env.setTask!(0, { layouts: [2, 2, 2, 1, 1, 1], changes: [] });
    expect(call(DOWN)).toEqual([1, 1, 1, 1, 2]);
    expect(call(STAY)).toEqual([0, 2, 2, 0, 0]);
    expect(() => env.setTask!(0, { layouts: [0, 0, 3, 0, 0, 0], changes: [] })).toThrow(failure('E_SHAPE', 3));
  });

  it('counts a cell when a step ends there: not at the start, and once each where key and door share it', () => {
    const here = { layouts: [1, 1, 1, 1, 1, 1], changes: [] };
    expect(walk(here, [STAY, STAY, STAY, LEFT, RIGHT, UP]).calls).toEqual([
      [1, 1, 1, 1, 1],
      [1, 1, 1, 1, 2],
      [0, 1, 1, 0, 0],
      [0, 0, 1, 0, 1],
      [1, 1, 1, 1, 2],
      [0, 1, 0, 1, 3],
    ]);
  });

  it('ends an attempt after its last step, with and without the key, and a door on that step pays', () => {
    const task = { layouts: [0, 0, 0, 1, 0, 2], changes: [] };
    const late = [...Array(6).fill(STAY), DOWN, DOWN];
    const { calls } = walk(task, [...Array(8).fill(RIGHT), RIGHT, ...late, DOWN, DOWN, DOWN]);
    expect(calls[7]).toEqual([0, 2, 0, 0, 8]);
    expect(calls[8]).toEqual([0, 0, 0, 0, 0]);
    expect(calls.slice(15)).toEqual([
      [1, 0, 1, 1, 7],
      [1, 0, 2, 1, 8],
      [0, 0, 0, 0, 0],
      [1, 0, 1, 1, 1],
      [1, 0, 2, 1, 2],
    ]);
  });

  it('changes at the first reset from the call of a change on, to the latest layout due', () => {
    const layouts = [0, 0, 1, 0, 2, 0, /**/ 2, 2, 2, 1, 2, 0, /**/ 1, 1, 1, 1, 1, 1];
    const away = [RIGHT, RIGHT, STAY];
    // The resets are calls 2 and 5.
    expect(walk({ layouts, changes: [2, 20] }, away).calls[2]).toEqual([0, 2, 2, 0, 0]);
    const { calls } = walk({ layouts, changes: [3, 20] }, [...away, ...away, UP, UP, STAY]);
    expect(calls[2]).toEqual([0, 0, 0, 0, 0]);
    expect(calls.slice(3)).toEqual([
      [1, 1, 0, 1, 1],
      [1, 2, 0, 1, 2],
      [0, 2, 2, 0, 0],
      [1, 2, 1, 1, 1],
      [1, 2, 0, 1, 2],
      [0, 2, 2, 0, 0],
    ]);
    expect(walk({ layouts, changes: [4, 5] }, [...away, ...away]).calls[5]).toEqual([0, 1, 1, 0, 0]);
  });

  it('is truncated after its calls alone, and begins with its first layout again', () => {
    const family = environment('key-to-door-life', { ...small, calls: 4 });
    const env = family.make([{ layouts: [0, 0, 1, 0, 2, 0, 2, 2, 2, 2, 2, 2], changes: [1] }], Random.seeded(1));
    env.reset();
    const ends = [RIGHT, RIGHT, STAY, UP, RIGHT].map(action => {
      const { truncated, finalObservation, observation } = env.step(Int32Array.of(action));
      return [truncated[0], ...finalObservation, ...observation];
    });
    expect(ends.slice(2)).toEqual([
      [0, 2, 2, 0, 0, 2, 2, 0, 0],
      [1, 2, 1, 0, 1, 0, 0, 0, 0],
      [0, 1, 0, 1, 1, 1, 0, 1, 1],
    ]);
  });

  it('scores all calls but those that reset, and counts doors', () => {
    const family = environment('key-to-door-life', small);
    const { first, calls } = walk({ layouts: [0, 0, 1, 0, 2, 0], changes: [] }, [RIGHT, RIGHT, STAY, ...Array(8).fill(STAY), STAY]);
    const next = calls.map(call => call.slice(1));
    const steps = {
      observation: [first, ...next.slice(0, -1)].flat(),
      reward: calls.map(([reward]) => reward),
      nextObservation: next.flat(),
    };
    const indices = [...calls.keys()];
    expect(indices.filter(t => !family.scored!(steps, t))).toEqual([2, 11]);
    expect(indices.filter(t => family.outcome!.of(steps, t) === 1)).toEqual([1]);
  });
});

it('a life is drawn with the layout of the attempt', () => {
  const family = environment('key-to-door-life', small);
  const task = { layouts: [0, 0, 1, 0, 2, 0, /**/ 2, 2, 2, 1, 2, 0], changes: [3] };
  const lines = (observation: number[], seen: number[][] = [], reward: number[] = seen.map(() => 0)) =>
    sceneText(family.render!(task, observation, { observation: seen.flat(), action: [], reward })).split('\n');
  const [start, below, middle] = [
    [0, 0, 0, 0],
    [0, 1, 0, 1],
    [1, 1, 0, 2],
  ];
  expect(lines(below, [start])).toEqual(['Skd', '@..', '...', 'step 1, return 0', 'has no key, step 1 of the attempt']);
  const found = [1, 0, 1, 3];
  const early = [start, below, middle];
  expect(lines(found, early, [0, 0, 1])).toEqual(['S@d', '++.', '...', 'step 3, return 1', 'has the key, step 3 of the attempt']);
  // The attempt goes on; the reset in call 5 brings the new layout.
  expect(lines([2, 0, 1, 5], [...early, found, [1, 0, 1, 4]]).slice(0, 3)).toEqual(['S+@', '++.', '...']);
  expect(lines([2, 2, 0, 0], [...early, found, [1, 0, 1, 4], [2, 0, 1, 5]]).slice(0, 3)).toEqual(['..d', '..k', '..@']);
  // A reset in call 2 does not.
  expect(lines(start, [start, below, middle]).slice(0, 3)).toEqual(['@kd', '...', '...']);
});

describe('tasks of a life', () => {
  const draw = (options: Record<string, number>, seed = 3) => {
    const family = environment('key-to-door-life', options);
    const task = family.drawTask!(Random.seeded(seed));
    return { family, task, changes: family.changes!(task), layouts: task.layouts as readonly number[] };
  };

  it('never change by default, and otherwise at every interval', () => {
    expect(draw({}).changes).toEqual([]);
    const { family, task, changes, layouts } = draw({ every: 500 });
    expect(changes).toEqual([500, 1000, 1500, 2000, 2500, 3000, 3500]);
    expect(layouts).toHaveLength(6 * 20);
    expect(layouts.slice(0, 6)).toEqual(draw({}).layouts);
    // Lives of other lengths have equal tasks.
    expect(draw({ every: 500, calls: 1200 }).task).toEqual(task);
    expect(draw({ every: 500, calls: 1200 }).changes).toEqual([500, 1000]);
    expect(family.changes!(task)).toEqual(changes);
  });

  it('are played by a timetable, in equal layouts, and in others that follow from the task', () => {
    const { task } = draw({ every: 500 });
    const startsOf = (options: Record<string, number>) => {
      const family = environment('key-to-door-life', { every: 500, ...options });
      const env = family.make([task], Random.seeded(0));
      const starts = [env.reset().slice(0, 2).join()];
      for (let call = 0; call < (options.calls ?? 4000) - 1; call++) {
        const { observation } = env.step(Int32Array.of(STAY));
        if (observation[3] === 0) starts.push(observation.slice(0, 2).join());
      }
      return { changes: family.changes!(task), starts: starts.filter((start, i) => start !== starts[i - 1]) };
    };
    const drawn = startsOf({});
    expect(startsOf({ timetable: 0 })).toEqual({ changes: [], starts: drawn.starts.slice(0, 1) });
    const faster = startsOf({ timetable: 250 });
    expect(faster.changes).toEqual(Array.from({ length: 15 }, (_, k) => 250 * (k + 1)));
    expect(faster.starts.slice(0, drawn.starts.length)).toEqual(drawn.starts);
    const long = startsOf({ timetable: 250, calls: 10_000 });
    expect(long.changes).toHaveLength(39);
    expect(long.starts.slice(0, faster.starts.length)).toEqual(faster.starts);
    expect(startsOf({ timetable: 250, calls: 10_000 })).toEqual(long);
  });

  it('draw intervals uniformly from their range, and a fraction of the tasks that change', () => {
    const gaps = Array.from({ length: 200 }, (_, seed) => draw({ every: 100, everyMax: 103 }, seed).changes).flatMap(changes =>
      changes.map((call, k) => call - (changes[k - 1] ?? 0)),
    );
    expect(gaps.length).toBeGreaterThan(7000);
    const counts = [100, 101, 102, 103].map(gap => gaps.filter(each => each === gap).length);
    expect(counts.reduce((a, b) => a + b)).toBe(gaps.length);
    // χ² with three degrees of freedom: 16.3 is its 99.9% quantile.
    expect(counts.reduce((sum, n) => sum + (n - gaps.length / 4) ** 2 / (gaps.length / 4), 0)).toBeLessThan(16.3);
    const changing = Array.from({ length: 400 }, (_, seed) => draw({ every: 100, changing: 0.25 }, seed).changes.length > 0);
    expect(Math.abs(changing.filter(Boolean).length / 400 - 0.25)).toBeLessThan(0.08);
  });

  it('have short keys of their whole content', () => {
    const { family, task, layouts } = draw({ every: 50 });
    expect(layouts).toHaveLength(6 * 200);
    const key = family.taskKey(task);
    expect(key.length).toBeLessThan(60);
    expect(family.taskKey(JSON.parse(JSON.stringify(task)))).toBe(key);
    const other = { ...task, layouts: layouts.map((v, i) => (i === 1199 ? (v + 1) % 8 : v)) };
    expect(family.taskKey(other)).not.toBe(key);
    expect(family.taskKey({ ...task, changes: [...family.changes!(task).slice(0, -1), 99_999] })).not.toBe(key);
  });

  it('hide the key and the door of the last layout', () => {
    const { family } = draw(small);
    const task = { layouts: [0, 0, 1, 0, 2, 0, 2, 2, 2, 1, 0, 1], changes: [5] };
    expect(family.hidden!.map(({ of }) => of(task))).toEqual([
      [2, 1],
      [0, 1],
    ]);
  });

  it('are refused where they do not fit, as are options', () => {
    const { family } = draw(small);
    const refused = (task: Task, ...needles: (string | number)[]) =>
      expect(() => family.make([task], Random.seeded(0))).toThrow(failure('E_SHAPE', ...needles));
    refused({ layouts: [0, 0, 1, 0, 2, 0], changes: [4] }, 12, 6);
    refused({ layouts: [0, 0, 1, 0, 3, 0], changes: [] }, 2, 3);
    refused({ layouts: Array(18).fill(0), changes: [4, 4] }, 4);
    refused({ layouts: Array(12).fill(0), changes: [0] }, 0);
    expect(() => environment('key-to-door-life', { attempt: 27 })).toThrow(failure('E_CONFIG', 'attempt', 28, 27));
    expect(() => environment('key-to-door-life', { every: 500, everyMax: 400 })).toThrow(failure('E_CONFIG', 'everyMax', 400));
    expect(() => environment('key-to-door-life', { everyMax: 400 })).toThrow(failure('E_CONFIG', 'everyMax', 400));
  });
});

describe('the oracle of a life', () => {
  it('counts shortest paths, the calls between them, and what is left at the end', () => {
    const best = (calls: number, layouts: number[], changes: number[] = [], attempt = 8) =>
      environment('key-to-door-life', { ...small, calls, attempt }).oracleReturn!({ layouts, changes });
    // 1 step to the key, 1 to the door, 1 call to reset.
    const near = [0, 0, 1, 0, 2, 0];
    expect([1, 2, 3, 4, 5, 6, 300].map(calls => best(calls, near))).toEqual([1, 2, 2, 3, 4, 4, 200]);
    // 4 steps to the key, 4 to the door.
    const far = [0, 0, 2, 2, 0, 0];
    expect([3, 4, 7, 8, 9, 17].map(calls => best(calls, far))).toEqual([0, 1, 1, 2, 2, 4]);
    expect(best(2, [1, 1, 1, 1, 1, 1])).toBe(2);
    // Three attempts of 3 calls, then from call 9 on 9 calls each.
    expect(best(9 + 17, [...near, ...far], [7])).toBe(3 * 2 + 4);
    // A door in step 9 instead of 8 brings the new layout in call 9, if an attempt may be that long.
    expect([8, 9].map(attempt => best(12, [...far, ...near], [9], attempt))).toEqual([2, 4]);
  });

  it('is what the best of all plans earns, by exhaustive search in a tiny room', () => {
    const options = { size: 2, attempt: 4, calls: 7 };
    const family = environment('key-to-door-life', options);
    for (let seed = 0; seed < 3; seed++) {
      const random = Random.seeded(seed);
      const task = { layouts: Array.from({ length: 18 }, () => random.integer(2)), changes: [3, 5] };
      const plans = 5 ** options.calls;
      // All plans in parts, as digits of a number in base 5.
      let most = 0;
      const part = 5 ** 6;
      for (let from = 0; from < plans; from += part) {
        const env = family.make(new Array<Task>(part).fill(task), random);
        env.reset();
        const total = new Float64Array(part);
        for (let t = 0; t < options.calls; t++) {
          const digit = 5 ** t;
          const { reward } = env.step(Int32Array.from(total, (_, i) => Math.floor((from + i) / digit) % 5));
          for (let i = 0; i < part; i++) total[i] += reward[i];
        }
        most = total.reduce((a, b) => Math.max(a, b), most);
      }
      expect(family.oracleReturn!(task), `seed ${seed}`).toBe(most);
    }
  });

  it('has the published ceiling: 49.6 doors in 500 calls, averaged over layouts', () => {
    const cells = Array.from({ length: 64 }, (_, cell) => [cell % 8, Math.floor(cell / 8)]);
    const distance = cells.map(([x, y]) => cells.map(([u, v]) => Math.max(1, Math.abs(x - u) + Math.abs(y - v))));
    let [sum, squares] = [0, 0];
    for (let start = 0; start < 64; start++)
      for (let key = 0; key < 64; key++)
        for (let door = 0; door < 64; door++) {
          const doors = 500 / (distance[start][key] + distance[key][door] + 1);
          sum += doors / 64 ** 3;
          squares += doors ** 2 / 64 ** 3;
        }
    expect(sum).toBeCloseTo(49.6, 1);
    const family = environment('key-to-door-life');
    const tasks = Array.from({ length: 1000 }, (_, i) => family.drawTask!(Random.seeded(5).split(i)));
    const mean = tasks.reduce((total, task) => total + family.oracleReturn!(task) / 2 / 8 / tasks.length, 0);
    // Four standard errors, and the reset that the last attempt does without.
    expect(Math.abs(mean - sum)).toBeLessThan(4 * Math.sqrt((squares - sum ** 2) / tasks.length) + 0.1);
  });
});
