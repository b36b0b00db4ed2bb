/** @file Who made an artifact: the code's version and commit, Node, and the machine. */

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { arch, cpus, platform, totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';
import { lazy } from '../util/lazy.ts';

/** The package's folder, two up from here both in `src` and in `dist`. */
const ROOT = new URL('../../', import.meta.url);

/** Who makes something now. The commit is that of the source tree (with `+changes` when files differ from it), or null outside a checkout of cadenza. */
export const provenance = lazy(() => ({
  version: JSON.parse(readFileSync(new URL('package.json', ROOT), 'utf8')).version as string,
  commit: commitOf(fileURLToPath(ROOT)),
  node: process.version,
}));

/** Commit of the checkout at `root`; null where that folder is not a checkout of its own, but, say, a dependency in someone's project. */
export function commitOf(root: string): string | null {
  // A git hook names its own repository in the environment.
  const env = Object.fromEntries(Object.entries(process.env).filter(([key]) => !key.startsWith('GIT_')));
  const git = (...args: string[]) =>
    execFileSync('git', args, { cwd: root, env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  try {
    if (git('rev-parse', '--show-prefix') !== '') return null;
    const head = git('rev-parse', 'HEAD');
    return git('status', '--porcelain', '--untracked-files=no') ? `${head}+changes` : head;
  } catch {
    return null; // not a checkout, or no git here
  }
}

/** The machine in a few facts. */
export function machine(): Record<string, string | number> {
  const [{ model } = { model: 'unknown' }] = cpus();
  return { cpu: model.trim(), cores: cpus().length, memoryGiB: Math.round(totalmem() / 2 ** 30), platform: `${platform()} ${arch()}` };
}

/** What results say of who made them. */
export const madeBy = () => ({ ...provenance(), commit: provenance().commit ?? 'unknown', machine: machine() });
