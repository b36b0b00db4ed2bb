/** @file The lock file, what sets up a checkout, the launcher, and what is left of onnxruntime-node: with a stand-in for npm, no network. */

import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ROOT } from './helpers/command.ts';

interface Locked {
  integrity?: string;
  hasInstallScript?: boolean;
  gypfile?: boolean;
  link?: boolean;
  dependencies?: Record<string, string>;
  optionalDependencies?: Record<string, string>;
}

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cadenza-installation-'));
});
afterEach(() => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
  rmSync(folder, { recursive: true, force: true });
});

const put = (path: string, content: unknown) => {
  const file = join(folder, path);
  mkdirSync(join(file, '..'), { recursive: true });
  writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content));
};

describe('the lock file', () => {
  const { '': project, ...packages }: Record<string, Locked> = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')).packages;

  it('is all that npm ci needs to know: with nothing cached and no network it finds every package', () => {
    for (const name of ['package.json', 'package-lock.json']) cpSync(join(ROOT, name), join(folder, name));
    const args = ['ci', '--dry-run', '--ignore-scripts', '--offline', '--cache', join(folder, 'cache')];
    expect(spawnSync('npm', args, { cwd: folder, encoding: 'utf8', shell: process.platform === 'win32' })).toMatchObject({ status: 0 });
  });

  it('holds every package of every platform, with its hash', () => {
    const missing: string[] = [];
    for (const [path, { dependencies, optionalDependencies }] of Object.entries(packages))
      for (const name of Object.keys({ ...dependencies, ...optionalDependencies })) {
        // As Node looks for it: in the package's own folder, then in that of each one around it.
        const places = path.split(/(?<=^|\/)node_modules\//).map((_, depth, all) => `${all.slice(0, depth + 1).join('node_modules/')}`);
        const found = places.some(place => packages[`${place.replace(/\/$/, '')}${place ? '/' : ''}node_modules/${name}`]);
        if (!found) missing.push(`${path}: ${name}`);
      }
    expect(missing).toEqual([]);
    // All but the folders of this repository.
    const others = Object.entries(packages).filter(([path, { link }]) => path.includes('node_modules/') && !link);
    expect(others.filter(([, { integrity }]) => !integrity?.startsWith('sha512-'))).toEqual([]);
    expect(Object.keys(project.dependencies!).filter(name => !packages[`node_modules/${name}`])).toEqual([]);
  });

  // npm writes the flag when it adds or updates a package; without it the package's script, such as a download, does not run. Where there is
  // a binding.gyp, npm compiles unless "gypfile" is false.
  it('lets no package run a script when it is installed', () => {
    expect(Object.keys(packages).filter(path => packages[path].hasInstallScript)).toEqual([]);
    const compiled = (path: string) => existsSync(join(ROOT, path, 'binding.gyp')) && packages[path].gypfile !== false;
    expect(Object.keys(packages).filter(compiled)).toEqual([]);
  });
});

// ---- a checkout ----------------------------------------------------------------------------------------------------------------

/** Stands in for npm: notes what it is asked for; `ci` installs `one`, `run` compiles what is in src. */
const FAKE_NPM = `#!/usr/bin/env node
const { appendFileSync, cpSync, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } = require('node:fs');
const [what, _silent, script, _, _outDir, folder] = process.argv.slice(2);
appendFileSync('npm.log', (what === 'run' ? script : what) + ' ');
if (existsSync('npm-fails-at-' + what)) process.exit(3);
if (what === 'ci') {
  rmSync('node_modules', { recursive: true, force: true });
  mkdirSync('node_modules/one', { recursive: true });
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200);
  const { '': _project, ...packages } = JSON.parse(require('node:fs').readFileSync('package-lock.json', 'utf8')).packages;
  delete packages['node_modules/elsewhere'];
  writeFileSync('node_modules/.package-lock.json', JSON.stringify({ packages }));
} else if (script === 'build:web') {
  mkdirSync('dist/web', { recursive: true });
  cpSync('web/index.html', 'dist/web/index.html');
} else {
  mkdirSync(folder + '/cli', { recursive: true });
  if (existsSync('npm-dies-compiling')) {
    writeFileSync(folder + '/cli/main.js', 'half');
    process.exit(3);
  }
  for (const name of readdirSync('src/cli')) cpSync('src/cli/' + name, folder + '/cli/' + name.replace(/ts$/, 'js'));
}
`;

const lockOf = (integrity: string) => ({
  packages: { '': {}, 'node_modules/one': { integrity }, 'node_modules/elsewhere': { integrity: 'x', optional: true } },
});

/** A checkout that nothing was done to. */
function makeCheckout(): void {
  put('package.json', { type: 'module', engines: { node: '>=20' } });
  put('package-lock.json', lockOf('a'));
  put('tsconfig.json', '{}');
  put('tsconfig.build.json', '{}');
  put('src/cli/main.ts', 'console.log("ran", ...process.argv.slice(2))');
  put('src/cli/other.ts', '');
  put('web/index.html', '<p>a page</p>');
  put('path/package.json', { type: 'commonjs' });
  put('path/npm', FAKE_NPM);
  chmodSync(join(folder, 'path/npm'), 0o755);
  for (const name of ['bin', 'scripts']) cpSync(join(ROOT, name), join(folder, name), { recursive: true });
  vi.stubEnv('PATH', [join(folder, 'path'), process.env.PATH].join(delimiter));
  vi.spyOn(console, 'error').mockImplementation(() => {});
}

const asked = () => (existsSync(join(folder, 'npm.log')) ? readFileSync(join(folder, 'npm.log'), 'utf8').trim() : '');
const forget = () => rmSync(join(folder, 'npm.log'), { force: true });

// A shell script cannot stand in for npm.cmd.
describe.skipIf(process.platform === 'win32')('a checkout', async () => {
  const script: string = join(ROOT, 'scripts/setup.mjs');
  const { setup } = (await import(script)) as { setup(root: string, options?: { types?: boolean; web?: boolean }): Promise<void> };

  it('is installed and compiled once, and again where the lock file or a source changed', async () => {
    makeCheckout();
    await setup(folder);
    expect(asked()).toBe('ci compile');
    forget();
    await setup(folder);
    expect(asked()).toBe('');
    put('package-lock.json', lockOf('b'));
    await setup(folder);
    expect(asked()).toBe('ci compile');
    forget();
    // By content, whatever its time says; and what was compiled of a source that is gone goes, too.
    put('src/cli/main.ts', 'console.log("changed")');
    utimesSync(join(folder, 'src/cli/main.ts'), 0, 0);
    rmSync(join(folder, 'src/cli/other.ts'));
    await setup(folder);
    expect(asked()).toBe('compile');
    expect(readdirSync(join(folder, 'dist/cli'))).toEqual(['main.js']);
    // Pages are built where they are asked for, and stay where others are compiled.
    forget();
    for (let time = 0; time < 2; time++) await setup(folder, { web: true });
    expect(asked()).toBe('build:web');
    put('web/index.html', '<p>another page</p>');
    put('dist/web/assets/page.js', '');
    put('src/cli/main.ts', 'console.log("changed again")');
    await setup(folder);
    await setup(folder, { web: true });
    expect(asked()).toBe('build:web compile build:web');
    expect(existsSync(join(folder, 'dist/web/assets/page.js'))).toBe(true);
    expect(existsSync(join(folder, '.setup.lock'))).toBe(false);
  });

  it('is compiled with types for the package alone', async () => {
    makeCheckout();
    await setup(folder, { types: true });
    expect(asked()).toBe('ci build');
    forget();
    await setup(folder);
    await setup(folder, { types: true });
    expect(asked()).toBe('');
    put('src/cli/main.ts', 'console.log("changed")');
    await setup(folder);
    // Even where the source is what it was.
    put('src/cli/main.ts', 'console.log("ran", ...process.argv.slice(2))');
    await setup(folder);
    await setup(folder, { types: true });
    expect(asked()).toBe('compile compile build');
  });

  it('recovers from an installation and from a compilation that were killed half-way', async () => {
    makeCheckout();
    put('node_modules/one/half', '');
    await setup(folder);
    expect(asked()).toBe('ci compile');
    expect(existsSync(join(folder, 'node_modules/one/half'))).toBe(false);
    forget();
    rmSync(join(folder, 'dist/.built'));
    await setup(folder);
    expect(asked()).toBe('compile');
  });

  it('keeps what was compiled before until all is compiled', async () => {
    makeCheckout();
    await setup(folder);
    put('src/cli/main.ts', 'console.log("changed")');
    put('npm-dies-compiling', '');
    const compiled = () => readFileSync(join(folder, 'dist/cli/main.js'), 'utf8');
    await expect(setup(folder)).rejects.toThrow(/npm run/);
    expect(compiled()).toMatch(/ran/);
    rmSync(join(folder, 'npm-dies-compiling'));
    await setup(folder);
    expect(compiled()).toMatch(/changed/);
    expect(readdirSync(join(folder, 'dist')).sort()).toEqual(['.built', 'cli']);
  });

  it('does not install through a link to the packages of another checkout', async () => {
    makeCheckout();
    put('elsewhere/one/package.json', '{}');
    rmSync(join(folder, 'node_modules'), { recursive: true, force: true });
    symlinkSync(join(folder, 'elsewhere'), join(folder, 'node_modules'));
    await expect(setup(folder)).rejects.toThrow(join(folder, 'node_modules'));
    expect([asked(), existsSync(join(folder, 'elsewhere/one/package.json'))]).toEqual(['', true]);
    rmSync(join(folder, 'node_modules'));
    await setup(folder);
    expect(asked()).toBe('ci compile');
  });

  it('is set up by one of two that start at once', async () => {
    makeCheckout();
    await Promise.all([setup(folder), setup(folder), setup(folder)]);
    expect(asked()).toBe('ci compile');
  });

  it('is not blocked by the lock of a setup that was killed', async () => {
    makeCheckout();
    put('.setup.lock', 'dead');
    const longAgo = Date.now() / 1000 - 60;
    utimesSync(join(folder, '.setup.lock'), longAgo, longAgo);
    await Promise.all([setup(folder), setup(folder)]);
    expect(asked()).toBe('ci compile');
  });

  it('says which npm command failed, and can be set up after that', async () => {
    makeCheckout();
    put('npm-fails-at-ci', '');
    await expect(setup(folder)).rejects.toThrow(/npm ci .*\b3\b/);
    rmSync(join(folder, 'npm-fails-at-ci'));
    put('npm-fails-at-run', '');
    await expect(setup(folder)).rejects.toThrow(/npm run .*\b3\b/);
    rmSync(join(folder, 'npm-fails-at-run'));
    forget();
    await setup(folder);
    expect(asked()).toBe('compile');
  });

  const launch = (...args: string[]) => spawnSync(process.execPath, [join(folder, 'bin/cadenza.mjs'), ...args], { encoding: 'utf8' });

  it('is set up by the launcher, which then runs the command with its own output alone', () => {
    makeCheckout();
    expect(launch('a', 'b')).toMatchObject({ status: 0, stdout: 'ran a b\n' });
    expect(asked()).toBe('ci compile');
    put('src/cli/main.ts', 'console.log("new")');
    expect(launch()).toMatchObject({ status: 0, stdout: 'new\n' });
    put('src/cli/main.ts', 'broken');
    put('npm-fails-at-run', '');
    expect(launch()).toMatchObject({ status: 11, stdout: '', stderr: expect.stringMatching(/npm run/) });
  });

  it('is compiled before it is packed, so that the package holds what its launcher runs', () => {
    const { name, version, bin, files, type, scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
    const npm = process.env
      .PATH!.split(delimiter)
      .map(place => join(place, 'npm'))
      .find(existsSync)!;
    makeCheckout();
    put('package.json', { name, version, bin, files, type, scripts: { prepack: scripts.prepack }, engines: { node: '>=20' } });
    const { status, stdout, stderr } = spawnSync(npm, ['pack', '--dry-run', '--json', '--silent'], { cwd: folder, encoding: 'utf8' });
    expect(status, stderr).toBe(0);
    const [{ files: packed }] = JSON.parse(stdout.slice(stdout.indexOf('[')));
    const paths = packed.map(({ path }: { path: string }) => path);
    expect(paths).toEqual(expect.arrayContaining(['dist/cli/main.js', 'dist/web/index.html', bin.cadenza.replace(/^\.\//, '')]));
    expect(paths.filter((path: string) => /^(src|node_modules)\//.test(path))).toEqual([]);
  });

  it('has a launcher that git and npm know as executable', () => {
    const { bin, files, exports } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
    expect(execFileSync('git', ['ls-files', '--stage', bin.cadenza], { cwd: ROOT, encoding: 'utf8' })).toMatch(/^100755 /);
    expect(files).toEqual(expect.arrayContaining(['bin', 'dist', 'experiments']));
    for (const path of Object.values<string>(exports))
      expect(existsSync(join(ROOT, path.replace(/^\.\/dist/, 'src').replace(/js$/, 'ts')))).toBe(true);
  });
});

describe('the launcher of an installed package', () => {
  const install = (engines = '>=20') => {
    put('package.json', { type: 'module', engines: { node: engines } });
    cpSync(join(ROOT, 'bin'), join(folder, 'bin'), { recursive: true });
    return spawnSync(process.execPath, [join(folder, 'bin/cadenza.mjs')], { encoding: 'utf8' });
  };

  it('explains that compiled code is missing', () => {
    expect(install()).toMatchObject({ status: 11, stdout: '', stderr: expect.stringMatching(/^cadenza: .*main\.js.*\n$/) });
  });

  it('explains that Node is too old', () => {
    expect(install('>=99')).toMatchObject({ status: 11, stdout: '', stderr: expect.stringMatching(/^cadenza: .*Node 99.*\n$/) });
  });
});

describe('onnxruntime-node', async () => {
  const script: string = join(ROOT, 'scripts/trim-onnxruntime.mjs');
  const { trimOnnxRuntime } = (await import(script)) as { trimOnnxRuntime(folder: string): void };
  const own = `${process.platform}/${process.arch}`;
  const PACKAGE = 'node_modules/onnxruntime-node';
  const binaries = () =>
    readdirSync(join(folder, PACKAGE, 'bin/napi-v6'), { recursive: true, withFileTypes: true }).filter(entry => entry.isFile()).length;
  const scriptStatus = () => spawnSync(process.execPath, [join(folder, PACKAGE, 'script/install.js')]).status;

  beforeEach(() => {
    put(`${PACKAGE}/package.json`, { name: 'onnxruntime-node' });
    put(`${PACKAGE}/script/install.js`, 'process.exit(5)');
    for (const place of [own, 'plan9/x64', 'plan9/arm64']) put(`${PACKAGE}/bin/napi-v6/${place}/binding.node`, '');
  });

  it('keeps the libraries of this machine alone and downloads nothing, wherever it was installed', () => {
    vi.stubEnv('ONNXRUNTIME_NODE_INSTALL', undefined);
    put('node_modules/cadenza/package.json', {});
    trimOnnxRuntime(join(folder, 'node_modules/cadenza'));
    expect(scriptStatus()).toBe(0);
    expect(binaries()).toBe(1);
    expect(existsSync(join(folder, PACKAGE, 'bin/napi-v6', own, 'binding.node'))).toBe(true);
    trimOnnxRuntime(join(folder, 'node_modules/cadenza'));
    expect(binaries()).toBe(1);
  });

  it('is trimmed by the script that npm runs before those of the dependencies', () => {
    vi.stubEnv('ONNXRUNTIME_NODE_INSTALL', undefined);
    const { preinstall } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')).scripts;
    put('node_modules/cadenza/package.json', { type: 'module' });
    cpSync(join(ROOT, 'scripts'), join(folder, 'node_modules/cadenza/scripts'), { recursive: true });
    expect(spawnSync(preinstall, { cwd: join(folder, 'node_modules/cadenza'), shell: true }).status).toBe(0);
    expect(binaries()).toBe(1);
  });

  it('stays as it is where someone chose what it downloads', () => {
    vi.stubEnv('ONNXRUNTIME_NODE_INSTALL', 'cuda12');
    trimOnnxRuntime(folder);
    expect([scriptStatus(), binaries()]).toEqual([5, 3]);
  });
});
