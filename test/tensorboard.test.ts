/** @file `--tensorboard`: event files next to each metrics.jsonl, from every process, and nothing else changes. */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { cadenza, settings, stageFiles, TINY, withinProcess } from './helpers/command.ts';
import { eventFilesIn, loggedScalars, shownScalars } from './helpers/event-files.ts';

const root = mkdtempSync(join(tmpdir(), 'cadenza-tensorboard-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const STEPS = settings(Object.fromEntries(['teacher', 'pretrain', 'distill', 'finetune'].map(stage => [`${stage}.steps`, 12])));
const isEvents = (path: string) => path.includes('tfevents');
const files = (out: string) => stageFiles(out, /^(model\.safetensors|metrics\.jsonl)$/);

/** Folders of stages with metrics; expects event files with the same numbers in each. */
function expectEvents(out: string): string[] {
  const folders = [...files(out).keys()].filter(path => path.endsWith('metrics.jsonl')).map(path => join(out, 'stages', dirname(path)));
  for (const folder of folders) expect(shownScalars(folder), folder).toEqual(loggedScalars(folder));
  return folders;
}

it('run writes event files, by one process or several, and all other files as without', async () => {
  const run = (name: string, ...args: string[]) => ['run', TINY, '--out', join(root, name), '--until', 'pretrain', ...STEPS, ...args];
  const plain = await withinProcess(run('plain', '--jobs', '1'));
  expect(plain.status, plain.stderr).toBe(0);
  expect([...files(join(root, 'plain')).keys()].filter(isEvents)).toEqual([]);
  for (const jobs of ['1', '2']) {
    const started = jobs === '1' ? withinProcess : (args: readonly string[]) => cadenza(...args);
    const ended = await started(run(jobs, '--jobs', jobs, '--tensorboard'));
    expect(ended.status, ended.stderr).toBe(0);
    expect(expectEvents(join(root, jobs))).toHaveLength(2);
    const others = new Map([...files(join(root, jobs))].filter(([path]) => !isEvents(path)));
    expect(others).toEqual(files(join(root, 'plain')));
  }
  // Finished stages stay as they are, and count as finished with and without.
  const again = await withinProcess(run('1'));
  expect(again.status, again.stderr).toBe(0);
  for (const folder of expectEvents(join(root, '1'))) expect(eventFilesIn(folder)).toHaveLength(1);
}, 240_000);

it('tune writes event files of every trial', async () => {
  const [space, out] = [join(root, 'space.yaml'), join(root, 'study')];
  writeFileSync(space, 'finetune.gamma: { uniform: [0, 1] }\n');
  const ended = await withinProcess(['tune', TINY, '--space', space, '--trials', '2', '--out', out, '--tensorboard', ...STEPS]);
  expect(ended.status, ended.stderr).toBe(0);
  expect(expectEvents(out).length).toBeGreaterThan(4);
}, 240_000);
