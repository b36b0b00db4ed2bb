/** @file `npm run docs`: generates the reference, builds the site into the folder `site`, and checks its links. Nothing is loaded from elsewhere. */

import { fileURLToPath } from 'node:url';
import { build } from 'vitepress';
import { deadLinks } from './links.ts';
import { writeReference } from './reference.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const began = Date.now();
const seconds = () => `${((Date.now() - began) / 1000).toFixed(0)} s`;

try {
  console.error('docs: generating the reference …');
  await writeReference(root);
  console.error(`docs: building the pages (${seconds()}) …`);
  await build(`${root}docs`);
  const dead = deadLinks(`${root}site`);
  if (dead.length > 0) throw new Error(`docs: ${dead.length} dead links:\n${dead.join('\n')}`);
  console.error(`docs: built in ${seconds()}, all links lead somewhere. Look at it with: npx vitepress preview docs`);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
