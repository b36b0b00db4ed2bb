/**
 * @file Sets up a checkout: installs the pinned packages if node_modules does not match the lock file, and compiles if dist does not match src.
 * It can be killed at any time and run several times in parallel.
 */

import { spawn } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { trimOnnxRuntime } from './trim-onnxruntime.mjs';

/** Milliseconds after which a lock counts as abandoned. Its owner updates it every second. */
const ABANDONED = 10_000;

/**
 * Sets up the checkout at `root`: with `types`, as for the package; without, only to run; with `web`, the pages too. Does and prints nothing
 * if it is up to date. Throws if npm fails.
 */
export async function setup(root, { types = false, web = false } = {}) {
  const marks = types ? [RUNS, TYPED] : [RUNS];
  const pages = () => !web || isBuilt(root, [PAGES], ['src', 'web']);
  if (isInstalled(root) && isBuilt(root, marks) && pages()) return;
  const unlock = await lock(join(root, '.setup.lock'));
  try {
    // Check again, because another process may have done the work in the meantime.
    if (!isInstalled(root)) {
      refuseLink(join(root, 'node_modules'));
      say('installing the pinned packages …');
      // `npm ci` removes node_modules first, including leftovers of a killed installation.
      await npm(root, ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']);
      trimOnnxRuntime(root);
    }
    if (!isBuilt(root, marks)) {
      say('compiling …');
      const sources = hashOfSources(root);
      const staged = join(root, 'dist', STAGED);
      rmSync(staged, { recursive: true, force: true });
      await npm(root, ['run', '--silent', types ? 'build' : 'compile', '--', '--outDir', join('dist', STAGED)]);
      moveAll(staged, join(root, 'dist'));
      removeOrphans(root);
      rmSync(join(root, 'dist', TYPED), { force: true });
      for (const mark of marks) writeFileSync(join(root, 'dist', mark), sources);
    }
    if (!pages()) {
      say('building the pages …');
      const sources = hashOfSources(root, ['src', 'web']);
      await npm(root, ['run', '--silent', 'build:web']);
      writeFileSync(join(root, 'dist', PAGES), sources);
    }
  } finally {
    unlock();
  }
}

/** An installation first removes what is there; through a link, that would be the packages of another checkout. */
function refuseLink(path) {
  if (!lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink()) return;
  throw new Error(`${path} is a link, and the packages there do not match package-lock.json. Remove the link, and run the command again.`);
}

/**
 * Whether node_modules matches the lock file. As the last step of an installation, npm writes a copy of the lock file there, so a killed
 * installation has none.
 */
export function isInstalled(root) {
  const read = file => (existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')).packages : undefined);
  const installed = read(join(root, 'node_modules', '.package-lock.json'));
  if (!installed) return false;
  const { '': _project, ...locked } = read(join(root, 'package-lock.json'));
  // Packages for other platforms are optional and not installed.
  const asLocked = ([path, { integrity, optional }]) => (path in installed ? installed[path].integrity === integrity : optional);
  return Object.entries(locked).every(asLocked) && Object.keys(installed).every(path => path in locked);
}

/** Files in dist with the hash of the sources that were compiled: to run, with types, and of the pages. */
const [RUNS, TYPED, PAGES] = ['.built', '.typed', 'web/.built'];

/** Folder in dist for compiled files. From there each is moved into place whole, because a running cadenza may load it at any time. */
const STAGED = '.staged';

/** Moves every file of folder `from` to the same place in folder `to`, and removes `from`. */
function moveAll(from, to) {
  for (const name of readdirSync(from, { recursive: true })) {
    if (!statSync(join(from, name)).isFile()) continue;
    mkdirSync(dirname(join(to, name)), { recursive: true });
    renameSync(join(from, name), join(to, name));
  }
  rmSync(from, { recursive: true });
}

/** Whether dist was compiled from the current sources. */
export const isBuilt = (root, marks = [RUNS], folders = ['src']) => {
  const sources = hashOfSources(root, folders);
  return marks.map(mark => join(root, 'dist', mark)).every(mark => existsSync(mark) && readFileSync(mark, 'utf8') === sources);
};

/** Hash of the content, because file times are unreliable after a checkout, a copy or a restored cache. */
function hashOfSources(root, folders = ['src']) {
  const hash = createHash('sha256');
  const sources = folders.flatMap(folder => readdirSync(join(root, folder), { recursive: true }).map(name => join(folder, name)));
  for (const path of ['package-lock.json', 'tsconfig.json', 'tsconfig.build.json', ...sources.sort()]) {
    const file = join(root, path);
    if (statSync(file).isFile()) hash.update(`${path}\0`).update(readFileSync(file)).update('\0');
  }
  return hash.digest('hex');
}

/** Removes compiled files without sources, except pages. Other files stay in place, because a running cadenza may load them at any time. */
function removeOrphans(root) {
  for (const name of readdirSync(join(root, 'dist'), { recursive: true })) {
    const source = /^(?!web\b)(.*)\.(d\.ts|js)$/.exec(name)?.[1];
    if (source && !existsSync(join(root, 'src', `${source}.ts`))) rmSync(join(root, 'dist', name));
  }
}

/** Waits for the lock file, takes it, and returns a function that releases it. Uses heartbeats, because process ids repeat in containers. */
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
      // Two processes that both found an abandoned lock may both have replaced it; the later one remains.
      await sleep(100);
      if (read()?.token === token) break;
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
      if ((read()?.age ?? 0) > ABANDONED) rmSync(file, { force: true });
      else {
        if (waits === 0) say(`waiting for another setup of this folder (${file}) …`);
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

/** Runs npm in `root` with its output on stderr, because stdout belongs to the command that runs afterwards. */
const npm = (root, args) =>
  new Promise((resolve, reject) => {
    const failure = why => reject(new Error(`"npm ${args.join(' ')}" ${why}. The command was not run.`));
    spawn('npm', args, { cwd: root, stdio: ['ignore', 2, 2], shell: process.platform === 'win32' })
      .on('error', error => failure(`did not start: ${error.message}`))
      .on('exit', (code, signal) => (code === 0 ? resolve() : failure(`failed (${signal ?? `status ${code}`}; see above)`)));
  });

const say = text => console.error(`cadenza: ${text}`);

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const root = fileURLToPath(new URL('..', import.meta.url));
  const [types, web] = ['--types', '--web'].map(option => process.argv.includes(option));
  await setup(root, { types, web }).catch(error => {
    say(error.message);
    process.exitCode = 1;
  });
}
