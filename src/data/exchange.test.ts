/** @file Layouts of other tools: what is written comes back, what others wrote is read, and what does not fit is explained. */

import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { failure, type Needle } from '../../test/helpers/failure.ts';
import { environment } from '../envs/index.ts';
import { type EnvFamily, episodeStarts, type History, inMemory, listedTasks } from '../rl/index.ts';
import { generateHistory, source } from '../sources/index.ts';
import { Random } from '../util/random.ts';
import { exportHistories, type ImportRequest, importHistories, LABELS } from './exchange.ts';
import { exchangeFormat, layouts } from './formats/index.ts';
import { readHdf5 } from './hdf5.ts';
import { fromHalf } from './hdf5-numbers.ts';
import { type Hdf5Writer, writeHdf5 } from './hdf5-writer.ts';
import { datasetHistories, saveDataset } from './index.ts';
import { saveHistories } from './store.ts';

const folder = mkdtempSync(join(tmpdir(), 'cadenza-exchange-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const fixture = (name: string) => fileURLToPath(new URL(`../../test/fixtures/${name}`, import.meta.url));
const creator = { version: '0', node: 'v20', commit: null };

/** Histories of a few tasks, saved as the generating stage saves them. */
function recorded(family: EnvFamily, id: string, name: string): { histories: History[]; from: string } {
  const tasks = family.tasks
    ? listedTasks(family, 'A test').slice(0, 4)
    : Array.from({ length: 4 }, (_, i) => family.drawTask!(Random.seeded(i)));
  const [test, ...train] = tasks;
  const histories = train.flatMap((task, i) =>
    [0, 1].map(j =>
      generateHistory({
        family,
        task,
        source: source(id),
        random: Random.seeded(i).split(j),
        episodes: 3,
        noise: 0.3,
        stream: `${i}#${j}`,
      }),
    ),
  );
  const from = join(folder, name);
  saveHistories(from, family, histories, {
    source: { id, options: {}, knows: 'nothing' },
    seed: 0,
    noise: null,
    split: { train: train.map(family.taskKey), test: [family.taskKey(test)] },
    creator,
  });
  return { histories, from };
}

const load = (layout: string, file: string, labels: ImportRequest['labels'] = 'recorded', family?: EnvFamily) =>
  importHistories({ files: [file], format: exchangeFormat(layout), labels, familyOf: () => family });

const FAMILIES: [string, EnvFamily, string][] = [
  ['whole episodes of one length', environment('dark-room'), 'r-max'],
  ['episodes and histories of any length', environment('dark-room-hard'), 'r-max'],
  ['pictures', environment('dark-room-pixels', { size: 3, horizon: 5 }), 'random'],
  ['drawn tasks', environment('delayed-bandit', { arms: 3, pulls: 4, delay: 2 }), 'ucb'],
];

const WRITTEN = layouts.all.filter(({ write }) => write).map(({ id }) => id);

describe.each(WRITTEN)('%s', layout => {
  it.each(FAMILIES)('gives back what was written: %s', async (_, family, id) => {
    const { histories, from } = recorded(family, id, `${layout}-${family.id}`);
    const file = join(folder, `${layout}-${family.id}-export`, 'data.hdf5');
    expect((await exportHistories(from, exchangeFormat(layout), file)).histories).toBe(6);
    const read = await load(layout, file, 'recorded', family);
    const content = (list: readonly History[]) => list.map(({ stream: _, ...columns }) => columns);
    expect(content(read.histories)).toEqual(content(histories));
    // Without the environment at hand, the file says as much.
    const alone = await load(layout, file);
    expect(alone.environment).toEqual(read.environment);
    expect(alone.histories.map(({ task }) => task)).toEqual(histories.map(({ task }) => task));
  });

  it('refuses what is not a whole HDF5 file', async () => {
    const path = join(folder, `${layout}-broken.hdf5`);
    const expectRefusal = () => expect(load(layout, path)).rejects.toThrow(failure('E_DATA', path));
    await expectRefusal();
    writeFileSync(path, 'a text');
    await expectRefusal();
    writeFileSync(path, readFileSync(fixture('xland.hdf5')));
    truncateSync(path, 20_000);
    await expectRefusal();
    // The first tree is that of the file's groups.
    const damaged = readFileSync(fixture('minari/main_data.hdf5'));
    writeFileSync(path, damaged.fill(0, damaged.indexOf('TREE'), damaged.indexOf('TREE') + 4));
    await expectRefusal();
  });
});

it('what others wrote goes into the other layout and back: reals, and episodes of two lengths', async () => {
  const { histories, ...about } = await load('minari', fixture('minari/main_data.hdf5'), 'action');
  const from = join(folder, 'points');
  saveDataset(from, histories, { ...about, creator });
  for (const id of WRITTEN) {
    const file = join(folder, `points-${id}`, 'data.hdf5');
    await exportHistories(from, exchangeFormat(id), file);
    const again = await load(id, file);
    expect(again.environment).toEqual(about.environment);
    expect(again.histories.map(({ stream: _, ...columns }) => columns)).toEqual(histories.map(({ stream: _, ...columns }) => columns));
  }
});

describe('labels', () => {
  it('are one-hot unless distributions are recorded', async () => {
    const family = environment('dark-room');
    const { histories, from } = recorded(family, 'r-max', 'labels');
    const file = join(folder, 'labels.hdf5');
    await exportHistories(from, exchangeFormat('xland'), file);
    const [first] = histories;
    const { histories: acted } = await load('xland', file, 'action', family);
    for (let t = 0; t < first.action.length; t++)
      for (let a = 0; a < 5; a++) expect(acted[0].probabilities[t * 5 + a]).toBe(a === first.action[t] ? 1 : 0);
    // As an expert's action, our own files have the likeliest one.
    const { histories: expert } = await load('xland', file, 'expert', family);
    for (let t = 0; t < first.action.length; t++) {
      const row = first.probabilities.subarray(t * 5, t * 5 + 5);
      expect(row[expert[0].probabilities.indexOf(1, t * 5) - t * 5]).toBe(Math.max(...row));
    }
  });

  it.each([
    ['minari/main_data.hdf5', 'minari', 'expert'],
    ['xland.hdf5', 'xland', 'recorded'],
  ] as const)('of %s that are not there are asked for elsewhere', async (name, layout, labels) => {
    await expect(load(layout, fixture(name), labels)).rejects.toThrow(failure('E_DATA', LABELS[labels].about));
  });
});

describe('a file of XLand-100B', () => {
  it('is read: two rule sets, two histories each, half-precision rewards', async () => {
    const { environment: env, histories } = await load('xland', fixture('xland.hdf5'), 'expert');
    expect(env).toMatchObject({ id: 'XLand-MiniGrid-R1-9x9/trivial-1m', actionSpace: { kind: 'discrete', n: 6 }, horizon: 8 });
    expect(env.observationSpace).toMatchObject({ kind: 'multi-discrete', nvec: { length: 25 } });
    expect(histories.map(({ taskKey }) => taskKey)).toEqual(['ruleset=40', 'ruleset=40', 'ruleset=41', 'ruleset=41']);
    for (const history of histories) {
      expect(history.action).toHaveLength(24);
      expect(history.observation).toHaveLength(24 * 25);
      expect(history.reward.every(reward => reward >= 0 && reward < 1 && Number.isInteger(8 * reward))).toBe(true);
      expect(Array.from(episodeStarts(history))).toEqual([0, 4, 12, 16, 24]);
      // An episode as long as the longest was truncated; a shorter one was not.
      expect([3, 11, 15, 23].map(t => [history.terminated[t], history.truncated[t]])).toEqual([
        [1, 0],
        [0, 1],
        [1, 0],
        [0, 1],
      ]);
      const row = (column: Float32Array, t: number) => Array.from(column.subarray(t * 25, t * 25 + 25));
      for (let t = 0; t < 24; t++)
        expect(row(history.nextObservation, t)).toEqual(row(history.observation, [3, 11, 15, 23].includes(t) ? t : t + 1));
    }
    expect(new Set(histories.flatMap(({ reward }) => Array.from(reward))).size).toBeGreaterThan(4);
  });
});

it.each(WRITTEN)('only the first tasks and histories of %s are read where that is asked for', async layout => {
  const { histories, from } = recorded(environment('dark-room'), 'random', `most-${layout}`);
  const file = join(folder, `most-${layout}-export`, 'data.hdf5');
  await exportHistories(from, exchangeFormat(layout), file);
  const read = async (most: ImportRequest['most']) => {
    const request = { files: [file], format: exchangeFormat(layout), labels: 'action', most, familyOf: () => undefined } as const;
    return (await importHistories(request)).histories.map(({ action }) => action);
  };
  const actions = histories.map(({ action }) => action);
  expect(await read({ tasks: 2 })).toEqual(actions.slice(0, 4));
  expect(await read({ tasks: 2, histories: 1 })).toEqual([actions[0], actions[2]]);
  expect(await read({})).toEqual(actions);
});

describe('a file of Minari', () => {
  it('is read: episodes of one goal are a history, its spaces from metadata.json', async () => {
    const { environment: env, histories } = await load('minari', fixture('minari/main_data.hdf5'), 'action');
    // Four actions are declared; three occur.
    expect(env).toMatchObject({ id: 'toy/points-v0', actionSpace: { n: 4 }, horizon: 6, observationSpace: { kind: 'box' } });
    expect(histories.map(({ taskKey, action }) => [taskKey, action.length])).toEqual([
      ['goal=0,1', 12],
      ['goal=1,1', 4],
    ]);
    const [first, second] = histories;
    expect(Array.from(episodeStarts(first))).toEqual([0, 6, 12]);
    expect([second.terminated[3], second.truncated[3], first.terminated[5], first.truncated[5]]).toEqual([1, 0, 0, 1]);
    for (const t of [0, 1, 2, 3, 4])
      expect(first.nextObservation.slice(2 * t, 2 * t + 2)).toEqual(first.observation.slice(2 * t + 2, 2 * t + 4));
    // The last observation of an episode is its own, not the first of the next one.
    expect(first.nextObservation.slice(10, 12)).not.toEqual(first.observation.slice(12, 14));
  });
});

// ---- what does not fit -------------------------------------------------------------------------------------------------------

const column = (...values: number[]) => Int32Array.from(values);
/** A small file in the layout of XLand; `change` may replace datasets, remove them (undefined), or set attributes. */
function xlandFile(
  file: Hdf5Writer,
  change: Record<string, [Int32Array, number[]] | undefined> = {},
  attributes: Record<string, string> = {},
) {
  file.group('0');
  for (const [name, value] of Object.entries({ 'env-id': 'rooms', task: '{"goal":3}', ...attributes })) file.attribute('0', name, value);
  const datasets: typeof change = {
    states: [column(0, 1, 2, 3), [1, 4]],
    actions: [column(0, 1, 1, 0), [1, 4]],
    rewards: [column(0, 0, 0, 1), [1, 4]],
    dones: [column(0, 1, 0, 1), [1, 4]],
    ...change,
  };
  for (const [name, value] of Object.entries(datasets)) if (value) file.dataset('0', name, ...value);
}

/** As above, in the layout of Minari. */
function minariFile(file: Hdf5Writer, change: Record<string, [Int32Array, number[]] | undefined> = {}, episode = 'episode_0') {
  file.group(episode);
  const datasets: typeof change = {
    observations: [column(0, 1, 2), [3, 1]],
    actions: [column(0, 1), [2]],
    rewards: [column(0, 1), [2]],
    terminations: [column(0, 1), [2]],
    truncations: [column(0, 0), [2]],
    ...change,
  };
  for (const [name, value] of Object.entries(datasets)) if (value) file.dataset(episode, name, ...value);
}

const four = [1, 4];
const FAULTS: [what: string, layout: string, carries: Needle[], write: (file: Hdf5Writer) => void][] = [
  ['no groups', 'xland', [], file => file.attribute('', 'a', 1)],
  ['a missing dataset', 'xland', [0, '"actions"', 'dones, rewards, states'], f => xlandFile(f, { actions: undefined })],
  ['lengths that differ', 'xland', [0, '"rewards"', '[1, 4]', '[1, 3]'], f => xlandFile(f, { rewards: [column(0, 0, 1), [1, 3]] })],
  ['a flat column', 'xland', ['"states"', '[any, any]', '[4]'], f => xlandFile(f, { states: [column(0, 1, 2, 3), [4]] })],
  ['no name of the environment', 'xland', [0, '"env-id"'], f => f.group('0')],
  [
    'no name of the task',
    'xland',
    [0, '"ruleset-id"', '"task"'],
    f => {
      f.group('0');
      f.attribute('0', 'env-id', 'rooms');
    },
  ],
  ['a task that is not JSON', 'xland', [0, '"task"', 'goal 3'], f => xlandFile(f, {}, { task: 'goal 3' })],
  ['an expert outside the space', 'xland', ['0/0', 2, -1, '[0, 2)'], f => xlandFile(f, { expert_actions: [column(0, 0, -1, 0), four] })],
  ['the wrong layout', 'minari', ['episode_0, episode_1', '--format'], f => xlandFile(f)],
  [
    'as many observations as actions',
    'minari',
    ['episode_0', '"observations"', '[3]', '[2, 1]'],
    f => minariFile(f, { observations: [column(0, 1), [2, 1]] }),
  ],
  ['two rewards a step', 'minari', ['"rewards"', 2], f => minariFile(f, { rewards: [column(0, 1, 1, 0), [2, 2]] })],
  [
    'options of some episodes alone',
    'minari',
    ['episode_0', 'episode_1'],
    f => {
      minariFile(f);
      minariFile(f, {}, 'episode_1');
      f.attribute('episode_1', 'options/goal', 2);
    },
  ],
  ['a missing flag', 'minari', ['"truncations"'], f => minariFile(f, { truncations: undefined })],
];

describe('a file that does not fit', () => {
  it.each(FAULTS)('is refused: %s', async (what, layout, carries, write) => {
    const path = join(folder, `${layout}-${what.replaceAll(' ', '-')}.hdf5`);
    await writeHdf5(path, write);
    await expect(load(layout, path, 'action')).rejects.toThrow(failure('E_DATA', path, ...carries, /^[^\n]*$/));
  });

  it('is refused by what the environment here allows', async () => {
    const family = environment('dark-room', { size: 2, horizon: 2 });
    const cells = (...values: number[]): [Int32Array, number[]] => [column(...values), [1, 4, 2]];
    const right = cells(0, 0, 0, 1, 1, 1, 1, 0);
    const CASES: [Needle[], Record<string, [Int32Array, number[]]>, Record<string, string>][] = [
      [[3, 7, '[0, 5)'], { states: right, actions: [column(0, 1, 1, 7), four] }, {}],
      [[1, 2, '[0, 2)'], { states: cells(0, 0, 0, 2, 1, 1, 1, 0) }, {}],
      [[2, 1], {}, {}],
      [[3, 2], { states: right, dones: [column(0, 0, 1, 1), four] }, {}],
      [['dark-room', '{"goal":[2,0]}'], { states: right }, { task: '{"goal":[2,0]}' }],
    ];
    for (const [i, [carries, change, attributes]] of CASES.entries()) {
      const path = join(folder, `allowed-${i}.hdf5`);
      await writeHdf5(path, file => xlandFile(file, change, { task: '{"goal":[1,0]}', ...attributes }));
      await expect(load('xland', path, 'action', family)).rejects.toThrow(failure('E_DATA', path, ...carries));
    }
  });

  it('is refused together with one of another environment', async () => {
    const path = join(folder, 'other.hdf5');
    await writeHdf5(path, file => xlandFile(file));
    const files = [path, fixture('xland.hdf5')];
    const request = { files, format: exchangeFormat('xland'), labels: 'action', familyOf: () => undefined } as const;
    await expect(importHistories(request)).rejects.toThrow(failure('E_DATA', 'xland.hdf5', 'other.hdf5'));
  });
});

describe('a data set', () => {
  it('is named by its content, not by the names of files or who imported them', async () => {
    const [one, two] = ['one.hdf5', 'two.hdf5'].map(name => join(folder, name));
    for (const path of [one, two]) await writeHdf5(path, file => xlandFile(file));
    const save = async (path: string, labels: 'action' | 'recorded' = 'action', commit: string | null = null) => {
      const { histories, ...about } = await load('xland', path, labels);
      return saveDataset(join(folder, `set-${Math.random()}`), histories, { ...about, creator: { ...creator, commit } });
    };
    const named = (await save(one)).hash;
    expect((await save(one, 'action', 'abc')).hash).toBe(named);
    rmSync(two);
    await writeHdf5(two, file => xlandFile(file, { rewards: [column(0, 0, 1, 1), four] }));
    expect((await save(two)).hash).not.toBe(named);
  });

  it('is refused once it was altered', async () => {
    const out = join(folder, 'altered');
    const { histories, ...about } = await load('xland', fixture('xland.hdf5'), 'action');
    const dataset = saveDataset(out, histories, { ...about, creator });
    expect(datasetHistories(out, dataset).map(inMemory)).toEqual(histories);
    const path = join(out, dataset.shards[0].file);
    const bytes = readFileSync(path);
    bytes[bytes.length >> 1] ^= 1;
    writeFileSync(path, bytes);
    expect(() => datasetHistories(out, dataset)).toThrow(failure('E_DATA', '`cadenza import`'));
  });
});

describe('fromHalf', () => {
  it('knows the landmarks of IEEE 754', () => {
    const known: [number, number][] = [
      [0, 0],
      [0x3c00, 1],
      [0xc000, -2],
      [0x3555, 0.333251953125],
      [0x7bff, 65504],
      [1, 2 ** -24],
      [0x0400, 2 ** -14],
    ];
    for (const [bits, value] of known) expect(fromHalf(bits)).toBe(value);
    expect([fromHalf(0x7c00), fromHalf(0xfc00), fromHalf(0x7e00)]).toEqual([
      Number.POSITIVE_INFINITY,
      Number.NEGATIVE_INFINITY,
      Number.NaN,
    ]);
  });

  it('rises with its bits', () => {
    const falls = Array.from({ length: 0x7bff }, (_, i) => i + 1).filter(bits => fromHalf(bits) <= fromHalf(bits - 1));
    expect(falls).toEqual([]);
  });
});

it('groups are read in the order of their numbers', async () => {
  const path = join(folder, 'order.hdf5');
  await writeHdf5(path, file => {
    for (const name of ['10', '2', '1']) file.group(name);
  });
  expect(await readHdf5(path, file => file.groups())).toEqual(['1', '2', '10']);
});
