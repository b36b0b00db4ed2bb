/** @file The package as others get it: the tarball, installed in an empty folder outside the repository, where every example is run. */

import { execFile } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectGymnasium, hasGymnasium } from './helpers/python.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'package-'));
afterAll(() => rmSync(folder, { recursive: true }), 120_000);

const run = promisify(execFile);
const inFolder = (cwd: string, ...[command, ...args]: [string, ...string[]]) => run(command, args, { cwd, maxBuffer: 2 ** 26 });

/** Folders that npm runs. What is in Python alone is run by `npm run test:interop`. */
const EXAMPLES = ['environment', 'gymnasium', 'source', 'compressor', 'baseline', 'loss-and-stage', 'engine', 'node', 'page'];

let tarball = '';

beforeAll(async () => {
  await inFolder(ROOT, 'npm', 'pack', '--pack-destination', folder);
  tarball = join(folder, readdirSync(folder).find(name => name.endsWith('.tgz'))!);
  writeFileSync(join(folder, 'package.json'), '{ "private": true }');
  const quiet = ['--no-audit', '--no-fund', '--loglevel=error'];
  await inFolder(folder, 'npm', 'install', ...quiet, tarball, 'onnxruntime-web@1.30.0', 'tsx@4.23.15', 'vite@8.3.8');
  cpSync(join(ROOT, 'examples'), join(folder, 'examples'), { recursive: true });
}, 300_000);

describe('the tarball', () => {
  it('is what publint and Are The Types Wrong expect of a package', async () => {
    const bin = (name: string) => join(ROOT, 'node_modules/.bin', name);
    await inFolder(folder, bin('publint'), '--strict', tarball);
    await inFolder(folder, bin('attw'), '--profile', 'esm-only', '--no-emoji', '--no-color', tarball);
  }, 120_000);

  it('has a template of a project, whose test and experiment run', async () => {
    await inFolder(folder, 'npx', 'cadenza', 'init', 'mine');
    const mine = join(folder, 'mine');
    await inFolder(mine, 'npm', 'test');
    const { stdout } = await inFolder(mine, 'npm', 'start', '--', '--set', 'finetune.steps=20', '--json');
    expect(stdout).toContain('"my-grid"');
  }, 120_000);

  it('has a command that runs from an empty folder', async () => {
    const { stdout } = await inFolder(folder, 'npx', 'cadenza', 'config', 'print', 'tiny', '--json');
    expect(JSON.parse(stdout).name).toBe('tiny');
  }, 60_000);
});

/** What each import loads of other packages: a hook writes their names to stderr. */
async function loadedBy(specifier: string): Promise<string[]> {
  const hook = `export async function load(url, context, next) {
    const [, name] = /node_modules\\/(?!cadenza\\/)((?:@[^/]+\\/)?[^/]+)/.exec(url) ?? [];
    if (name) process._rawDebug(name);
    return next(url, context);
  }`;
  const script = `import { register } from 'node:module';
    register('data:text/javascript,' + encodeURIComponent(${JSON.stringify(hook)}));
    await import('${specifier}');`;
  const { stderr } = await inFolder(folder, 'node', '--input-type=module', '-e', script);
  return [...new Set(stderr.split('\n').filter(Boolean))].sort();
}

describe('what is heavy', () => {
  it.each([
    ['cadenza', ['pdfkit', 'h5wasm', 'libsql', '@resvg/resvg-js', '@observablehq/plot', 'onnxruntime-node', 'onnxruntime-web', 'esbuild']],
    ['cadenza/reports', ['pdfkit', 'h5wasm', 'libsql', '@resvg/resvg-js', 'onnxruntime-node', 'onnxruntime-web']],
  ])('is not loaded by %s before it is used', async (specifier, heavy) => {
    expect((await loadedBy(specifier)).filter(name => heavy.includes(name))).toEqual([]);
  });

  it.each([
    ['cadenza/envs', ['zod']],
    ['cadenza/rl', []],
    ['cadenza/random', []],
    ['cadenza/policy', ['onnx-proto', 'zod']],
  ])('%s needs %j and no other package', async (specifier, packages) => {
    expect(await loadedBy(specifier)).toEqual(packages);
  });
});

describe('the examples', () => {
  expectGymnasium('the example of an environment of Gymnasium');

  it('are all run', () => {
    const found = readdirSync(join(ROOT, 'examples'), { withFileTypes: true }).filter(each => each.isDirectory());
    expect(
      found
        .map(({ name }) => name)
        .filter(name => name !== 'python')
        .sort(),
    ).toEqual(EXAMPLES.toSorted());
  });

  // In this order: the page shows the agent of `node`.
  it.each(EXAMPLES.filter(name => hasGymnasium || name !== 'gymnasium'))(
    '%s does what it says',
    async name => {
      const at = join(folder, 'examples', name);
      if (name !== 'page') await inFolder(at, 'npm', 'start');
      await inFolder(at, 'npm', 'test');
    },
    240_000,
  );
});
