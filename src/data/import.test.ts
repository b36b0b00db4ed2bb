/** @file What an import follows, narrows, fills in and counts: each is right, or is refused where it would be silently wrong. */

import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { afterAll, describe, expect, it } from 'vitest';
import { carrying, failure, type Needle } from '../../test/helpers/failure.ts';
import { exportHistories, type ImportRequest, importHistories } from './exchange.ts';
import { exchangeFormat } from './formats/index.ts';
import { Budget, library, readHdf5 } from './hdf5.ts';
import { type Hdf5Writer, type Numbers, writeHdf5 } from './hdf5-writer.ts';
import { datasetHistories, readDataset, saveDataset } from './index.ts';

const folder = mkdtempSync(join(tmpdir(), 'cadenza-import-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const at = (name: string) => join(folder, name);
const creator = { version: '0', node: 'v20', commit: null };

const load = (files: string | readonly string[], more: Partial<ImportRequest> = {}) =>
  importHistories({ files: [files].flat(), labels: 'action', familyOf: () => undefined, ...more });
const refusal = (files: string | readonly string[], more: Partial<ImportRequest> = {}) =>
  load(files, more).then(
    () => expect.fail(String(files)),
    (error: Error & { code?: string }) => {
      expect(error.code, error.stack).toBe('E_DATA');
      return error.message;
    },
  );
const tasksOf = async (files: string | readonly string[]) => (await load(files)).histories.map(({ taskKey }) => taskKey);

type Attributes = Record<string, string | number | bigint>;
/** One task of XLand in a group, or in the root: two histories of four steps, two episodes each. */
function task(file: Hdf5Writer, group: string, attributes: Attributes, datasets: Record<string, Numbers> = {}) {
  if (group) file.group(group);
  for (const [name, value] of Object.entries({ 'env-id': 'rooms', ...attributes })) file.attribute(group, name, value);
  const columns = {
    states: Uint8Array.of(0, 1, 2, 3, 3, 2, 1, 0),
    actions: Uint8Array.of(0, 1, 1, 0, 1, 0, 0, 1),
    rewards: Uint8Array.of(0, 0, 0, 1, 1, 0, 0, 0),
    dones: Uint8Array.of(0, 1, 0, 1, 0, 1, 0, 1),
    ...datasets,
  };
  for (const [name, values] of Object.entries(columns)) file.dataset(group, name, values, [2, 4]);
}
const write = async (name: string, content: (file: Hdf5Writer) => void) => {
  await writeHdf5(at(name), content);
  return at(name);
};
/** Links, which the writer does not have. */
async function link(name: string, make: (file: { create_soft_link: Link; create_external_link: ExternalLink }) => void) {
  const { File } = await library();
  const file = new File(at(name), 'a');
  make(file);
  file.close();
  return at(name);
}
type Link = (target: string, name: string) => number;
type ExternalLink = (file: string, target: string, name: string) => number;
const unpack = (name: string) => {
  const path = at(name);
  writeFileSync(path, gunzipSync(readFileSync(fileURLToPath(new URL(`../../test/fixtures/hostile/${name}.gz`, import.meta.url)))));
  return path;
};

describe('links', () => {
  it('into other files take the attributes from there, whatever the files hold', async () => {
    await write('linked/b.hdf5', file => task(file, 'x', { task: '{"goal":2}' }));
    await write('linked/a.hdf5', file => task(file, '0', { task: '{"goal":1}' }));
    const path = await link('linked/a.hdf5', file => file.create_external_link('b.hdf5', '/x', '1'));
    expect(await tasksOf(path)).toEqual(['goal=1', 'goal=1', 'goal=2', 'goal=2']);
    const { origin } = await load(path);
    expect(origin.files.map(({ name, histories }) => [name, histories])).toEqual([
      ['a.hdf5', 4],
      ['b.hdf5', 0],
    ]);
  });

  it('join files of one task, which have its attributes at their roots', async () => {
    for (const n of [0, 1, 2]) await write(`joined/task-${n}.hdf5`, file => task(file, '', { 'ruleset-id': n }));
    await write('joined/all.hdf5', () => {});
    const path = await link('joined/all.hdf5', file => {
      for (const n of [0, 1, 2]) file.create_external_link(`task-${n}.hdf5`, '/', String(n));
    });
    const keys = [0, 1, 2].flatMap(n => [`ruleset=${n}`, `ruleset=${n}`]);
    expect(await tasksOf(path)).toEqual(keys);
    expect((await tasksOf([0, 1, 2].map(n => at(`joined/task-${n}.hdf5`)))).sort()).toEqual(keys);
  });

  it('within a file lead where they say, and are refused where that is nowhere or a circle', async () => {
    const linked = async (name: string, links: [target: string, name: string][]) => {
      await write(name, file => task(file, '0', { 'ruleset-id': 1 }));
      return link(name, file => {
        for (const [target, own] of links) file.create_soft_link(target, own);
      });
    };
    expect(await tasksOf(await linked('soft.hdf5', [['/0', '1']]))).toHaveLength(4);
    expect(await refusal(await linked('nowhere.hdf5', [['/9', '1']]))).toEqual(carrying('nowhere.hdf5', '/9'));
    const circle = await linked('circle.hdf5', [
      ['/2', '1'],
      ['/1', '2'],
    ]);
    expect(await refusal(circle)).toEqual(carrying('circle.hdf5'));
    await write('lost.hdf5', file => task(file, '0', { 'ruleset-id': 1 }));
    const lost = await link('lost.hdf5', file => file.create_external_link('gone.hdf5', '/x', '1'));
    expect(await refusal(lost)).toEqual(carrying('/x', 'gone.hdf5'));
  });

  it('of virtual datasets to a missing source are refused, not read as zeros', async () => {
    expect(await refusal(unpack('virtual.hdf5'))).toEqual(carrying('"states"', '0/states', 'source.hdf5'));
  });
});

describe('numbers', () => {
  it('that name tasks are exact, or refused', async () => {
    const path = await write('ids.hdf5', file => {
      for (let n = 0; n < 3; n++) task(file, String(n), { 'ruleset-id': 2n ** 60n + BigInt(n) });
    });
    expect(await refusal(path)).toEqual(carrying('"ruleset-id"', '1152921504606846976'));
    const json = await write('ids-json.hdf5', file => task(file, '0', { task: '{"goal":1152921504606846977}' }));
    expect(await refusal(json)).toEqual(carrying('"task"', 'goal'));
    const most = await write('ids-most.hdf5', file => task(file, '0', { 'ruleset-id': 2n ** 53n - 1n }));
    expect(await tasksOf(most)).toEqual([`ruleset=${2 ** 53 - 1}`, `ruleset=${2 ** 53 - 1}`]);
  });

  const states = (name: string, values: number[]) =>
    write(name, file => task(file, '0', { 'ruleset-id': 1 }, { states: Float64Array.from(values) }));

  it('of 64 bits that 32 cannot tell apart are refused, unless that is asked for', async () => {
    const times = await states(
      'times.hdf5',
      Array.from({ length: 8 }, (_, t) => 1764300000 + t),
    );
    expect(await refusal(times)).toEqual(carrying('observations', 1764300000, 1764300001, 1764300032, '--allow-rounding'));
    const { origin } = await load(times, { allowRounding: true });
    expect(origin.notes).toContainEqual(carrying('observations', 32, 1));
    // The same between whole numbers, and in steps that are no whole numbers.
    const fine = await states(
      'fine.hdf5',
      Array.from({ length: 8 }, (_, t) => 1000.5 + t * 1e-6),
    );
    expect(await refusal(fine)).toEqual(carrying('observations', 1000.5, '--allow-rounding'));
    const ids = await states('large-ids.hdf5', [5e8, 3, 16777217, 16777216, 9e8, 7, 8, 1e8]);
    expect(await refusal(ids)).toEqual(carrying(/1677721[67] .*1677721[67] .*16777216/));
  });

  it('that are merely rounded are reported with the largest error', async () => {
    const path = await states('rounded.hdf5', [0.1, 0.7, 0.2, 0.9, 0.3, 0.8, 0.4, 0.6]);
    const { histories, origin } = await load(path);
    expect(histories[0].observation[0]).toBe(Math.fround(0.1));
    const worst = Math.max(...[0.1, 0.7, 0.2, 0.9, 0.3, 0.8, 0.4, 0.6].map(x => Math.abs(x - Math.fround(x))));
    const rounded = carrying('observations', 32, worst.toPrecision(2));
    expect(origin.notes).toContainEqual(rounded);
    expect((await load(await states('exact.hdf5', [0.5, 0, 1, 2, 0.25, 3, 1, 1]))).origin.notes).not.toContainEqual(
      carrying('observations', 32),
    );
  });

  it('that are not what they stand for are refused', async () => {
    const CASES: [Record<string, Numbers>, Needle[]][] = [
      [{ dones: Uint8Array.of(0, 2, 0, 1, 0, 1, 0, 1) }, ['"ended"', 1, 2]],
      [{ rewards: Float64Array.of(0, 1e300, 0, 0, 0, 0, 0, 0) }, ['reward', 1, '1e+300']],
      [{ states: Float64Array.of(0, 1e300, 0, 0, 0, 0, 0, 0) }, ['observation', 1, '1e+300']],
      [{ states: BigInt64Array.of(0n, 2n ** 60n, 0n, 0n, 0n, 0n, 0n, 0n) }, ['"states"', 1, '1152921504606846976']],
    ];
    for (const [i, [datasets, carries]] of CASES.entries())
      expect(await refusal(await write(`wrong-${i}.hdf5`, file => task(file, '0', { 'ruleset-id': 1 }, datasets)))).toEqual(
        carrying(...carries),
      );
  });
});

describe('sizes', () => {
  it('that a file claims and cannot hold are refused before anything is read', async () => {
    expect(await refusal(unpack('sparse.hdf5'))).toEqual(carrying(2, '"states"', '1.07 GB', '17.5 kB'));
  });

  it('beyond the memory there is are refused with the estimate', async () => {
    const path = await write('large.hdf5', file => task(file, '0', { 'ruleset-id': 1 }));
    const budget = Object.assign(new Budget(), { left: 100 });
    const read = readHdf5(path, file => file.read('0', 'states', 0), budget);
    expect((await read).length).toBe(4);
    await expect(readHdf5(path, file => file.read('0', 'states'), budget)).rejects.toThrow(
      failure('E_DATA', /\d+ bytes.*\d+ bytes/, '--tasks'),
    );
  });
});

it('an action among more than can be listed is refused before they are', async () => {
  const path = await write('many.hdf5', file =>
    task(file, '0', { 'ruleset-id': 1 }, { actions: Int32Array.of(0, 419430401, 0, 0, 0, 0, 0, 0) }),
  );
  await expect(load(path)).rejects.toThrow(failure('E_CONFIG', 419430402));
});

it('text that is not UTF-8 is refused where it is used, and nothing is replaced in it', async () => {
  const path = await write('text.hdf5', file => task(file, '0', { 'env-id': 'Gr*n', 'ruleset-id': 1 }));
  const bytes = readFileSync(path);
  bytes[bytes.indexOf('Gr*n') + 2] = 0xfc;
  writeFileSync(at('latin.hdf5'), bytes);
  expect(await refusal(at('latin.hdf5'))).toEqual(carrying('latin.hdf5', '"env-id"', 'UTF-8'));
  const umlaut = await write('umlaut.hdf5', file => task(file, '0', { 'env-id': 'Grün', 'ruleset-id': 1 }));
  expect((await load(umlaut)).environment.id).toBe('Grün');
});

it('histories in which no episode ends are reported with what to do', async () => {
  const none = await write('no-ends.hdf5', file => task(file, '0', { 'ruleset-id': 1 }, { dones: new Uint8Array(8) }));
  expect((await load(none)).origin.notes.join()).toContain('context.segment');
  const ends = await write('ends.hdf5', file => task(file, '0', { 'ruleset-id': 1 }));
  expect((await load(ends)).origin.notes.join()).not.toContain('context.segment');
});

// ---- layouts -------------------------------------------------------------------------------------------------------------------

interface Minari {
  readonly observation: unknown;
  readonly action?: unknown;
  readonly more?: string;
  /** Datasets of every episode by path, with their shapes. */
  readonly datasets: Record<string, [Numbers, number[]]>;
}
/** A data set of Minari of two episodes of two steps; gives its folder. */
async function minari(name: string, { observation, action = { type: 'Discrete', n: 2, start: 0 }, more = '', datasets }: Minari) {
  await write(`${name}/data/main_data.hdf5`, file => {
    for (const e of [0, 1]) {
      const episode = `episode_${e}`;
      file.group(episode);
      file.attribute(episode, 'options/goal', e);
      const flags = (name: string, ...values: number[]): [string, [Numbers, number[]]] => [name, [Uint8Array.from(values), [2]]];
      const columns = [flags('actions', 0, 1), flags('rewards', 0, 1), flags('terminations', 0, 0), flags('truncations', 0, 1)];
      const groups = new Set([episode]);
      for (const [path, [values, shape]] of Object.entries({ ...Object.fromEntries(columns), ...datasets })) {
        const parts = [episode, ...path.split('/')];
        for (let depth = 1; depth < parts.length; depth++) {
          const group = parts.slice(0, depth).join('/');
          if (!groups.has(group)) file.group(group);
          groups.add(group);
        }
        file.dataset(parts.slice(0, -1).join('/'), parts.at(-1)!, values, shape);
      }
    }
  });
  const spaces = { observation_space: JSON.stringify(observation), action_space: JSON.stringify(action) };
  const text = JSON.stringify({ data_format: 'hdf5', jpeg_encoding: true, dataset_id: name, ...spaces });
  writeFileSync(at(`${name}/data/metadata.json`), more ? text.replace(/}$/, `, ${more}}`) : text);
  return at(name);
}
const box = (shape: number[], low: unknown, high: unknown) => ({ type: 'Box', dtype: 'float32', shape, low, high });
const three = (...values: number[]): [Float32Array, number[]] => [Float32Array.from(values), [3, values.length / 3]];

describe('a data set of Minari', () => {
  it('is found by its folder and by its id, and its layout by itself', async () => {
    const path = await minari('found-v0', {
      observation: { type: 'Discrete', n: 3, start: 0 },
      datasets: { observations: [Uint8Array.of(0, 1, 2), [3]] },
    });
    const before = process.env.MINARI_DATASETS_PATH;
    process.env.MINARI_DATASETS_PATH = folder;
    try {
      for (const input of [path, 'found-v0', join(path, 'data'), join(path, 'data', 'main_data.hdf5')])
        expect((await load(input)).format.id).toBe('minari');
    } finally {
      if (before === undefined) delete process.env.MINARI_DATASETS_PATH;
      else process.env.MINARI_DATASETS_PATH = before;
    }
  });

  it('has integers of any shape that begin anywhere', async () => {
    const nd = { type: 'MultiDiscrete', dtype: 'int64', nvec: [[3], [4]], start: [[1], [-1]] };
    const path = await minari('nd-v0', { observation: nd, datasets: { observations: [Int32Array.of(1, -1, 2, 0, 3, 2), [3, 2, 1]] } });
    const { environment, histories, origin } = await load(path);
    expect(environment.observationSpace).toEqual({ kind: 'multi-discrete', nvec: [3, 4] });
    expect(Array.from(histories[0].observation)).toEqual([0, 0, 1, 1]);
    expect(Array.from(histories[0].nextObservation)).toEqual([1, 1, 2, 3]);
    expect(origin.fields).toEqual({ observation: [{ name: 'observations', size: 2, start: [1, -1] }] });
  });

  it('may have the numbers that Python writes without quotes', async () => {
    const infinite = await minari('scores-v0', {
      observation: box([1], [0], [1]),
      more: '"ref_max_score": Infinity, "ref_min_score": NaN, "note": "Infinity stays"',
      datasets: { observations: three(0, 1, 0.5) },
    });
    expect((await load(infinite)).histories).toHaveLength(2);
  });

  it('has actions of reals, whose missing bounds are those of the numbers', async () => {
    const text = (value: unknown) => JSON.parse(JSON.stringify(value));
    const action = text({ type: 'Box', dtype: 'float32', shape: [2], low: [-1, '-Infinity'], high: [1, 'Infinity'] });
    const datasets: Minari['datasets'] = { observations: three(0, 1, 0.5), actions: [Float32Array.of(0.5, -3, 0, 4), [2, 2]] };
    const { environment, histories } = await load(await minari('box-v0', { observation: box([1], [0], [1]), action, datasets }));
    expect(environment.actionSpace).toEqual({ kind: 'box', low: [-1, -3], high: [1, 4] });
    expect(Array.from(histories[0].action)).toEqual([0.5, -3, 0, 4]);
    // Certain of the action: its numbers, and no deviation.
    expect(Array.from(histories[0].probabilities)).toEqual([0.5, -3, 0, 0, 0, 4, 0, 0]);
  });

  it('has observations of several arrays, side by side in the order of the space, and says so', async () => {
    const observation = {
      type: 'Dict',
      subspaces: {
        dir: { type: 'Discrete', n: 4, start: 0 },
        pair: { type: 'Tuple', subspaces: [box([1], [0], [9]), box([1], [0], [9])] },
        words: { type: 'Text' },
      },
    };
    const datasets: Minari['datasets'] = {
      'observations/pair/_index_0': three(5, 6.5, 7),
      'observations/pair/_index_1': three(1, 2, 3),
      'observations/dir': [Uint8Array.of(0, 1, 3), [3]],
    };
    const path = await minari('dict-v0', { observation, datasets });
    const { histories, origin } = await load(path);
    expect(Array.from(histories[0].observation)).toEqual([0, 5, 1, 1, 6.5, 2]);
    expect(origin.fields?.observation?.map(({ name }) => name)).toEqual([
      'observations/dir',
      'observations/pair/_index_0',
      'observations/pair/_index_1',
    ]);
    expect(origin.notes).toContainEqual(carrying('observations/words'));
  });

  it('has observations of reals as declared, whose missing bounds are those of the numbers', async () => {
    const observation = box([4], [-4.8, '-Infinity', -0.5, -3.4028234663852886e38], [4.8, 'Infinity', 0.5, 3.4028234663852886e38]);
    const datasets: Minari['datasets'] = { observations: three(0, 1, 0, -2, 1, 2, 0, 0, 3, 5, 0, 7) };
    const { environment, origin } = await load(await minari('cart-v0', { observation, datasets }));
    expect(environment.observationSpace).toEqual({ kind: 'box', low: [-4.8, 1, -0.5, -2], high: [4.8, 5, 0.5, 7] });
    expect(origin.notes.filter(note => note.includes('observations'))).toEqual([carrying('observations', '1, 3')]);
  });

  it('says where integers stand next to reals', async () => {
    const of = async (name: string, b: unknown) => {
      const observation = { type: 'Dict', subspaces: { a: { type: 'Discrete', n: 4, start: 0 }, b } };
      const datasets: Minari['datasets'] = {
        'observations/a': [Uint8Array.of(0, 1, 2), [3]],
        'observations/b': [Uint8Array.of(0, 1, 1), [3, 1]],
      };
      const { environment, origin } = await load(await minari(name, { observation, datasets }));
      return { space: environment.observationSpace, said: origin.notes.some(note => note.includes('observations/a')) };
    };
    expect(await of('mixed-v0', box([1], [-1], [1]))).toEqual({ space: { kind: 'box', low: [0, -1], high: [3, 1] }, said: true });
    expect(await of('both-v0', { type: 'Discrete', n: 2, start: 0 })).toEqual({
      space: { kind: 'multi-discrete', nvec: [4, 2] },
      said: false,
    });
  });

  it('is refused by name in other storage, and where it cannot be numbers', async () => {
    mkdirSync(at('arrow-v0/data'), { recursive: true });
    writeFileSync(at('arrow-v0/data/metadata.json'), '{"data_format": "arrow"}');
    expect(await refusal(at('arrow-v0'))).toEqual(carrying('arrow-v0', /\barrow\b(?!-)/));
    mkdirSync(at('bare-v0/data'), { recursive: true });
    writeFileSync(at('bare-v0/data/metadata.json'), '{"data_format": "hdf5"}');
    expect(await refusal(at('bare-v0'))).toEqual(carrying('bare-v0', 'main_data.hdf5'));
    writeFileSync(at('train.parquet'), 'PAR1 and more');
    expect(await refusal(at('train.parquet'))).toContain('Parquet');
    const image = { type: 'Box', dtype: 'uint8', shape: [32, 32, 3], low: 0, high: 255 };
    const jpeg = await minari('jpeg-v0', { observation: image, datasets: { observations: three(0, 1, 2) } });
    expect(await refusal(jpeg)).toContain('JPEG');
  });
});

it("D4RL's layout is read: reals at the root, one task a file", async () => {
  const path = await write('walker-v2.hdf5', file => {
    file.dataset('', 'observations', Float32Array.of(0, 0.5, 1, 0, 0.5, 1), [6, 1]);
    file.dataset('', 'actions', Float32Array.of(0.5, -0.5, 1, 0, 0.25, -1), [6, 1]);
    file.dataset('', 'rewards', Float32Array.of(0, 0, 1, 0, 0, 1), [6]);
    file.dataset('', 'terminals', Uint8Array.of(0, 0, 1, 0, 0, 0), [6]);
    file.dataset('', 'timeouts', Uint8Array.of(0, 0, 0, 0, 0, 1), [6]);
    file.dataset('', 'extra', Uint8Array.of(1), [1]);
  });
  const { format, environment, histories, origin } = await load(path);
  expect([format.id, environment.id, environment.actionSpace]).toEqual(['d4rl', 'walker-v2', { kind: 'box', low: [-1], high: [1] }]);
  expect([histories[0].terminated[2], histories[0].truncated[5]]).toEqual([1, 1]);
  // What the end of an episode led to is not recorded.
  expect(Array.from(histories[0].nextObservation)).toEqual([0.5, 1, 1, 0.5, 1, 1]);
  expect(origin.notes).toContainEqual(carrying(/\bextra\b/));
});

// ---- what is kept --------------------------------------------------------------------------------------------------------------

describe('content', () => {
  it('alone names a data set: not the names of files, nor their order', async () => {
    const [one, two] = [1, 2].map(n => write(`part-${n}.hdf5`, file => task(file, '0', { 'ruleset-id': n })));
    const renamed = await write('another-name.hdf5', file => task(file, '0', { 'ruleset-id': 1 }));
    const save = async (files: string[], name: string) => {
      const { histories, format: _, ...about } = await load(files);
      return saveDataset(at(name), histories, { ...about, creator });
    };
    const named = await save([await one, await two], 'set-1');
    const turned = await save([await two, renamed], 'set-2');
    expect(turned.hash).toBe(named.hash);
    expect(turned.shards).toEqual(named.shards);
    expect(await refusal([await one, renamed])).toEqual(carrying(await one, renamed));
  });

  it('is exported to the same bytes whenever it is', async () => {
    const { histories, format: _, ...about } = await load(await write('source.hdf5', file => task(file, '0', { 'ruleset-id': 1 })));
    saveDataset(at('to-export'), histories, { ...about, creator });
    for (const layout of ['xland', 'minari']) {
      const files = [at(`first/${layout}.hdf5`), at(`second/${layout}.hdf5`)];
      for (const [i, file] of files.entries()) {
        // HDF5 counts seconds.
        if (i > 0) await new Promise(resolve => setTimeout(resolve, 1100));
        await exportHistories(at('to-export'), exchangeFormat(layout), file);
      }
      expect(readFileSync(files[1]).equals(readFileSync(files[0]))).toBe(true);
      // The same command again changes nothing.
      await exportHistories(at('to-export'), exchangeFormat(layout), files[0]);
    }
  });
});

describe('what others made is left as it is', () => {
  const saved = async (name: string, reward: number) => {
    const rewards = new Uint8Array(8).fill(reward);
    const path = at(`reward-${reward}.hdf5`);
    if (!existsSync(path)) await write(`reward-${reward}.hdf5`, file => task(file, '0', { 'ruleset-id': 1 }, { rewards }));
    const { histories, format: _, ...about } = await load(path);
    return saveDataset(at(name), histories, { ...about, creator });
  };
  const filesIn = (name: string) =>
    Object.fromEntries(readdirSync(at(name)).map(file => [file, readFileSync(at(join(name, file)), 'hex')]));

  it('by an import: another data set, a stage, any file', async () => {
    await saved('kept', 1);
    const before = filesIn('kept');
    await expect(saved('kept', 0)).rejects.toMatchObject({ code: 'E_CONFIG' });
    expect(filesIn('kept')).toEqual(before);
    // The same again is no other.
    await saved('kept', 1);
    expect(filesIn('kept')).toEqual(before);
    expect(datasetHistories(at('kept'), readDataset(at('kept')))).toHaveLength(2);
    mkdirSync(at('stage'));
    for (const file of ['stage.json', 'manifest.json', 'shard-0000-0123456789abcdef.arrow']) writeFileSync(at(join('stage', file)), 'x');
    const stage = filesIn('stage');
    await expect(saved('stage', 0)).rejects.toMatchObject({ code: 'E_CONFIG' });
    expect(filesIn('stage')).toEqual(stage);
  });

  it('by an import after one that was killed', async () => {
    await saved('killed', 1);
    rmSync(at('killed/dataset.json'));
    const [shard] = readdirSync(at('killed'));
    writeFileSync(at('killed/shard-0001-0123456789abcdef.arrow'), 'of another import');
    await saved('killed', 1);
    expect(readdirSync(at('killed')).sort()).toEqual(['dataset.json', shard, 'shard-0001-0123456789abcdef.arrow'].sort());
  });

  it('by an export: a file, and the metadata.json of another data set', async () => {
    await saved('origin', 1);
    writeFileSync(at('mine.hdf5'), 'mine');
    const into = (layout: string, path: string) => exportHistories(at('origin'), exchangeFormat(layout), at(path));
    await expect(into('xland', 'mine.hdf5')).rejects.toMatchObject({ code: 'E_DISK' });
    expect(readFileSync(at('mine.hdf5'), 'utf8')).toBe('mine');
    mkdirSync(at('theirs'));
    writeFileSync(at('theirs/metadata.json'), '{}');
    await expect(into('minari', 'theirs/main_data.hdf5')).rejects.toMatchObject({ code: 'E_DISK' });
    expect(readdirSync(at('theirs'))).toEqual(['metadata.json']);
    expect(readdirSync(folder).filter(name => name.endsWith('.tmp'))).toEqual([]);
  });
});
