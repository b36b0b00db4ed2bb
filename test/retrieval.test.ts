/** @file A tiny run whose policy sees retrieved contexts, by the command line: its rows next to CAD's, and nothing else changed by it. */

import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseHTML } from 'linkedom';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decodeSafetensors } from '../src/engine/index.ts';
import type { Results } from '../src/records/index.ts';
import { metricsOf, settings, stageFiles, stageFolder, TINY, withinProcess } from './helpers/command.ts';
import { carrying, failure } from './helpers/failure.ts';

const folder = mkdtempSync(join(tmpdir(), 'cadenza-retrieval-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const out = join(folder, 'run');
const BRIEF = settings({
  'source.maxTasks': 20,
  'source.histories': 3,
  ...Object.fromEntries(['teacher', 'pretrain', 'distill', 'baselines'].map(stage => [`${stage}.steps`, 0])),
  'distill.beta': 0,
  'finetune.steps': 20,
});
const RETRIEVAL = settings({
  'policy.retrieval.contexts': 2,
  'retrieve.steps': 40,
  'retrieve.stores': ['others', 'own', 'all', 'none'],
  'retrieve.histories': 3,
});
const run = (...args: string[]) => withinProcess(['run', TINY, '--out', out, ...BRIEF, ...args, '--json']);

let plain: string[];
let results: Results;
beforeAll(async () => {
  const before = await run();
  expect(before.status, before.stderr).toBe(0);
  plain = [...stageFiles(out).keys()];
  const { status, stderr, stdout } = await run(...RETRIEVAL);
  expect(status, stderr).toBe(0);
  results = JSON.parse(stdout);
}, 60_000);

describe('a run with retrieved contexts', () => {
  it('has every stage of the run without them, and its own in addition', () => {
    const added = [...stageFiles(out).keys()]
      .filter(path => !plain.includes(path))
      .map(path => path.split('/')[0].replace(/-[0-9a-f]{12}$/, ''));
    expect(plain.every(path => existsSync(join(out, 'stages', path)))).toBe(true);
    const rows = ['', '-own', '-all', '-none'].flatMap(store =>
      ['evaluate', 'imitation'].map(stage => `${stage}-cad+retrieval${store}-seed0`),
    );
    const timed = ['', '-own', '-all', '-none'].map(store => `time-cad+retrieval${store}`);
    expect(new Set(added)).toEqual(new Set([...timed, 'contexts-seed0', 'contexts-test-seed0', 'retrieve-seed0', ...rows]));
  });

  it('gives a row for every store, with what each was given', () => {
    const { methods } = results;
    const given = Object.fromEntries(Object.entries(methods).flatMap(([name, { retrieval }]) => (retrieval ? [[name, retrieval]] : [])));
    // 6 contexts of 3 histories of 20 training tasks, and as many of 3 earlier streams on each of 4 test tasks.
    expect(given).toMatchObject({
      'cad+retrieval': { contexts: 2, stored: 360, shows: 'end' },
      'cad+retrieval-own': { stored: 18 },
      'cad+retrieval-all': { stored: 360 + 72 },
      'cad+retrieval-none': { stored: 0 },
    });
    for (const name of Object.keys(given)) {
      // Two contexts of two latents of 16 numbers, and two flags.
      expect(methods[name].stateBytes - methods.cad.stateBytes).toBe(2 * 2 * 16 * 4 + 2 * 4);
      expect(methods[name].flopsPerAction).toBeGreaterThan(methods.cad.flopsPerAction);
      expect(methods[name].historyBytes).toBe(methods.cad.historyBytes);
    }
    const notes = parseHTML(readFileSync(join(out, 'results.html'), 'utf8')).document.querySelectorAll('p.note');
    expect(Array.from(notes, ({ textContent }) => textContent)).toContainEqual(carrying('cad+retrieval-own', 2, 18));
  });

  it('trains the policy alone, at a falling loss, and says how long looking up took', () => {
    const part = (stage: string, prefix: string) => {
      const { tensors } = decodeSafetensors(readFileSync(join(stageFolder(out, stage)!, 'model.safetensors')));
      return new Map([...tensors].filter(([name]) => name.startsWith(prefix)).map(([name, { data }]) => [name, data]));
    };
    expect(part('retrieve-seed0', 'compressor.')).toEqual(part('finetune-seed0', 'compressor.'));
    const policy = part('retrieve-seed0', 'policy.');
    for (const [name, data] of part('finetune-seed0', 'policy.')) expect(policy.get(name), name).not.toEqual(data);
    const losses = metricsOf(out, 'retrieve-seed0').map(({ loss }) => loss);
    expect(losses.at(-1)!).toBeLessThan(losses[0]);
    const report = (stage: string) => JSON.parse(readFileSync(join(stageFolder(out, stage)!, 'stage.json'), 'utf8')).report;
    expect(report('evaluate-cad+retrieval-seed0').lookUpShare).toBeGreaterThan(0);
    expect(report('contexts-seed0').lookUpSeconds).toBeGreaterThan(0);
  });

  it('refuses a distance of codes where there are none, before anything is trained', async () => {
    const { status, stdout } = await run(...RETRIEVAL, ...settings({ 'policy.retrieval.metric': 'hamming' }));
    expect([status, JSON.parse(stdout).error]).toEqual([3, failure('E_CONFIG', '"hamming"', '"continuous"')]);
  });
});
