/** @file An exported model acts alike everywhere: natively, in WebAssembly under Node, and in a real Chromium that runs our own code. */

import { copyFileSync, cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import OnnxProto from 'onnx-proto';
import { build } from 'vite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { INFERENCE_INPUTS, withWeights } from '../src/agent/model.ts';
import { nodeExecutor } from '../src/engine/executors/node.ts';
import { webExecutor } from '../src/engine/executors/web.ts';
import { optimize, toOnnx } from '../src/engine/index.ts';
import { environment } from '../src/envs/index.ts';
import { sealDescription } from '../src/policy/index.ts';
import { type Game, type Played, play, type playInPage } from './helpers/browser-page.ts';
import { executablePath, launchChromium } from './helpers/chromium.ts';
import { expectChromium } from './helpers/expect-chromium.ts';
import { type ExportRequest, expectSame, makeModel, readModel } from './helpers/exported.ts';
import { serve } from './helpers/serve.ts';

const HERE = dirname(fileURLToPath(import.meta.url));
// Near the center, where an untrained agent finds them too: rewards then stand in the contexts.
const GAME: Game = { tasks: [{ goal: [4, 3] }, { goal: [5, 4] }, { goal: [0, 8] }], episodes: 5, seed: 7 };

const MODELS = [
  { name: 'packed', tokenizer: 'packed', kind: 'bottleneck' },
  { name: 'interleaved', tokenizer: 'interleaved', kind: 'bottleneck', settings: { latents: { kind: 'fsq' } } },
  { name: 'codebook', tokenizer: 'packed', kind: 'bottleneck', settings: { latents: { kind: 'vq' } } },
  { name: 'recurrent', tokenizer: 'packed', kind: 'recurrent' },
  { name: 'without-context', tokenizer: 'packed', kind: 'none' },
  {
    name: 'pictures',
    tokenizer: 'packed',
    kind: 'bottleneck',
    settings: {
      env: { id: 'dark-room-pixels', options: { pixels: 1 } },
      model: { positions: 'rotary', image: { encoder: 'patches', patch: 3 }, rewards: [0, 0.5] },
      policy: { architecture: 'encoder-decoder' },
    },
  },
  {
    name: 'state',
    tokenizer: 'interleaved',
    kind: 'bottleneck',
    settings: { model: { positions: 'relative-bias' }, policy: { query: 'state', crossLayers: [1] } },
  },
] as const satisfies readonly ExportRequest[];

/** An additional export to check: the `model` folder of a run. */
const { CADENZA_MODEL } = process.env;
const EXPORTS = [...MODELS.map(({ name }) => name), ...(CADENZA_MODEL ? ['given'] : [])];

const root = mkdtempSync(join(tmpdir(), 'cadenza-browser-'));
const made = new Map<string, Awaited<ReturnType<typeof makeModel>>>();
const native = new Map<string, Played>();

beforeAll(async () => {
  for (const options of MODELS) made.set(options.name, await makeModel(root, options));
  if (CADENZA_MODEL) cpSync(CADENZA_MODEL, join(root, 'given'), { recursive: true });
  for (const name of EXPORTS) native.set(name, await play(readModel(join(root, name)), nodeExecutor({ threads: 1 }), GAME));
}, 120_000);

afterAll(() => rmSync(root, { recursive: true, force: true }));

describe.each(EXPORTS)('the export %s', name => {
  it('needs nothing but ai.onnx operators', () => {
    const { compress, act, description } = readModel(join(root, name));
    expect(Boolean(compress)).toBe(description.latentShape !== null);
    for (const bytes of compress ? [compress, act] : [act]) {
      const { opsetImport, graph } = OnnxProto.onnx.ModelProto.decode(bytes);
      expect(opsetImport.map(({ domain, version }) => ({ domain, version: Number(version) }))).toEqual([{ domain: '', version: 17 }]);
      expect(graph!.node!.filter(({ domain }) => domain).map(({ opType }) => opType)).toEqual([]);
      expect(graph!.node!.length).toBeGreaterThan(0);
    }
  });

  it('gives the same actions in WebAssembly under Node', async () => {
    expectSame(await play(readModel(join(root, name)), webExecutor({ threads: 1 }), GAME), native.get(name)!);
  });
});

describe.each(MODELS)('an exported model: $name', ({ name, kind }) => {
  it('plays whole episodes, and what it sees changes what it does', () => {
    const { actions, probabilities } = native.get(name)!;
    const { horizon } = environment('dark-room');
    expect(actions.length).toBe(GAME.tasks.length * GAME.episodes * horizon);
    const first = probabilities.slice(0, 5);
    const laterFirst = probabilities.slice(5 * horizon, 5 * horizon + 5);
    // At the start of an episode all that can differ from the last time is Z.
    if (kind === 'none') expect(laterFirst).toEqual(first);
    else expect(laterFirst).not.toEqual(first);
    for (let step = 0; step < actions.length; step++) {
      expect(probabilities.slice(5 * step, 5 * step + 5).reduce((a, b) => a + b)).toBeCloseTo(1, 5);
    }
  });

  it('gives the same actions as the graphs that the evaluation runs', async () => {
    const { model, weights } = made.get(name)!;
    const { compress, act } = model.inference(kind, { compress: 1, act: 1 });
    const fused = (graph: typeof act) => toOnnx(optimize(withWeights(graph, weights, INFERENCE_INPUTS)));
    const files = { compress: compress && fused(compress), act: fused(act) };
    const { description } = readModel(join(root, name));
    const graphs = { 'act.onnx': files.act, 'compress.onnx': files.compress };
    const own = sealDescription({ ...description, codes: undefined, steps: undefined, attention: undefined }, graphs);
    expectSame(await play({ ...files, description: own }, nodeExecutor({ threads: 1 }), GAME), native.get(name)!);
  });

  it('is refused where its files do not belong together', async () => {
    const { description, compress, act } = readModel(join(root, name));
    const executor = nodeExecutor({ threads: 1 });
    const other = compress ? undefined : act;
    const refused = expect.objectContaining({ code: 'E_CHECKPOINT' });
    await expect(play({ description, compress: other, act }, executor, GAME)).rejects.toThrow(refused);
    const old = { ...description, format: 'cadenza-model-0' as never };
    await expect(play({ description: old, compress, act }, executor, GAME)).rejects.toThrow(refused);
    const others = MODELS.map(model => readModel(join(root, model.name)).act);
    const exchanged = others.find(bytes => !Buffer.from(bytes).equals(act))!;
    await expect(play({ description, compress, act: exchanged }, executor, GAME)).rejects.toThrow(refused);
  });
});

// ---- the browser -------------------------------------------------------------------------------------------------------------

expectChromium('whether an exported model acts alike in a browser');

/** Bundles the page's script for a browser, and puts the runtime's WebAssembly next to it. */
async function makeSite(folder: string): Promise<void> {
  await build({
    configFile: false,
    logLevel: 'error',
    root: HERE,
    publicDir: false,
    build: {
      outDir: folder,
      emptyOutDir: false,
      minify: false,
      chunkSizeWarningLimit: 10_000,
      rolldownOptions: { input: join(HERE, 'helpers', 'browser-page.ts'), output: { entryFileNames: 'page.js' } },
    },
  });
  const runtime = join(HERE, '../node_modules/onnxruntime-web/dist');
  mkdirSync(join(folder, 'ort'), { recursive: true });
  for (const name of readdirSync(runtime)) {
    if (/^ort-wasm-simd-threaded\.(wasm|mjs)$/.test(name)) copyFileSync(join(runtime, name), join(folder, 'ort', name));
  }
  writeFileSync(
    join(folder, 'index.html'),
    '<!doctype html><link rel="icon" href="data:,"><title>cadenza</title><script type="module" src="page.js"></script>',
  );
}

describe.skipIf(!executablePath)('in a real Chromium', () => {
  it('gives the same actions, with our own code in the page', async () => {
    await makeSite(root);
    const browser = await launchChromium();
    // Without the headers for threads: the plainest hosting must do.
    const { server, url } = await serve(root);
    try {
      const page = await browser.newPage();
      const complaints: string[] = [];
      page.on('pageerror', error => complaints.push(error.message));
      page.on('console', message => message.type() === 'error' && complaints.push(`${message.text()} (${message.location().url})`));
      const requested: string[] = [];
      page.on('request', request => requested.push(request.url()));
      const check = async (name: string, baseUrl?: string) => {
        const found = await page.evaluate(
          ([folder, game, base]) => (globalThis as unknown as { playInPage: typeof playInPage }).playInPage(folder, game, base),
          [name, GAME, baseUrl] as const,
        );
        expectSame(found, native.get(name)!);
      };
      const open = async () => {
        await page.goto(`${url}/index.html`);
        await page.waitForFunction('globalThis.playInPage');
      };
      await open();
      for (const name of EXPORTS) await check(name);
      // A fresh page, because the runtime's place is settled when its first session is made.
      await open();
      await check(EXPORTS[0], 'ort/');
      expect(complaints).toEqual([]);
      const places = requested.map(address => address.replace(url, ''));
      expect(places.filter(place => place.endsWith('.wasm')).length).toBe(2);
      expect(places.some(place => /^\/ort\/.*\.wasm$/.test(place))).toBe(true);
      // Of the runtimes the one without WebGPU, which is half as large.
      expect(places.filter(place => /jsep|jspi|asyncify/.test(place))).toEqual([]);
      // Nothing comes from anywhere but the server.
      expect(places.filter(place => !/^(\/|data:|blob:)/.test(place))).toEqual([]);
    } finally {
      await browser.close();
      server.close();
    }
  });
});
