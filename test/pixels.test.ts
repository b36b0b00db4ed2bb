/** @file The whole pipeline on pictures: generate → … → evaluate, with forms of the policy and positions away from their defaults. */

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Results } from '../src/records/index.ts';
import { settings, stageFolder, TINY, withinProcess } from './helpers/command.ts';

const out = mkdtempSync(join(tmpdir(), 'cadenza-pixels-'));
afterAll(() => rmSync(out, { recursive: true, force: true }));

const SETTINGS = {
  env: { id: 'dark-room-pixels', options: { size: 5, horizon: 8, pixels: 2 } },
  model: { positions: 'rotary', rewards: [0, 0.5], image: { encoder: 'conv', features: 4 } },
  policy: { architecture: 'encoder-decoder', query: 'state', crossLayers: [0] },
  teacher: { steps: 0 },
  pretrain: { steps: 60 },
  distill: { steps: 20, beta: 0 },
  finetune: { steps: 20 },
  baselines: { steps: 0 },
};
const flat = Object.entries(SETTINGS).flatMap(([section, values]) =>
  Object.entries(values).map(([key, value]) => [`${section}.${key}`, value] as const),
);

describe('a tiny run on pictures', () => {
  let ended: Awaited<ReturnType<typeof withinProcess>>;
  beforeAll(async () => {
    ended = await withinProcess(['run', TINY, '--out', out, ...settings(Object.fromEntries(flat))]);
  }, 120_000);

  it('goes all the way', () => {
    expect(ended.status, ended.stderr).toBe(0);
    const { methods, run } = JSON.parse(readFileSync(join(out, 'results.json'), 'utf8')) as Results;
    expect(methods.cad.byEpisode.mean).toHaveLength(3);
    expect((run as { config: typeof SETTINGS }).config.env.options.pixels).toBe(2);
    const description = JSON.parse(readFileSync(join(out, 'model', 'model.json'), 'utf8'));
    expect(description).toMatchObject({ query: 'state', env: SETTINGS.env, observationSpace: { kind: 'image', height: 10, width: 10 } });
  });

  it('reports what reconstruction gives back: the error of the pixels, right actions, rewards found', () => {
    const folder = stageFolder(out, 'pretrain-seed0')!;
    const lines = readFileSync(join(folder, 'metrics.jsonl'), 'utf8').trim().split('\n');
    const rows = lines.map(line => JSON.parse(line) as Record<string, number>);
    const [first, last] = [rows[0], rows.at(-1)!];
    expect(last['reconstruction.nextObservation']).toBeLessThan(first['reconstruction.nextObservation']);
    for (const name of ['accuracy.action', 'recall.reward']) {
      expect(rows.every(row => row[name] >= 0 && row[name] <= 1)).toBe(true);
    }
    expect(last['accuracy.action']).toBeGreaterThan(0.2);
    const { report } = JSON.parse(readFileSync(join(folder, 'stage.json'), 'utf8'));
    const named = Object.keys(report.metrics).sort();
    expect(named).toEqual(
      Object.keys(last)
        .filter(name => /^(reconstruction|accuracy|recall)\./.test(name))
        .sort(),
    );
    for (const name of named) expect(report.metrics[name]).toBe(last[name]);
  });
});
