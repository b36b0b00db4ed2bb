import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { ROOT, withinProcess } from '../../../test/helpers/command.ts';
import { exit } from '../../../test/helpers/failure.ts';
import { installedFrom } from './init.ts';

const folder = mkdtempSync(join(tmpdir(), 'cadenza-init-'));
afterAll(() => rmSync(folder, { recursive: true }));

const FILES = ['.gitignore', 'README.md', 'environment.test.ts', 'environment.ts', 'experiment.yaml', 'package.json'];
const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));

it('writes a project named after its folder, whose experiment can be run', async () => {
  const project = join(folder, 'My Grid!');
  const { status, stdout } = await withinProcess(['init', project]);
  expect(status).toBe(0);
  for (const text of [project, 'npm install', 'cadenza run experiment.yaml']) expect(stdout).toContain(text);
  expect(readdirSync(project).sort()).toEqual(FILES);
  const { name, dependencies } = JSON.parse(readFileSync(join(project, 'package.json'), 'utf8'));
  expect([name, dependencies.cadenza]).toEqual(['my-grid-', version]);
  const estimate = await withinProcess(['run', join(project, 'experiment.yaml'), '--dry-run', '--json']);
  expect(JSON.parse(estimate.stdout).name).toBe('my-grid-');
});

it('writes over nothing', async () => {
  const project = join(folder, 'used');
  mkdirSync(project);
  writeFileSync(join(project, 'README.md'), 'mine');
  expect(await withinProcess(['init', project])).toEqual(exit('E_USAGE', join(project, 'README.md')));
  expect(readdirSync(project)).toEqual(['README.md']);
  expect((await withinProcess(['init', join(folder, 'json'), '--json'])).stdout).toContain('"experiment.yaml"');
});

it.each([
  ['file:../cadenza.tgz', 'file:../../cadenza.tgz'],
  ['https://registry.npmjs.org/cadenza/-/cadenza-1.0.0.tgz', undefined],
])('a package from %s is installed from there again', (resolved, expected) => {
  const user = mkdtempSync(join(folder, 'user-'));
  mkdirSync(join(user, 'node_modules'));
  writeFileSync(join(user, 'node_modules/.package-lock.json'), JSON.stringify({ packages: { 'node_modules/cadenza': { resolved } } }));
  expect(installedFrom(join(user, 'node_modules/cadenza/'), join(user, 'mine'))).toBe(expected);
  expect(installedFrom(join(user, 'cadenza'), user)).toBe(undefined);
});
