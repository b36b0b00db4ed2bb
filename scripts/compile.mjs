/**
 * @file Compiles src to dist, or to `--outDir`, for running from a checkout: file by file, without types and their check, in a second.
 * `npm run build` writes the same modules and their declarations for the package.
 */

import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { build } from 'esbuild';

const { outDir } = parseArgs({ options: { outDir: { type: 'string', default: 'dist' } } }).values;

const sources = readdirSync('src', { recursive: true }).filter(name => /\.ts$/.test(name) && !/\.(d|test)\.ts$/.test(name));

/** Keeps every import, with the name of the compiled file. */
const compiledImports = {
  name: 'compiled imports',
  setup({ onResolve }) {
    onResolve({ filter: /.*/ }, ({ path, kind }) =>
      kind === 'entry-point' ? undefined : { path: /^\..*\.ts$/.test(path) ? path.replace(/ts$/, 'js') : path, external: true },
    );
  },
};

await build({
  entryPoints: sources.map(name => join('src', name)),
  outbase: 'src',
  outdir: outDir,
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'es2023',
  treeShaking: false,
  plugins: [compiledImports],
  logLevel: 'error',
});
