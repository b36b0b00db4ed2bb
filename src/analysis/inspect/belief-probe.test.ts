import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { makeModel } from '../../../test/helpers/exported.ts';
import { failure } from '../../../test/helpers/failure.ts';
import { checkProbe, readBeliefs } from '../../policy/index.ts';
import { silentProgress } from '../../util/progress.ts';
import { writeBeliefProbe } from './belief-probe.ts';

const root = mkdtempSync(join(tmpdir(), 'cadenza-belief-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));
const silent = { progress: silentProgress, signal: new AbortController().signal };

/** Exports an untrained agent, with the file of its experiment. */
async function exported(name: string, settings: object, kind = 'recurrent') {
  const shared = { evaluate: { episodes: 3, streams: 1 }, ...settings };
  await makeModel(root, { name, tokenizer: 'packed', kind, settings: shared });
  const file = join(root, `${name}.yaml`);
  writeFileSync(file, JSON.stringify({ name, compressor: kind, context: { episodes: 3 }, ...shared }));
  return { folder: join(root, name), file };
}
const read = (folder: string, name: string) => JSON.parse(readFileSync(join(folder, name), 'utf8'));

describe('the probe of places', () => {
  it('learns what the source knows, of key and door in lives whose places change', async () => {
    const life = { id: 'key-to-door-life', options: { size: 3, attempt: 8, calls: 120, every: 40 } };
    const { folder, file } = await exported('life', {
      env: life,
      source: { id: 'layout-search' },
      split: { tasks: 9, heldOut: 3 },
      context: { segment: 24, segments: 1 },
      evaluate: { episodes: 1, streams: 1 },
    });
    await writeBeliefProbe(folder, file, silent);
    const probe = checkProbe(read(folder, 'probe.json'), read(folder, 'model.json'));
    expect(probe.places.map(({ name, counts, unknown }) => [name, ...counts, unknown])).toEqual([
      ['key', 3, 3, true],
      ['door', 3, 3, true],
    ]);
    expect(probe.fitted).toMatchObject({ to: { source: 'layout-search' }, tasks: 9, samples: 4 * 9 * 6, heldOut: 3, scored: 3 * 6 });
    // At the start nothing is known, whatever the weights of the agent are.
    const [{ unknown }] = readBeliefs(probe, new Float32Array(4 * 32));
    expect(unknown).toBeGreaterThan(0.5);
  }, 60_000);

  it('learns the places themselves where the source has no beliefs', async () => {
    const { folder, file } = await exported('room', {
      env: { id: 'dark-room', options: { size: 3, horizon: 5 } },
      source: { id: 'random' },
      split: { heldOut: 2 },
    });
    await writeBeliefProbe(folder, file, silent);
    const probe = checkProbe(read(folder, 'probe.json'), read(folder, 'model.json'));
    expect(probe.fitted).toMatchObject({ to: 'tasks', tasks: 7, heldOut: 2 });
    const [{ cells, unknown }] = readBeliefs(probe, new Float32Array(4 * 32));
    expect([cells.length, unknown]).toEqual([9, 0]);
  }, 60_000);

  it('is not for agents without latents, or tasks that hide no places', async () => {
    const bandit = await exported('bandit', { env: { id: 'delayed-bandit' }, source: { id: 'ucb' }, split: { tasks: 6, heldOut: 2 } });
    expect(await writeBeliefProbe(bandit.folder, bandit.file, silent)).toBeUndefined();
    const without = await exported('without', { split: { heldOut: 4 } }, 'none');
    expect(await writeBeliefProbe(without.folder, without.file, silent)).toBeUndefined();
  }, 60_000);

  it('is not fitted on other tasks than those of the agent', async () => {
    const { folder } = await exported('mine', { split: { heldOut: 4 } });
    const { file } = await exported('other', { split: { heldOut: 5 } });
    await expect(writeBeliefProbe(folder, file, silent)).rejects.toThrow(failure('E_CHECKPOINT', 'other'));
  }, 60_000);
});
