import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { failure } from '../../test/helpers/failure.ts';
import { importedModules, importModules } from './modules.ts';

const folder = mkdtempSync(join(tmpdir(), 'modules-'));
afterAll(() => rmSync(folder, { recursive: true }));

const write = (name: string, text: string): string => {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
};

const hashOf = async (name: string, text: string) => (await importModules([write(name, text)]))[0].sha256;

describe('the hash of a module', () => {
  beforeAll(() => void write('part.ts', 'export const pay: number = 1; // the reward'));
  const text = "import { basename } from 'node:path';\nimport { pay } from './part.ts';\nexport const twice = [2 * pay, basename('a')];\n";

  it('is of what it does: neither of its comments nor of its name', async () => {
    const first = await hashOf('first.ts', text);
    expect(await hashOf('second.ts', `// A remark.\n${text}\n`)).toBe(first);
    write('part.ts', 'export const pay: number = 1;');
    expect(await hashOf('third.ts', text)).toBe(first);
    write('part.ts', 'export const pay: number = 2;');
    expect(await hashOf('fourth.ts', text)).not.toBe(first);
  });

  it('comes with the module, which is run once', async () => {
    const file = write('once.js', 'globalThis.timesRun = (globalThis.timesRun ?? 0) + 1;');
    const [[a], [b]] = [await importModules([file]), await importModules([file, file])];
    expect(b).toBe(a);
    expect((globalThis as { timesRun?: number }).timesRun).toBe(1);
    const twice = write('twice.js', 'await null; globalThis.timesRun++;');
    await Promise.all([importModules([twice]), importModules([twice])]);
    expect((globalThis as { timesRun?: number }).timesRun).toBe(2);
    expect(importedModules().filter(each => each.file === file)).toEqual([a]);
  });
});

it.each([
  ['compiled', 'export const x = ;', ['1:18']],
  ['found-package', "import 'no-such-package';", ['no-such-package']],
  ['found-export', "import 'cadenza/nothing';", ['cadenza/nothing', 'cadenza/testing', /^(?!.*npm install)/]],
  ['found-subpath', "import '@no-such/package/part';", ['@no-such/package/part', '(npm install @no-such/package)']],
  ['run', "throw new Error('on purpose');", ['on purpose']],
])('a module that cannot be %s is refused by its name, and may be mended', async (name, text, needles) => {
  const file = write(`${name}.ts`, text);
  await expect(importModules([file])).rejects.toThrow(failure('E_CONFIG', file, ...needles));
  await expect(importModules([write(`${name}.ts`, 'export {};')])).resolves.toHaveLength(1);
});

it('a module that is not there is refused by its name', async () => {
  const file = join(folder, 'nowhere.ts');
  await expect(importModules([file])).rejects.toThrow(failure('E_CONFIG', file));
});
