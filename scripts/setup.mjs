/**
 * @file Makes a checkout runnable: installs the pinned packages when node_modules is not what the lock file says, and compiles when dist is
 * not what src says. Safe to kill at any moment and to start many times at once.
 */

import { spawn } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { trimOnnxRuntime } from './trim-onnxruntime.mjs';

/** The holder of the lock touches it every second, so a lock left untouched for this long (ms) has no holder. */
const ABANDONED = 10_000;

/** Sets up the checkout at `root`; does nothing, and says nothing, when there is nothing to do. Throws when npm fails. */
export async function setup(root) {
  if (isInstalled(root) && isBuilt(root)) return;
  const unlock = await lock(join(root, '.setup.lock'));
  try {
    // Looked at again: another setup may have done the work while this one waited.
    if (!isInstalled(root)) {
      say('installing the pinned packages …');
      // Removes what is there first, so the leftovers of a killed installation go, too.
      await npm(root, ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']);
      trimOnnxRuntime(root);
    }
    if (!isBuilt(root)) {
      say('compiling …');
      const sources = hashOfSources(root);
      await npm(root, ['run', '--silent', 'build']);
      removeOrphans(root);
      writeFileSync(join(root, 'dist', '.built'), sources);
    }
  } finally {
    unlock();
  }
}

/**
 * Whether node_modules holds what the lock file says. npm writes its own copy of the lock file there as the last step of an installation,
 * which an installation that was killed therefore lacks.
 */
export function isInstalled(root) {
  const read = file => (existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')).packages : undefined);
  const installed = read(join(root, 'node_modules', '.package-lock.json'));
  if (!installed) return false;
  const { '': _project, ...locked } = read(join(root, 'package-lock.json'));
  // Packages for other platforms are optional, and left out.
  const asLocked = ([path, { integrity, optional }]) => (path in installed ? installed[path].integrity === integrity : optional);
  return Object.entries(locked).every(asLocked) && Object.keys(installed).every(path => path in locked);
}

/** Whether dist is what src says. */
export const isBuilt = root => {
  const mark = join(root, 'dist', '.built');
  return existsSync(mark) && readFileSync(mark, 'utf8') === hashOfSources(root);
};

/** By content: times of files say little after a checkout, a copy or a restored cache. */
function hashOfSources(root) {
  const hash = createHash('sha256');
  const sources = readdirSync(join(root, 'src'), { recursive: true }).sort();
  for (const path of ['package-lock.json', 'tsconfig.json', 'tsconfig.build.json', ...sources.map(name => join('src', name))]) {
    const file = join(root, path);
    if (statSync(file).isFile()) hash.update(`${path}\0`).update(readFileSync(file)).update('\0');
  }
  return hash.digest('hex');
}

/** Removes what was compiled of sources that are gone. The other files stay in place, as a cadenza that runs may load them at any moment. */
function removeOrphans(root) {
  for (const name of readdirSync(join(root, 'dist'), { recursive: true })) {
    const source = /^(.*)\.(d\.ts|js)$/.exec(name)?.[1];
    if (source && !existsSync(join(root, 'src', `${source}.ts`))) rmSync(join(root, 'dist', name));
  }
}

/** Waits for the lock file and takes it; gives what releases it. Heartbeats rather than process numbers, which repeat in containers. */
async function lock(file) {
  const token = randomUUID();
  const read = () => {
    try {
      return { token: readFileSync(file, 'utf8'), age: Date.now() - statSync(file).mtimeMs };
    } catch {
      return undefined;
    }
  };
  for (let waits = 0; ; waits++) {
    try {
      writeFileSync(file, token, { flag: 'wx' });
      // Two that both found an abandoned lock may each have removed it and made their own: the later one stays.
      await sleep(100);
      if (read()?.token === token) break;
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
      if ((read()?.age ?? 0) > ABANDONED) rmSync(file, { force: true });
      else {
        if (waits === 0) say(`waiting for another setup of this folder to end (${file}) …`);
        await sleep(250);
      }
    }
  }
  const heartbeat = setInterval(() => {
    if (existsSync(file)) utimesSync(file, new Date(), new Date());
  }, 1000);
  return () => {
    clearInterval(heartbeat);
    rmSync(file, { force: true });
  };
}

/** Runs npm in `root`, with what it prints on stderr: stdout belongs to the command that comes after. */
const npm = (root, args) =>
  new Promise((resolve, reject) => {
    const failure = why => reject(new Error(`"npm ${args.join(' ')}" ${why}; nothing was run.`));
    spawn('npm', args, { cwd: root, stdio: ['ignore', 2, 2], shell: process.platform === 'win32' })
      .on('error', error => failure(`did not start: ${error.message}`))
      .on('exit', (code, signal) => (code === 0 ? resolve() : failure(`failed (${signal ?? `status ${code}`}; see above)`)));
  });

const say = text => console.error(`cadenza: ${text}`);

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const root = fileURLToPath(new URL('..', import.meta.url));
  await setup(root).catch(error => {
    say(error.message);
    process.exitCode = 1;
  });
}
