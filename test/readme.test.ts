/** @file What README.md shows is so: its code runs in a folder with a run, and its figure is drawn from the committed results. */

import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { README_FIGURES } from '../scripts/docs/readme-figure.ts';
import { ROOT, TINY, withinProcess } from './helpers/command.ts';

const run = promisify(execFile);
const read = (name: string) => readFileSync(join(ROOT, name), 'utf8');

it.each(Object.entries(README_FIGURES))('has %s, which npx tsx scripts/docs/readme-figure.ts draws', (path, drawn) => {
  expect(read('README.md')).toContain(`](${path})`);
  expect(read(path) === drawn()).toBe(true);
});

it('has code that runs', async () => {
  const { exports } = JSON.parse(read('package.json')) as { exports: Record<string, string> };
  // The sources in the place of what is compiled of them.
  const source = (name: string) => join(ROOT, exports[`.${name}`].replace('./dist/', 'src/').replace(/js$/, 'ts'));
  const [, code] = /^```js\n(.*?)^```/ms.exec(read('README.md'))!;
  const folder = mkdtempSync(join(tmpdir(), 'readme-'));
  try {
    writeFileSync(
      join(folder, 'play.mjs'),
      code.replaceAll(/'cadenza(.*?)'/g, (_, name) => JSON.stringify(source(name))),
    );
    expect(await withinProcess(['run', TINY, '--out', join(folder, 'runs/dark-room')])).toMatchObject({ status: 0 });
    const tsx = import.meta.resolve('tsx');
    const { stdout } = await run(process.execPath, ['--import', tsx, 'play.mjs'], { cwd: folder });
    expect(stdout.trim().split(/\s+/)).toHaveLength(10);
    expect(stdout).not.toContain('NaN');
  } finally {
    rmSync(folder, { recursive: true });
  }
});
