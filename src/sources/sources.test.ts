/** @file What every registered source owes its users, and how fast each one learns. */

import { describe, expect, it } from 'vitest';
import { failure } from '../../test/helpers/failure.ts';
import { nodeExecutor } from '../engine/executors/node.ts';
import { environment, environments } from '../envs/index.ts';
import {
  chooseActions,
  type EnvFamily,
  episodeReturns,
  episodeStarts,
  type History,
  listedTasks,
  optimalActions,
  stateOf,
  type Task,
  tabularModel,
} from '../rl/index.ts';
import { sourceChecks } from '../testing/source.ts';
import { Random } from '../util/random.ts';
import { generateHistories, generateHistory, oracleLabels, source, sourcePolicy, sources } from './index.ts';

const room = environment('dark-room');
const rooms = listedTasks(room, 'A test');
const model = tabularModel(room, 'A test');
const make = (id: string, task: Task, request: Partial<Parameters<typeof generateHistory>[0]> = {}): History =>
  generateHistory({ family: room, task, source: source(id), random: Random.seeded(7), episodes: 4, ...request });

const executor = nodeExecutor({ threads: 1 });
/** The same for every source, those of cohorts included. */
async function makeAny(id: string, task: Task, request: Partial<Parameters<typeof generateHistory>[0]> = {}): Promise<History> {
  const { random = Random.seeded(7), noise, stream, ...rest } = request;
  const wanted = [{ task, random, noise, stream }];
  const { signal } = new AbortController();
  const [history] = await generateHistories({ family: room, source: source(id), episodes: 4, ...rest, wanted, executor, signal });
  return history;
}

/** Share of the oracle's mean return in each episode, over these tasks. */
function curve(id: string, family: EnvFamily, tasks: readonly Task[], episodes: number): number[] {
  const total = new Float64Array(episodes);
  let oracle = 0;
  for (const [i, task] of tasks.entries()) {
    const returns = episodeReturns(make(id, task, { family, episodes, random: Random.seeded(1).split(i) }));
    returns.forEach((value, e) => {
      total[e] += value;
    });
    oracle += family.oracleReturn!(task);
  }
  return Array.from(total, value => value / oracle);
}
const every = <T>(items: readonly T[], stride: number) => items.filter((_, i) => i % stride === 0);

/** Sources that need a part of the family which few families declare. */
const NEEDS: Readonly<Record<string, 'plane' | 'attempts' | 'recall' | 'maze'>> = {
  'disc-search': 'plane',
  'layout-search': 'attempts',
  recall: 'recall',
  'maze-search': 'maze',
};

/** Sources that see only actions and rewards. */
const BANDITS = ['ucb', 'sliding-window-ucb', 'discounted-ucb', 'thompson'];

/** Sources that learn networks: they act on what a situation looks like. */
const NETWORKS = ['ppo'];

describe.each(sources.ids.filter(id => ![...Object.keys(NEEDS), ...NETWORKS].includes(id)))('%s on pictures', id => {
  it('plays as it does on coordinates: its tables need to know what was seen, not what it looks like', () => {
    const play = (env: string) => {
      const { action, reward, probabilities } = make(id, { goal: [5, 6] }, { family: environment(env), noise: 0.2, episodes: 8 });
      return { action, reward, probabilities };
    };
    expect(play('dark-room-pixels')).toEqual(play('dark-room'));
  });
});

/** Sources that plan in a tabular model. */
const PLANNERS = ['r-max', 'noise-curriculum', 'demonstrations'];
/** Options of families whose episodes are long. */
const SHORT: Readonly<Record<string, Record<string, number>>> = { 'key-to-door-life': { calls: 120, every: 40 } };
// Those that need nothing outside of this package.
const families = environments.ids.filter(id => id !== 'gymnasium').map(id => environment(id, SHORT[id]));
/** Whether a table can have a row for every observation: at most 2²⁴. */
const fits = ({ observationSpace: space }: EnvFamily) =>
  space.kind !== 'multi-discrete' || space.nvec.reduce((product, n) => product * n, 1) <= 2 ** 24;
const canLearn = (id: string, family: EnvFamily) => {
  if (NEEDS[id]) return family[NEEDS[id]] !== undefined;
  if (id === 'oracle') return Boolean(family.model ?? family.regret ?? family.recall ?? family.plane);
  // Tables hold neither reals that are seen nor reals that are done.
  if (family.actionSpace.kind === 'box') return ['random', ...NETWORKS].includes(id);
  if (family.observationSpace.kind === 'box' || !fits(family)) return ['random', ...BANDITS, ...NETWORKS].includes(id);
  return Boolean(family.model) || !PLANNERS.includes(id);
};
const someTask = (family: EnvFamily): Task => {
  if (family.drawTask) return family.drawTask(Random.seeded(2));
  const tasks = listedTasks(family, 'A test');
  return tasks.at(-22) ?? tasks[0];
};
const pairs = sources.all.flatMap(({ id }) => families.map(family => [id, family.id, family] as const));

it.each(pairs.filter(([id, , family]) => !canLearn(id, family)))('%s refuses %s, which has not what it needs', (id, _, family) => {
  expect(() => make(id, someTask(family), { family })).toThrow(failure('E_CONFIG', family.id));
});

/** Every other source learns from rewards alone, whatever else a family says of itself. */
const DECLARED = [
  'model',
  'oracleReturn',
  'rewardMax',
  'plane',
  'attempts',
  'recall',
  'maze',
  'regret',
  'hidden',
  'outcome',
  'changes',
] as const;
const undeclared = (family: EnvFamily): EnvFamily => ({ ...family, ...Object.fromEntries(DECLARED.map(name => [name, undefined])) });
const integers = families.filter(
  family => fits(family) && [family.observationSpace, family.actionSpace].every(s => s.kind.endsWith('discrete')),
);
const blind = (family: EnvFamily) =>
  ['q-learning', 'count-based', 'replay-buffer', ...NETWORKS].map(id => [id, family.id, family] as const);

it.each(integers.filter(({ model }) => !model?.phases).flatMap(blind))(
  '%s learns %s without its model, oracle or largest reward, and alike',
  async (id, _, family) => {
    expect(await makeAny(id, someTask(family), { family: undeclared(family) })).toEqual(await makeAny(id, someTask(family), { family }));
  },
);

it('tables are refused for what is seen without a count, ppo is not', async () => {
  const family = undeclared(environment('dark-room-pixels'));
  const task = { goal: [1, 1] };
  await expect(makeAny('q-learning', task, { family })).rejects.toThrow(failure('E_CONFIG', family.id));
  expect((await makeAny('ppo', task, { family })).reward).toHaveLength(80);
  const many: EnvFamily = { ...undeclared(room), observationSpace: { kind: 'multi-discrete', nvec: new Array(12).fill(9) } };
  await expect(makeAny('q-learning', task, { family: many })).rejects.toThrow(failure('E_CONFIG', room.id));
});

describe.each(pairs.filter(([id, , family]) => canLearn(id, family)))('%s on %s', (id, _, family) => {
  for (const { name, run } of sourceChecks(source(id), { family })) it(name, run);
});

it.each(sources.ids)('%s names the options that it has where it refuses one', async id => {
  const family = families.find(each => canLearn(id, each))!;
  await expect(makeAny(id, someTask(family), { family, options: { unheardOf: 1 } })).rejects.toThrow(
    failure('E_CONFIG', '"unheardOf"', ...Object.keys(source(id).options)),
  );
});

describe('the oracle', () => {
  it.each(families.filter(family => family.model || family.plane))('earns exactly what $id says that it does', family => {
    for (const [i, task] of every(listedTasks(family, 'A test'), 17).entries()) {
      const returns = episodeReturns(make('oracle', task, { family, random: Random.seeded(i) }));
      expect([...returns]).toEqual(new Array(4).fill(family.oracleReturn!(task)));
    }
  });

  it('pulls the best arm of a bandit alone', () => {
    const family = environment('delayed-bandit', { pulls: 3, delay: 1 });
    const task = { means: [0.1, 0.9, 0.2, 0.9, 0, 0, 0, 0, 0, 0] };
    const { probabilities } = make('oracle', task, { family, episodes: 1 });
    for (let t = 0; t < 7; t++) expect([...probabilities.slice(10 * t, 10 * (t + 1))]).toEqual([0, 0.5, 0, 0.5, 0, 0, 0, 0, 0, 0]);
  });

  it('is refused where nothing tells what is optimal', () => {
    expect(() => make('oracle', rooms[0], { family: { ...room, model: undefined } })).toThrow(failure('E_CONFIG', room.id));
  });

  it('labels the path of another with what is optimal there, and leaves the path as it is', () => {
    const history = make('random', { goal: [8, 8] }, { episodes: 3 });
    const labeled = oracleLabels(room, history);
    expect({ ...labeled, probabilities: history.probabilities }).toEqual(history);
    const { probabilities, row } = optimalActions(room, history.task);
    for (let t = 0; t < history.reward.length; t++) {
      const from = row(room.horizon - (t % room.horizon), stateOf(room)(history.observation, 2 * t, 0));
      expect([...labeled.probabilities.slice(5 * t, 5 * t + 5)], `step ${t}`).toEqual([...probabilities.slice(from, from + 5)]);
    }
  });
});

describe('noise', () => {
  it('changes what is executed and not what is recorded', () => {
    const { action, probabilities } = make('oracle', { goal: [8, 8] }, { noise: 1, episodes: 40 });
    const counts = [0, 0, 0, 0, 0];
    for (const a of action) counts[a]++;
    for (const count of counts) expect(Math.abs(count / action.length - 0.2)).toBeLessThan(0.06);
    // The corner is reached by moving down or right; where it can still be reached in time, nothing else is ever recorded.
    expect(Array.from(probabilities.slice(0, 5))).toEqual([0, 0, 0.5, 0, 0.5]);
  });

  it('is refused outside [0, 1]', () => {
    expect(() => make('random', { goal: [1, 1] }, { noise: 1.5 })).toThrow(failure('E_CONFIG', 1.5));
    expect(() => make('random', { goal: [1, 1] }, { episodes: 0 })).toThrow(failure('E_CONFIG', 0));
  });
});

describe('r-max', () => {
  it('reaches 0.95 of the oracle by episode 12 on every goal of Dark Room', () => {
    expect(curve('r-max', room, rooms, 12)[11]).toBeGreaterThan(0.95);
  });

  it('finds every goal of Dark Room Hard in the end', () => {
    const hard = environment('dark-room-hard');
    expect(curve('r-max', hard, every(listedTasks(hard, 'A test'), 17), 26)[25]).toBe(1);
  });

  it('spreads over tied first actions, and over staying in the start cell, which pays only for a step that ends there', () => {
    const { probabilities, action, nextObservation } = make('r-max', { goal: [0, 0] });
    for (let a = 0; a < 5; a++) expect(probabilities[a]).toBeCloseTo(0.2, 6);
    // No cell is entered twice while an unvisited one is next to it.
    expect(action.length).toBe(80);
    const cells = new Set(Array.from({ length: 10 }, (_, t) => `${nextObservation[2 * t]},${nextObservation[2 * t + 1]}`));
    expect(cells.size).toBeGreaterThanOrEqual(9);
  });

  it('sweeps a room column by column, back and forth, if the first of tied actions is taken', () => {
    const square = environment('dark-room', { size: 4, start: 'corner', horizon: 16 });
    const { probabilities, nextObservation, reward } = make(
      'r-max',
      { goal: [3, 0] },
      { family: square, options: { ties: 'first' }, episodes: 1 },
    );
    const cells = Array.from({ length: 16 }, (_, t) => `${nextObservation[2 * t]},${nextObservation[2 * t + 1]}`);
    // It begins with a move against the wall, because only the end of a step rules a cell out.
    expect(cells.join(' ')).toBe('0,0 0,1 0,2 0,3 1,3 1,2 1,1 1,0 2,0 2,1 2,2 2,3 3,3 3,2 3,1 3,0');
    expect([new Set(probabilities), reward[15]]).toEqual([new Set([0, 1]), 1]);
  });

  it('refuses families whose moves or states it cannot know', () => {
    const hidden: EnvFamily = { ...room, model: { ...model, observe: (_, out, offset) => out.fill(0, offset, offset + 2) } };
    expect(() => make('r-max', { goal: [1, 1] }, { family: hidden })).toThrow(failure('E_CONFIG', room.id));
    const shifting: EnvFamily = { ...room, model: { ...model, next: task => (task.goal as number[])[0] } };
    expect(() => make('r-max', { goal: [1, 1] }, { family: shifting })).toThrow(failure('E_CONFIG', room.id));
  });
});

const lastTenth = (values: number[]) => values.slice(-Math.ceil(values.length / 10)).reduce((sum, v, _, all) => sum + v / all.length, 0);

describe('permuted actions', () => {
  const family = environment('dark-room', { size: 5, permutations: 2 });
  const tasks = every(listedTasks(family, 'A test'), 7);

  it('are refused by sources that must know the moves', () => {
    expect(() => make('r-max', tasks[0], { family })).toThrow(failure('E_CONFIG', 'dark-room'));
  });

  it('are found out by count-based and q-learning, and known to the oracle', () => {
    expect(curve('oracle', family, tasks, 1)).toEqual([1]);
    for (const id of ['count-based', 'q-learning']) {
      const values = curve(id, family, tasks, 100);
      expect(values[0], id).toBeLessThan(0.5);
      expect(values[99], id).toBeGreaterThan(0.85);
    }
  });
});

describe('learning', () => {
  const goals = every(rooms, 8);

  it('q-learning passes 0.8 of the oracle within 200 episodes', () => {
    const values = curve('q-learning', room, goals, 200);
    expect(values[0]).toBeLessThan(0.3);
    expect(lastTenth(values)).toBeGreaterThan(0.8);
  });

  it('count-based passes 0.8 of the oracle within 40 episodes', () => {
    const values = curve('count-based', room, goals, 40);
    expect(values[0]).toBeLessThan(0.3);
    expect(lastTenth(values)).toBeGreaterThan(0.8);
  });

  it('noise-curriculum goes from random to optimal along the history, whatever its length', () => {
    for (const episodes of [10, 60]) {
      const { probabilities, action } = make('noise-curriculum', { goal: [4, 0] }, { episodes });
      for (let a = 0; a < 5; a++) expect(probabilities[a]).toBeCloseTo(0.2, 6);
      expect(Math.min(...probabilities.slice((action.length - 1) * 5))).toBe(0);
    }
  });
});

describe('demonstrations', () => {
  const STYLES = ['expert', 'noisy', 'mediocre', 'random'];
  const inStyle = (style: string, more = {}) => ({ ...Object.fromEntries(STYLES.map(name => [name, name === style ? 1 : 0])), ...more });
  const task = { goal: [7, 2] };
  const meanReturn = (options: Record<string, number>) => {
    const returns = episodeReturns(make('demonstrations', task, { episodes: 40, options }));
    return returns.reduce((sum, value) => sum + value, 0) / returns.length;
  };

  it('play from best to worst by style, the expert optimally', () => {
    const [best, noisy, mediocre, random] = STYLES.map(style => meanReturn(inStyle(style)));
    expect(best).toBe(room.oracleReturn!(task));
    expect([noisy < best, mediocre < noisy, random < mediocre]).toEqual([true, true, true]);
  });

  it('are optimal where it is cold, and uniform where it is hot', () => {
    expect(meanReturn(inStyle('mediocre', { temperature: 1e-3 }))).toBe(room.oracleReturn!(task));
    const { probabilities } = make('demonstrations', task, { options: inStyle('mediocre', { temperature: 1e6 }) });
    for (const p of probabilities) expect(p).toBeCloseTo(0.2, 4);
  });

  it('draw the style of each history by the weights', () => {
    const uniform = (seed: number) => {
      const { probabilities } = make('demonstrations', task, {
        random: Random.seeded(seed),
        episodes: 1,
        options: { ...inStyle('random'), expert: 3 },
      });
      return probabilities[0] === Math.fround(0.2);
    };
    const share = Array.from({ length: 400 }, (_, seed) => uniform(seed)).filter(Boolean).length / 400;
    expect(Math.abs(share - 0.25)).toBeLessThan(0.07);
    expect(() => make('demonstrations', task, { options: { expert: 0, noisy: 0, mediocre: 0, random: 0 } })).toThrow(
      failure('E_CONFIG', 'demonstrations'),
    );
  });
});

describe('replay-buffer', () => {
  /** Episodes as texts, so that they can be distinguished and counted. */
  const episodes = ({ action, reward, truncated, terminated, observation }: History) => {
    const starts = episodeStarts({ truncated, terminated });
    return Array.from({ length: starts.length - 1 }, (_, e) => {
      const part = (column: ArrayLike<number>, width = 1) => Array.from(column).slice(starts[e] * width, starts[e + 1] * width);
      return JSON.stringify([part(observation, 2), part(action), part(reward)]);
    });
  };
  const request = { episodes: 30, noise: 0.2 };
  const learner = episodes(make('q-learning', { goal: [3, 5] }, request));

  it('holds the episodes of the learner, each once, in another order', () => {
    const buffer = episodes(make('replay-buffer', { goal: [3, 5] }, request));
    expect(buffer).not.toEqual(learner);
    expect([...buffer].sort()).toEqual([...learner].sort());
  });

  it('forgets the oldest ones beyond its capacity', () => {
    const buffer = episodes(make('replay-buffer', { goal: [3, 5] }, { ...request, options: { capacity: 8 } }));
    expect([...buffer].sort()).toEqual(learner.slice(-8).sort());
  });
});

describe('key-to-door', () => {
  const family = environment('key-to-door');
  const pairs = every(listedTasks(family, 'A test'), 164);

  it('r-max searches for the key, then with it for the door, and earns everything from episode 6 on', () => {
    const values = curve('r-max', family, pairs, 10);
    expect(values[0]).toBeLessThan(0.6);
    expect([values[1] > values[0], values[2] > values[1]]).toEqual([true, true]);
    for (const value of values.slice(5)) expect(value).toBe(1);
  });

  it('r-max tries a cell again in each phase: what it saw without the key tells nothing about the door', () => {
    const { observation, action, reward, nextObservation, truncated, terminated } = make(
      'r-max',
      { key: [0, 0], door: [8, 8] },
      { family },
    );
    const cellAt = (column: Float32Array, t: number) => column[2 * t + 1] * 9 + column[2 * t];
    const tried = [new Set<number>(), new Set<number>()];
    const paying: (number | undefined)[] = [undefined, undefined];
    let [phase, searched, both] = [0, 0, false];
    for (let t = 0; t < action.length; t++) {
      const [from, to] = [cellAt(observation, t), cellAt(nextObservation, t)];
      const near = Array.from({ length: 5 }, (_, a) => tabularModel(family, 'A test').next({ key: [0, 0], door: [8, 8] }, from, a) % 81);
      if (paying[phase] === undefined && near.some(cell => !tried[phase].has(cell))) {
        expect(tried[phase].has(to)).toBe(false);
        both ||= phase === 1 && tried[0].has(to);
        searched++;
      }
      tried[phase].add(to);
      if (reward[t] > 0) paying[phase++] = to;
      if (truncated[t] || terminated[t]) phase = 0;
    }
    expect(paying).toEqual([0, 80]);
    expect([searched > 80, both]).toEqual([true, true]);
  });

  it('q-learning and count-based learn it with a table a phase', () => {
    const some = every(pairs, 4);
    for (const [id, episodes] of [
      ['q-learning', 200],
      ['count-based', 60],
    ] as const) {
      const values = curve(id, family, some, episodes);
      expect(values[0], id).toBeLessThan(0.5);
      expect(lastTenth(values), id).toBeGreaterThan(0.95);
    }
  });

  it('the oracle finds its way from each of the starts', () => {
    for (const value of curve('oracle', family, every(pairs, 8), 12)) expect(value).toBe(1);
  });
});

describe('disc-search', () => {
  const plane = environment('point-room');
  const goals = every(listedTasks(plane, 'A test'), 4);

  it('finds every disc by elimination, then earns everything', () => {
    const values = curve('disc-search', plane, goals, 8);
    expect(values[0]).toBeLessThan(0.3);
    expect([values[1] > values[0], values[2] > values[1]]).toEqual([true, true]);
    expect(values[7]).toBe(1);
  });

  it('ends no step where the disc can no longer be, while it searches', () => {
    const { nextObservation, reward } = make('disc-search', { goal: [0.888889, -0.888889] }, { family: plane, episodes: 6 });
    const { places, radius } = plane.plane!;
    const left = new Set(places);
    let fresh = 0;
    for (let t = 0; t < reward.length && reward[t] === 0; t++) {
      const near = [...left].filter(([x, y]) => Math.hypot(x - nextObservation[2 * t], y - nextObservation[2 * t + 1]) <= radius);
      for (const place of near) left.delete(place);
      fresh += Math.min(1, near.length);
    }
    // The rest are steps on the way to what is far.
    expect(fresh).toBeGreaterThan(40);
  });

  it('records exact steps, and strays by as much as it says', () => {
    const deviations = (options: Record<string, unknown>) => {
      const { probabilities, action, reward } = make('disc-search', { goal: [0, 0] }, { family: plane, options });
      expect(probabilities[2]).toBeCloseTo((options.deviation as number) ?? 0, 6);
      return Math.sqrt(reward.reduce((sum, _, t) => sum + (action[2 * t] - probabilities[4 * t]) ** 2, 0) / reward.length);
    };
    expect(deviations({})).toBe(0);
    expect(Math.abs(deviations({ deviation: 0.05 }) - 0.05)).toBeLessThan(0.015);
  });
});

it('r-max searches with pairs of moves as with single ones', () => {
  const moves = environment('dark-room-moves');
  const values = curve('r-max', moves, every(listedTasks(moves, 'A test'), 8), 9);
  expect(values[0]).toBeLessThan(0.4);
  expect(values[8]).toBeGreaterThan(0.97);
});

describe('sourcePolicy', () => {
  it('rolls the oracle to its exact return', async () => {
    const tasks = every(rooms, 10);
    const policy = sourcePolicy({ family: room, tasks, source: source('oracle'), random: Random.seeded(1) });
    policy.reset(tasks.length);
    const env = room.make(tasks, Random.seeded(2));
    let observation = Float32Array.from(env.reset());
    const total = new Float64Array(tasks.length);
    for (let t = 0; t < 2 * room.horizon; t++) {
      const action = chooseActions(await policy.act(observation), policy.actions, Random.seeded(t));
      const { reward, finalObservation: nextObservation, terminated, truncated, observation: now } = env.step(action);
      await policy.observe({ observation, action, reward, nextObservation, terminated, truncated });
      observation = Float32Array.from(now);
      for (let i = 0; i < tasks.length; i++) total[i] += reward[i];
    }
    expect(Array.from(total)).toEqual(tasks.map(task => 2 * room.oracleReturn!(task)));
  });

  it('refuses another number of environments than tasks', () => {
    const policy = sourcePolicy({ family: room, tasks: rooms, source: source('random'), random: Random.seeded(1) });
    expect(() => policy.reset(3)).toThrow(failure('E_SHAPE', 81, 3));
  });
});

it('the registry names its sources', () => {
  expect(() => source('sarsa')).toThrow(failure('E_CONFIG', sources.ids.join(', ')));
});
