/** @file Who made an artefact: the code's version and commit, Node, and the machine. */

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { arch, cpus, platform, totalmem } from 'node:os';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface Provenance {
  readonly version: string;
  /** Commit of the source tree (with `+changes` when files differ from it), or null outside a git checkout. */
  readonly commit: string | null;
  readonly node: string;
}

let cached: Provenance | undefined;

export function provenance(): Provenance {
  cached ??= { version: packageVersion(), commit: commit(), node: process.version };
  return cached;
}

/** package.json lies two folders up from here both in `src` and in `dist`. */
function packageVersion(): string {
  return JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')).version;
}

function commit(): string | null {
  const git = (...args: string[]) =>
    execFileSync('git', args, {
      cwd: dirname(fileURLToPath(import.meta.url)),
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  try {
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
export function madeBy() {
  const { version, commit, node } = provenance();
  return { commit: commit ?? 'unknown', version, node, machine: machine() };
}
