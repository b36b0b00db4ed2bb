/**
 * @file Event files as TensorBoard's own Python reads them: every number is that of metrics.jsonl. `npm run test:interop`, where Python has
 * tensorboard.
 */

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { eventFile } from '../../src/cache/event-file.ts';
import { METRICS_FORMATS, metricsIn } from '../../src/cli/metrics.ts';
import { settings, TINY, withinProcess } from '../helpers/command.ts';
import { eventFilesIn, loggedScalars } from '../helpers/event-files.ts';
import { expectModule, hasModule, PYTHON } from '../helpers/python.ts';

const root = mkdtempSync(join(tmpdir(), 'cadenza-tensorboard-'));
afterAll(() => rmSync(root, { recursive: true }));

/** Scalars by tag, as TensorBoard has them. */
function shown(folders: readonly string[]): Record<string, [number, number][]>[] {
  const script = fileURLToPath(new URL('tensorboard_reference.py', import.meta.url));
  const { stdout, stderr, status } = spawnSync(PYTHON, [script], { input: JSON.stringify(folders), encoding: 'utf8', maxBuffer: 2 ** 26 });
  expect(status, stderr).toBe(0);
  return JSON.parse(stdout);
}

describe('tensorboard', () => expectModule('tensorboard', 'event files against TensorBoard'));

describe.runIf(hasModule('tensorboard'))('TensorBoard', () => {
  it.each([
    [
      'tiny',
      TINY,
      { ...Object.fromEntries(['teacher', 'pretrain', 'distill'].map(stage => [`${stage}.steps`, 25])), 'finetune.steps': 35 },
      'finetune',
    ],
    ['regression', 'tiny-regression', {}, 'train'],
  ])('reads the metrics of a run: %s', async (name, file, values, until) => {
    const out = join(root, name);
    const ended = await withinProcess(['run', file, '--out', out, '--until', until, '--jobs', '1', '--tensorboard', ...settings(values)]);
    expect(ended.status, ended.stderr).toBe(0);
    const stages = readdirSync(join(out, 'stages')).filter(stage => eventFilesIn(join(out, 'stages', stage)).length > 0);
    expect(stages.length).toBeGreaterThan(name === 'tiny' ? 3 : 0);
    const logged = stages.map(stage => loggedScalars(join(out, 'stages', stage)));
    expect(shown(stages.map(stage => join(out, 'stages', stage)))).toEqual(logged);
    if (name === 'regression') expect(Object.keys(logged[0]).some(tag => tag.startsWith('validation.'))).toBe(true);
    const exported = join(root, `${name}-events`);
    await METRICS_FORMATS.tensorboard(metricsIn(out), exported);
    expect(shown(stages.map(stage => join(exported, name, stage)))).toEqual(logged);
  });

  it('drops what a resumed stage does again', () => {
    const folder = join(root, 'resumed');
    const first = eventFile(folder);
    for (let step = 10; step <= 50; step += 10) first.add(step, { loss: step, 'a/b größer': -step });
    const second = eventFile(folder, { steps: 25 });
    for (let step = 30; step <= 40; step += 10) second.add(step, { loss: step + 0.5 });
    const loss = [10, 20, 30.5, 40.5].map(value => [Math.floor(value), value]);
    expect(shown([folder])).toEqual([
      {
        loss,
        'a/b größer': [
          [10, -10],
          [20, -20],
        ],
      },
    ]);
  });
});
