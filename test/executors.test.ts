/** @file What a user meets where a native library does not load or an executor does not work: the reason, before any work is done. */

import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest';
import { probeExecutor } from '../src/engine/executors/registry.ts';
import { cadenza, TINY, withinProcess } from './helpers/command.ts';
import { exit } from './helpers/failure.ts';

const folder = mkdtempSync(join(tmpdir(), 'cadenza-executors-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
afterEach(() => vi.unstubAllEnvs());

/** Processes that start from now on get a package whose native library is a file of text. */
function breakPackage(name: string): void {
  writeFileSync(join(folder, 'broken.node'), 'not a library');
  // The names that the code imports are found in the text.
  const names = ['InferenceSession', 'Tensor', 'env'].map(name => `exports.${name} = 0;`).join('');
  writeFileSync(join(folder, 'package.cjs'), `${names} require('./broken.node')`);
  const url = pathToFileURL(join(folder, 'package.cjs')).href;
  const hook = `export const resolve = (name, context, next) => next(name === '${name}' ? '${url}' : name, context);`;
  const source = `import { register } from 'node:module'; register(${JSON.stringify(`data:text/javascript,${encodeURIComponent(hook)}`)});`;
  writeFileSync(join(folder, 'hook.mjs'), source);
  vi.stubEnv('NODE_OPTIONS', `--import ${pathToFileURL(join(folder, 'hook.mjs')).href}`);
}

describe('a library of ONNX Runtime that does not load', () => {
  it('ends a run before anything is written', async () => {
    breakPackage('onnxruntime-node');
    const out = join(folder, 'run');
    const ended = await cadenza('run', TINY, '--out', out);
    expect(ended).toEqual(exit('E_INSTALL', 'broken.node'));
    expect([ended.stdout, ended.stderr.split('\n').length]).toEqual(['', 2]);
    expect(existsSync(out)).toBe(false);
  });

  it('is what doctor is for', async () => {
    breakPackage('onnxruntime-node');
    const { status, stdout } = await cadenza('doctor', '--json');
    const { executors, gemmGflops } = JSON.parse(stdout);
    expect([status, gemmGflops]).toEqual([0, null]);
    expect(executors).toContainEqual({ name: 'cpu', works: false, reason: expect.stringContaining('broken.node') });
    expect(executors).toContainEqual({ name: 'wasm', works: true });
  });
});

describe.skipIf((await probeExecutor('cuda')).works)('an executor that does not work here', () => {
  it.each([
    ['a run', ['run', TINY]],
    ['one stage', ['generate', TINY]],
    ['a supervised run', ['run', 'tiny-regression']],
    ['an ablation', ['ablate', 'matrix']],
    ['a study', ['tune', TINY, '--space', 'tiny', '--set', 'split.validation=1']],
  ])('ends %s before anything is written', async (_, args) => {
    const out = join(folder, 'cuda');
    const ended = await withinProcess([...args, '--set', 'executor.provider=cuda', '--out', out]);
    expect(ended).toEqual(exit('E_EXECUTOR', '"cuda"'));
    expect([ended.stdout, ended.stderr.split('\n').length]).toEqual(['', 2]);
    expect(existsSync(out)).toBe(false);
  });
});

it('prints what doctor found and nothing of what drivers say', async () => {
  const { status, stdout, stderr } = await cadenza('doctor');
  expect([status, stderr]).toEqual([0, '']);
  expect(stdout).toMatch(/ cpu$/m);
});
