/**
 * @file Copies what is committed of a finished run to results/NAME: config.yaml, results.json, returns.json and the figures as SVG, and of an
 * inspection inspect.json. JSON files of more than 60 kB are compressed by Brotli; the library reads both. What `cadenza report` makes again
 * (pages, PNG) is left out. The run's row in results/README.md is written by hand, and a test checks it.
 *
 *   node scripts/commit-results.mjs runs/dark-room [NAME]
 */

import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, constants } from 'node:zlib';

const FILES = /^(config\.yaml|(results|returns|inspect)\.json(\.br)?|(results|rate-return)\.svg)$/;

/** Bytes of a JSON file that is committed as it is. */
const LARGE = 60_000;

/** Lists of tasks repeat at a distance that only a large window sees. */
const compressed = bytes =>
  brotliCompressSync(bytes, {
    params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_LGWIN]: 24, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length },
  });

function copy(from, to) {
  mkdirSync(to, { recursive: true });
  for (const name of readdirSync(from).filter(name => FILES.test(name))) {
    const source = join(from, name);
    const bytes = readFileSync(source);
    const packs = name.endsWith('.json') && bytes.length > LARGE;
    for (const earlier of [name, `${name}.br`]) rmSync(join(to, earlier), { force: true });
    if (packs) writeFileSync(join(to, `${name}.br`), compressed(bytes));
    else copyFileSync(source, join(to, name));
  }
}

const [run, name = run && basename(resolve(run)), ...more] = process.argv.slice(2);
if (!run || more.length > 0 || !existsSync(join(run, 'config.yaml'))) {
  console.error(
    'cadenza: [E_USAGE] expected the folder of a finished run and, if wanted, a name: node scripts/commit-results.mjs RUN [NAME]',
  );
  process.exit(2);
}
const to = fileURLToPath(new URL(`../results/${name}`, import.meta.url));
copy(run, to);
if (existsSync(join(run, 'inspect'))) copy(join(run, 'inspect'), join(to, 'inspect'));
console.error(`${to} is written. Give it a row in results/README.md, then: npx vitest run test/results.test.ts`);
