/** @file The provenance of an artifact: version and commit of the code, Node, and the machine. */

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { arch, cpus, platform, totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';
import { lazy } from '../util/lazy.ts';

/** The package root, two folders up both from `src` and from `dist`. */
const ROOT = new URL('../../', import.meta.url);

/**
 * The current provenance. The commit is that of the source tree, with `+changes` if files were modified, or null outside a checkout of
 * cadenza.
 */
export const provenance = lazy(() => ({
  version: JSON.parse(readFileSync(new URL('package.json', ROOT), 'utf8')).version as string,
  commit: commitOf(fileURLToPath(ROOT)),
  node: process.version,
}));

/** Commit of the checkout at `root`; null if `root` is not the root of a checkout, such as for a dependency in another project. */
export function commitOf(root: string): string | null {
  // Git hooks set environment variables that point to their own repository.
  const env = Object.fromEntries(Object.entries(process.env).filter(([key]) => !key.startsWith('GIT_')));
  const git = (...args: string[]) =>
    execFileSync('git', args, { cwd: root, env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  try {
    if (git('rev-parse', '--show-prefix') !== '') return null;
    const head = git('rev-parse', 'HEAD');
    return git('status', '--porcelain', '--untracked-files=no') ? `${head}+changes` : head;
  } catch {
    return null; // not a checkout, or git is not installed
  }
}

/** Facts about the machine. */
export function machine(): Record<string, string | number> {
  const [{ model } = { model: 'unknown' }] = cpus();
  return { cpu: model.trim(), cores: cpus().length, memoryGiB: Math.round(totalmem() / 2 ** 30), platform: `${platform()} ${arch()}` };
}

/** The schema of the provenance in results. */
export const madeBy = () => ({ ...provenance(), commit: provenance().commit ?? 'unknown', machine: machine() });
