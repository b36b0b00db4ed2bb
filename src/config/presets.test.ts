/** @file Presets are found by name from any folder, and a file of the user's own goes first. */

import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, expect, it } from 'vitest';
import { ROOT, withinProcess } from '../../test/helpers/command.ts';
import { exit } from '../../test/helpers/failure.ts';
import { nameOf, type PresetKind, presetFile, presets } from './presets.ts';

const folder = realpathSync(mkdtempSync(join(tmpdir(), 'cadenza-presets-')));
const before = process.cwd();
beforeEach(() => process.chdir(folder));
afterEach(() => process.chdir(before));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

it.each<[PresetKind, string, string]>([
  ['experiment', 'dark-room', 'experiments/dark-room.yaml'],
  ['ablation', 'matrix', 'experiments/ablations/matrix.yaml'],
  ['search space', 'dark-room', 'experiments/spaces/dark-room.yaml'],
])('finds the %s %s by name and by its path in the package', (kind, name, path) => {
  expect(presets(kind)).toContain(name);
  expect(presetFile(kind)(name)).toBe(join(ROOT, path));
  expect(presetFile(kind)(path)).toBe(join(ROOT, path));
});

it("takes a file of the user's own first, but no folder of that name", () => {
  mkdirSync('dark-room', { recursive: true });
  expect(presetFile('experiment')('dark-room')).toBe(join(ROOT, 'experiments/dark-room.yaml'));
  writeFileSync('dark-room-hard', '');
  expect(presetFile('experiment')('dark-room-hard')).toBe('dark-room-hard');
});

it('gives back a path that leads to nothing, for its reader to say so', () => {
  for (const path of ['mine.yaml', './dark-room', 'x'.repeat(300).concat('.yaml'), join(folder, 'dark-room.yaml')])
    expect(presetFile('experiment')(path)).toBe(path);
});

it('runs presets, and names them where a name is unknown', async () => {
  expect(await withinProcess(['config', 'print', 'dark-room'])).toMatchObject({
    status: 0,
    stdout: expect.stringContaining('name: dark-room\n'),
  });
  for (const [args, suggestion] of [
    [['run', 'dark-rom'], 'dark-room'],
    [['ablate', 'matrx'], 'matrix'],
    [['tune', 'dark-room', '--space', 'dark'], 'dark-room'],
  ] as const)
    expect(await withinProcess(args)).toEqual(exit('E_CONFIG', suggestion));
});

it('names a file as a command takes it: a preset by its name, unless another file has it, and any other by its path', () => {
  expect(nameOf(presetFile('experiment')('tiny'), 'experiment')).toBe('tiny');
  expect(nameOf(presetFile('ablation')('matrix'), 'ablation')).toBe('matrix');
  expect(nameOf('mine/tiny.yaml', 'experiment')).toBe('mine/tiny.yaml');
  expect(nameOf('-', 'experiment')).toBe('-');
});
