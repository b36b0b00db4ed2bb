/** @file The commit that a record names is cadenza's own, in whatever repository cadenza is used. */

import { execFileSync } from 'node:child_process';
import { appendFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it, vi } from 'vitest';
import { commitOf } from './provenance.ts';

const repository = mkdtempSync(join(tmpdir(), 'cadenza-commit-'));
afterAll(() => rmSync(repository, { recursive: true, force: true }));

const git = (...args: string[]) =>
  execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@example.org', ...args], { cwd: repository, encoding: 'utf8' }).trim();

git('init', '--quiet');
const installed = join(repository, 'node_modules', 'cadenza');
mkdirSync(installed, { recursive: true });
writeFileSync(join(repository, 'file'), '');
git('add', '.');
git('commit', '--quiet', '--message', 'one');
const head = git('rev-parse', 'HEAD');

it('is that of the checkout, marked when files differ from it', () => {
  expect(commitOf(repository)).toBe(head);
  appendFileSync(join(repository, 'file'), 'changed');
  expect(commitOf(repository)).toBe(`${head}+changes`);
});

it("is not that of the project in which cadenza is a dependency, not even within one of git's hooks", () => {
  expect(commitOf(installed)).toBeNull();
  vi.stubEnv('GIT_DIR', join(repository, '.git'));
  expect(commitOf(installed)).toBeNull();
  vi.unstubAllEnvs();
});

it('is unknown outside any repository', () => {
  expect(commitOf(tmpdir())).toBeNull();
});
