// Makes a fresh clone runnable: installs the pinned packages when the lock file changed, compiles when a source is newer than the build.
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const npm = args => {
  try {
    execFileSync('npm', args, { cwd: root, stdio: ['ignore', 2, 2], shell: process.platform === 'win32' });
  } catch (error) {
    console.error(`cadenza: "npm ${args.join(' ')}" failed (see above); nothing was run.`);
    process.exit(error.status ?? 1);
  }
};

const lock = readFileSync(join(root, 'package-lock.json'), 'utf8');
const installed = join(root, 'node_modules', '.cadenza-lock.json');
if (!existsSync(installed) || readFileSync(installed, 'utf8') !== lock) {
  console.error('cadenza: installing the pinned packages …');
  // Without install scripts: one of onnxruntime-node's would download CUDA libraries that nothing here needs.
  npm(['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']);
  writeFileSync(installed, lock);
}

const newest = folder =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile())
    .reduce((latest, entry) => Math.max(latest, statSync(join(entry.parentPath ?? entry.path, entry.name)).mtimeMs), 0);

const built = join(root, 'dist', '.built');
if (!existsSync(built) || statSync(built).mtimeMs < newest(join(root, 'src'))) {
  console.error('cadenza: compiling …');
  npm(['run', '--silent', 'build']);
  writeFileSync(built, '');
}
