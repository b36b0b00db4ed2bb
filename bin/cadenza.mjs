#!/usr/bin/env node
// Starts the command line. Committed, so that npx finds it before anything is compiled; written for old versions of Node, too.
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const here = name => fileURLToPath(new URL(`../${name}`, import.meta.url));

function fail(why) {
  console.error(`cadenza: ${why}`);
  // As E_INSTALL of the catalog of failures, which cannot be loaded here.
  process.exit(11);
}

const { engines } = JSON.parse(readFileSync(here('package.json'), 'utf8'));
const needed = Number(/\d+/.exec(engines.node)[0]);
if (Number(process.versions.node.split('.')[0]) < needed)
  fail(
    `this needs Node ${needed} or newer, but ${process.execPath} is Node ${process.versions.node}. Install one from https://nodejs.org.`,
  );

// A checkout compiles what changed; an installed package has no sources.
if (existsSync(here('src')) && existsSync(here('scripts/setup.mjs'))) {
  const { setup } = await import('../scripts/setup.mjs');
  await setup(root).catch(error => fail(error.message));
}
if (!existsSync(here('dist/cli/main.js')))
  fail(`${here('dist/cli/main.js')} is missing: the package was installed in part, or packed before it was compiled. Install it again.`);
await import('../dist/cli/main.js');
