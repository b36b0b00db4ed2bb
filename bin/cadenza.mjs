#!/usr/bin/env node
// Starts the command line. A committed file, so that npx finds it before compilation. Its syntax also works in old versions of Node.
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const here = name => fileURLToPath(new URL(`../${name}`, import.meta.url));

function fail(why) {
  console.error(`cadenza: ${why}`);
  // The exit status of E_INSTALL. The error catalog cannot be loaded here.
  process.exit(11);
}

const { engines } = JSON.parse(readFileSync(here('package.json'), 'utf8'));
const needed = Number(/\d+/.exec(engines.node)[0]);
if (Number(process.versions.node.split('.')[0]) < needed)
  fail(
    `expected Node ${needed} or newer, found Node ${process.versions.node} (${process.execPath}). Install a newer version from https://nodejs.org.`,
  );

// A checkout compiles changed sources; an installed package has none.
if (existsSync(here('src')) && existsSync(here('scripts/setup.mjs'))) {
  const { setup } = await import('../scripts/setup.mjs');
  await setup(root, { web: process.argv.includes('play') }).catch(error => fail(error.message));
}
if (!existsSync(here('dist/cli/main.js')))
  fail(
    `${here('dist/cli/main.js')} is missing, because the installation is incomplete or the package was packed before compilation. Install it again.`,
  );
await import('../dist/cli/main.js');
