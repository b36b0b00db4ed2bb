/** @file Builds the pages as static files that any host can serve from any folder. `cadenza play` and `cadenza watch` serve them from dist/web. */

import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig({
  root: here('.'),
  // Addresses relative to the page: the site has the pages in a subfolder.
  base: './',
  cacheDir: here('../node_modules/.cache/vite-web'),
  build: {
    outDir: here('../dist/web'),
    emptyOutDir: true,
    target: 'es2023',
    // A page whose content security policy forbids inline content cannot load inlined assets.
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 1000,
    // Which plugin takes how long interests nobody who installs.
    rolldownOptions: { input: [here('index.html'), here('watch.html')], checks: { pluginTimings: false } },
  },
  worker: { format: 'es' },
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
});
