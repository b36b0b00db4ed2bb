/** @file Packages that do not load are explained: which, why, and what to do. The messages are those of Node and of system loaders. */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { carrying } from '../../test/helpers/failure.ts';
import { explainLoading, loadingFault } from './native.ts';

const thrown = (message: string, code?: string) => Object.assign(new Error(message), { code });
const BINDING = '/a/node_modules/onnxruntime-node/bin/napi-v6/linux/x64/onnxruntime_binding.node';

it.each([
  ['onnxruntime-node', 'libc', thrown(`/lib/libc.so.6: version \`GLIBC_2.99' not found (required by ${BINDING})`, 'ERR_DLOPEN_FAILED')],
  [
    'onnxruntime-node',
    'libc',
    thrown(`Error loading shared library ld-linux-x86-64.so.2: No such file (needed by ${BINDING})`, 'ERR_DLOPEN_FAILED'),
  ],
  ['onnxruntime-node', 'machine', thrown(`${BINDING}: wrong ELF class: ELFCLASS32`, 'ERR_DLOPEN_FAILED')],
  ['onnxruntime-node', 'incomplete', thrown(`${BINDING}: file too short`, 'ERR_DLOPEN_FAILED')],
  ['@libsql/linux-x64-gnu', 'incomplete', thrown("Cannot find module '@libsql/linux-x64-gnu'", 'MODULE_NOT_FOUND')],
  [
    'onnxruntime-web',
    'optional',
    thrown("Cannot find package 'onnxruntime-web' imported from /a/node_modules/cadenza/dist/web.js", 'ERR_MODULE_NOT_FOUND'),
  ],
  ['onnxruntime-web', 'optional', thrown("Cannot find package 'onnxruntime-web/wasm' imported from /a/web.js", 'ERR_MODULE_NOT_FOUND')],
  [
    'cadenza',
    'incomplete',
    thrown(
      "Cannot find module '/a/node_modules/cadenza/dist/x.js' imported from /a/node_modules/cadenza/dist/y.js",
      'ERR_MODULE_NOT_FOUND',
    ),
  ],
  ['cadenza', 'incomplete', thrown('Failed to load native binding')],
])('names %s, and what is wrong: %s', (name, fault, error) => {
  const found = explainLoading(error)!;
  expect(loadingFault(error)?.fault).toBe(fault);
  expect(found).toMatchObject({ code: 'E_INSTALL', exitCode: 11, cause: error });
  expect(found.message).toEqual(carrying(name, process.arch, error.message.split('\n')[0]));
});

it('explains what this system says of a library that is none, and of one that is absent', () => {
  const folder = mkdtempSync(join(tmpdir(), 'cadenza-native-'));
  const require = createRequire(join(folder, 'x.js'));
  writeFileSync(join(folder, 'broken.node'), 'not a library');
  for (const name of ['./broken.node', './absent.node', 'absent-package']) {
    let thrown: unknown;
    try {
      require(name);
    } catch (error) {
      thrown = error;
    }
    expect(explainLoading(thrown)?.code, name).toBe('E_INSTALL');
  }
  rmSync(folder, { recursive: true });
});

it('leaves other failures alone', () => {
  for (const other of [new Error('x'), undefined, 'x', thrown('x', 'ENOENT')]) expect(explainLoading(other)).toBeUndefined();
});
