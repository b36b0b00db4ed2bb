/**
 * @file Checks the package as users get it: packs a fresh clone of this checkout, installs the tarball in an empty folder, and runs the tiny
 * experiment with npx under every supported version of Node. All versions must produce the same bytes. Each version must also build the
 * clone and pass the tests of failures there. Needs the npm registry.
 */

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const VERSIONS = [20, 22, 24, 26];

const root = fileURLToPath(new URL('..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'cadenza-release-'));
const say = text => console.error(`check:release: ${text}`);

/** Runs a command in a subfolder of the temporary folder, with the given version of Node on its path. */
function run(where, command, { node } = {}) {
  const cwd = join(folder, where);
  mkdirSync(cwd, { recursive: true });
  const PATH = node ? `${join(folder, node, 'node_modules', '.bin')}${delimiter}${process.env.PATH}` : process.env.PATH;
  return execFileSync(command[0], command.slice(1), { cwd, env: { ...process.env, PATH }, stdio: ['ignore', 'pipe', 2], encoding: 'utf8' });
}

/** Hash of all weights of a run. */
function weights(out) {
  const hash = createHash('sha256');
  const files = readdirSync(out, { recursive: true }).filter(name => name.endsWith('model.safetensors'));
  for (const name of files.sort()) hash.update(readFileSync(join(out, name)));
  if (files.length === 0) throw new Error(`expected weights in ${out}, found none`);
  return hash.digest('hex').slice(0, 16);
}

try {
  say('packing a fresh clone …');
  run('.', ['git', 'clone', '--quiet', root, 'clone']);
  run('clone', ['npm', 'pack', '--pack-destination', folder]);
  const tarball = readdirSync(folder).find(name => name.endsWith('.tgz'));
  const found = new Set();
  for (const version of VERSIONS) {
    const node = `node-${version}`;
    run(node, ['npm', 'install', '--no-save', `node@${version}`]);
    run('clone', ['npm', 'run', 'build'], { node });
    run('clone', ['npx', 'vitest', 'run', 'test/failures.test.ts'], { node });
    const where = `project-${version}`;
    run(where, ['npm', 'install', join(folder, tarball)], { node });
    run(where, ['npx', 'cadenza', 'run', 'tiny', '--out', 'out'], { node });
    const hash = weights(join(folder, where, 'out'));
    found.add(hash);
    say(
      `Node ${run(where, ['node', '--version'], { node }).trim()}: the build, the tests of failures and the tiny run pass, weights ${hash}`,
    );
  }
  if (found.size > 1) throw new Error('expected the same weights under all versions of Node; they differ');
} catch (error) {
  say(error.message);
  process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
