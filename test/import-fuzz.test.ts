/** @file Damaged and hostile data: whatever a file holds, an import ends with an explained refusal or with what the file says. */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { exportHistories, importHistories } from '../src/data/exchange.ts';
import { exchangeFormat } from '../src/data/formats/index.ts';
import { writeHdf5 } from '../src/data/hdf5-writer.ts';
import { datasetHistories, readDataset, saveDataset, saveHistories } from '../src/data/index.ts';
import { environment } from '../src/envs/index.ts';
import { listedTasks } from '../src/rl/index.ts';
import { generateHistory, source } from '../src/sources/index.ts';
import { hashJson } from '../src/util/files.ts';
import { Random } from '../src/util/random.ts';
import { failure } from './helpers/failure.ts';
import { damagedBytes, damagedJson, expectExplained, fuzz } from './helpers/fuzz.ts';

const folder = mkdtempSync(join(tmpdir(), 'cadenza-import-fuzz-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const at = (name: string) => join(folder, name);
const fixture = (name: string) => fileURLToPath(new URL(`fixtures/${name}`, import.meta.url));
const load = (path: string) => importHistories({ files: [path], labels: 'action', familyOf: () => undefined });

const SMALL = ['xland', 'minari', 'd4rl'] as const;
beforeAll(async () => {
  const bytes = (...values: number[]) => Uint8Array.from(values);
  await writeHdf5(at('xland.hdf5'), file => {
    file.group('0');
    file.attribute('0', 'env-id', 'rooms');
    file.attribute('0', 'ruleset-id', 3);
    for (const [name, values] of Object.entries({
      states: [0, 1, 2, 3],
      actions: [0, 1, 1, 0],
      rewards: [0, 0, 0, 1],
      dones: [0, 1, 0, 1],
    }))
      file.dataset('0', name, bytes(...values), [1, 4]);
  });
  await writeHdf5(at('minari.hdf5'), file => {
    for (const episode of ['episode_0', 'episode_1']) {
      file.group(episode);
      file.attribute(episode, 'options/goal', 1);
      file.dataset(episode, 'observations', Float32Array.of(0, 0.5, 1), [3, 1]);
      for (const name of ['actions', 'rewards', 'terminations', 'truncations']) file.dataset(episode, name, bytes(0, 1), [2]);
    }
  });
  await writeHdf5(at('d4rl.hdf5'), file => {
    file.dataset('', 'observations', Float32Array.of(0, 0.5, 1, 0, 0.5, 1), [6, 1]);
    for (const name of ['actions', 'rewards', 'terminals', 'timeouts']) file.dataset('', name, bytes(0, 0, 1, 0, 0, 1), [6]);
  });
});

it.each(SMALL)('a file in the layout %s, with bytes changed', async layout => {
  const damages = damagedBytes(readFileSync(at(`${layout}.hdf5`)), { seed: 11, count: 300 });
  let number = 0;
  const { refused } = await fuzz(damages, async bytes => {
    // The library may still hold a file that it failed to read, and gives its content for whatever has its name.
    const path = at(`${layout}-${number++}.hdf5`);
    writeFileSync(path, bytes);
    await load(path);
  });
  expect(refused.length).toBeGreaterThan(50);
  for (const { code } of refused) expect(code).toBe('E_DATA');
});

it('a data set, whose hash protects it', async () => {
  const { histories, format: _, ...about } = await load(fixture('xland.hdf5'));
  const dataset = saveDataset(at('set'), histories, { ...about, creator: { version: '0', node: 'v20', commit: null } });
  const content = ({ creator: _who, origin: _from, ...rest }: typeof dataset) => rest;
  const read = () => {
    const found = readDataset(at('set'));
    datasetHistories(at('set'), found);
    return found;
  };
  await fuzz(damagedJson(dataset, { seed: 5, count: 400 }), text => {
    writeFileSync(at('set/dataset.json'), text);
    expect(content(read())).toEqual(content(dataset));
  });
  writeFileSync(at('set/dataset.json'), JSON.stringify(dataset));
  const shard = at(join('set', dataset.shards[0].file));
  const bytes = readFileSync(shard);
  for (const { what, content } of damagedBytes(bytes, { seed: 7, count: 100 })) {
    writeFileSync(shard, content);
    expect(await expectExplained(read, what), what).toMatchObject({ code: 'E_DATA' });
  }
});

it('a data set with a size that no machine holds or a file elsewhere, whose hash was made to fit', async () => {
  const { histories, format: _, ...about } = await load(fixture('xland.hdf5'));
  const creator = { version: '0', node: 'v20', commit: null };
  const { hash: _hash, ...dataset } = saveDataset(at('fitted'), histories, { ...about, creator });
  const { creator: _who, origin, ...content } = dataset;
  const [shard] = content.shards;
  for (const [field, change] of [
    ['environment.horizon', { environment: { ...content.environment, horizon: 1e9 } }],
    ['shards.0.file', { shards: [{ ...shard, file: '../../outside.arrow' }] }],
  ] as const) {
    const hash = hashJson({ ...content, ...change, fields: origin.fields });
    writeFileSync(at('fitted/dataset.json'), JSON.stringify({ ...dataset, ...change, hash }));
    expect(() => datasetHistories(at('fitted'), readDataset(at('fitted')))).toThrow(failure('E_DATA', field));
  }
});

it('a manifest of histories, which an export reads', async () => {
  const family = environment('dark-room', { size: 2, horizon: 3 });
  const [test, ...train] = listedTasks(family, 'A test');
  const histories = train.map((task, i) =>
    generateHistory({ family, task, source: source('random'), random: Random.seeded(i), episodes: 2, noise: 0, stream: String(i) }),
  );
  const { manifest } = saveHistories(at('stage'), family, histories, {
    source: { id: 'random', options: {}, knows: 'nothing' },
    seed: 0,
    noise: null,
    split: { train: train.map(family.taskKey), test: [family.taskKey(test)] },
    creator: { version: '0', node: 'v20', commit: null },
  });
  let number = 0;
  const { refused } = await fuzz(damagedJson(manifest, { seed: 3, count: 150 }), async text => {
    writeFileSync(at('stage/manifest.json'), text);
    await exportHistories(at('stage'), exchangeFormat('xland'), at(`out/${number++}.hdf5`));
  });
  expect(refused.length).toBeGreaterThan(50);
});
