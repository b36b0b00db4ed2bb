/** @file Opens the pages of `browser-page.ts` in a Chromium, cross-origin isolated so that WebAssembly has threads. */

import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { launchChromium } from '../test/helpers/chromium.ts';
import { serve } from '../test/helpers/serve.ts';
import type { InPage } from './browser-page.ts';

const HERE = dirname(fileURLToPath(import.meta.url));
const ISOLATED = { 'cross-origin-opener-policy': 'same-origin', 'cross-origin-embedder-policy': 'require-corp' };
/** Without a GPU, this makes Chromium offer SwiftShader, which computes on the CPU. */
const FLAGS = ['--enable-unsafe-webgpu'];

/** A page, with the functions that run in it. */
export interface OpenPage {
  call<K extends keyof InPage>(name: K, ...args: Parameters<InPage[K]>): Promise<Awaited<ReturnType<InPage[K]>>>;
  /** What the page reported as errors. */
  readonly complaints: readonly string[];
  /** Threads of the page besides its own. */
  threads(): number;
}

/** Bundles and serves the page and starts the browser. Every page has a runtime of its own: the first executor of a page decides its threads. */
export async function openSite() {
  const folder = mkdtempSync(join(tmpdir(), 'cadenza-site-'));
  const entryPoints = [join(HERE, 'browser-page.ts')];
  await build({ entryPoints, outfile: join(folder, 'page.js'), bundle: true, format: 'esm', platform: 'browser', logLevel: 'error' });
  symlinkSync(join(HERE, '../node_modules/onnxruntime-web/dist'), join(folder, 'ort'), 'junction');
  const script = '<script type="module" src="page.js"></script>';
  writeFileSync(join(folder, 'index.html'), `<!doctype html><link rel="icon" href="data:,"><title>cadenza</title>${script}`);
  const { server, url } = await serve(folder, ISOLATED);
  const browser = await launchChromium(FLAGS);
  return {
    async open(): Promise<OpenPage> {
      const page = await browser.newPage();
      const complaints: string[] = [];
      page.on('pageerror', error => complaints.push(error.message));
      page.on('console', message => message.type() === 'error' && complaints.push(message.text()));
      await page.goto(`${url}/index.html`);
      await page.waitForFunction('globalThis.inPage');
      return {
        call: (name, ...args) =>
          page.evaluate(
            ([name, args]) => (globalThis as unknown as { inPage: Record<string, (...args: unknown[]) => never> }).inPage[name](...args),
            [name, args] as const,
          ),
        complaints,
        threads: () => page.workers().length,
      };
    },
    async close(): Promise<void> {
      await browser.close();
      server.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
