/** @file Every registered baseline as a row of its own: trained, evaluated and costed by the real pipeline on a tiny experiment. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { baselines, isTrained } from '../src/agent/baselines/index.ts';
import type { Results } from '../src/records/index.ts';
import { type Ended, metricsOf, settings, stageFiles, TINY, withinProcess } from './helpers/command.ts';

const folder = mkdtempSync(join(tmpdir(), 'cadenza-baselines-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const ALL = baselines.ids;
const TRAINED = baselines.all.filter(isTrained).map(({ id }) => id);
/** The loss of one batch of 16 is noisy: after 40 steps, not every baseline is below its loss after 10. */
const STEPS = 80;
const SHORT = { 'teacher.steps': 0, 'distill.beta': 0, ...Object.fromEntries(['pretrain', 'distill'].map(stage => [`${stage}.steps`, 0])) };
const run = (out: string, more: Record<string, unknown>) =>
  withinProcess(['run', TINY, '--out', out, '--json', ...settings({ ...SHORT, 'finetune.steps': 2, 'baselines.methods': ALL, ...more })]);

describe('a run with every baseline', () => {
  const out = join(folder, 'all');
  let ended: Pick<Ended, 'status' | 'stdout' | 'stderr'>;
  let results: Results;
  beforeAll(async () => {
    ended = await run(out, { 'baselines.steps': STEPS });
    results = JSON.parse(ended.stdout || '{}');
  }, 240_000);

  it('ends well, with a row for each', () => {
    expect(ended.status, ended.stderr).toBe(0);
    expect(Object.keys(results.methods).sort()).toEqual(['cad', 'random', 'source', ...ALL].sort());
  });

  it.each(TRAINED)('lowers the loss of %s by equal steps, and says what it costs', id => {
    const losses = metricsOf(out, `${id}-seed0`).map(({ loss }) => loss);
    expect(losses.at(-1)!).toBeLessThan(0.97 * losses[0]);
    const row = results.methods[id];
    expect(row.flopsPerAction).toBeGreaterThan(0);
    expect(row.budget).toEqual([{ stage: id, steps: STEPS, examples: STEPS * 16 }]);
  });

  it('gives the oracle 1 in every episode of every task, whatever it draws', () => {
    const { byEpisode, perTask, final, flopsPerAction } = results.methods.oracle;
    expect(byEpisode.mean).toEqual([1, 1, 1]);
    expect([final.mean, final.low, final.high, flopsPerAction]).toEqual([1, 1, 1, 0]);
    expect(perTask.map(({ mean }) => mean)).toEqual(perTask.map(() => 1));
  });

  it('holds budgets: no more FLOPs than CAD, no more bytes of raw tokens than Z has', () => {
    const { cad, truncated, 'truncated-flops': flops, 'truncated-bytes': bytes, none } = results.methods;
    expect(flops.flopsPerAction).toBeLessThanOrEqual(cad.flopsPerAction);
    expect(flops.flopsPerAction).toBeGreaterThan(truncated.flopsPerAction);
    // 2 latents of 16 numbers are 128 bytes, and a token has 176: nothing of the past fits, so this row is the one without.
    expect([bytes.flopsPerAction, bytes.stateBytes]).toEqual([none.flopsPerAction, none.stateBytes]);
  });

  it('says of a row what it alone was given', () => {
    const given = Object.entries(results.methods).flatMap(([name, row]) => (row.given ? [name] : []));
    expect(given.sort()).toEqual(['best-episodes', 'dpt', 'oracle']);
  });

  it('trains again nothing but the baselines whose settings changed', async () => {
    const names = () => [...new Set([...stageFiles(out).keys()].map(path => path.split('/')[0]))];
    const before = names();
    const again = await run(out, { 'baselines.steps': STEPS, 'compression.update': 'residual' });
    expect(again.status, again.stderr).toBe(0);
    expect(names()).toEqual(before);
  });
});
