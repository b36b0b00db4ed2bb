/** @file A page trains as Node does: it builds the same graphs and reaches the same losses, in WebAssembly and, where there is one, WebGPU. */

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { modelHash, openStep, type PageExecutor, runSteps, type StepRequest } from '../bench/browser-page.ts';
import { openSite } from '../bench/browser-site.ts';
import { REFERENCE } from '../bench/reference-model.ts';
import { loadExperiment } from '../src/config/experiment.ts';
import { nodeExecutor } from '../src/engine/executors/node.ts';
import { finetune } from '../src/training/stages/finetune.ts';
import { executablePath } from './helpers/chromium.ts';
import { TINY } from './helpers/command.ts';
import { expectChromium, REQUIRED, warn } from './helpers/expect-chromium.ts';

const config = loadExperiment(TINY, ['finetune.beta=0']);
const STEPS = {
  reference: { reference: { ...REFERENCE, width: 16, layers: 1, hidden: 32, tokens: 16, batch: 4, vocabulary: 8 } },
  'fine-tuning': { fineTuning: { config, terms: finetune.terms!(config), batch: 4 } },
} satisfies Record<string, StepRequest>;
const COUNT = 10;

/** What Node computes: the model's bytes, and the loss of every step. */
const native = new Map<string, { hash: string; losses: number[] }>();

expectChromium('whether a page trains as Node does');

describe.skipIf(!executablePath)('training in a page', () => {
  let site: Awaited<ReturnType<typeof openSite>>;
  beforeAll(async () => {
    site = await openSite();
    for (const [name, step] of Object.entries(STEPS)) {
      const training = await openStep(nodeExecutor({ threads: 1 }), step);
      native.set(name, { hash: await modelHash(training), ...(await runSteps(training, COUNT)) });
      await training.dispose();
    }
  }, 60_000);
  afterAll(() => site?.close());

  /** Trains in a new page as Node did. Returns the number of the page's threads besides its own. */
  async function train(name: keyof typeof STEPS, executor: PageExecutor): Promise<number> {
    const page = await site.open();
    const { hash } = await page.call('open', executor, STEPS[name]);
    const { losses } = await page.call('run', COUNT);
    const expected = native.get(name)!;
    expect(hash).toBe(expected.hash);
    expect(losses.length).toBe(COUNT);
    expect(losses.map((loss, i) => Math.abs(loss / expected.losses[i] - 1)).filter(error => !(error < 1e-4))).toEqual([]);
    expect(page.complaints).toEqual([]);
    return page.threads();
  }

  it('compares losses that training changes', () => {
    // Every step of fine-tuning has a batch of its own, the reference step always the same.
    for (const { losses } of native.values()) expect(new Set(losses).size).toBe(COUNT);
    const { losses } = native.get('reference')!;
    expect(losses.at(-1)).toBeLessThan(losses[0]);
  });

  it('reaches the same losses in WebAssembly, with the threads that it asks for', async () => {
    expect(await train('reference', { provider: 'wasm', threads: 1 })).toBe(0);
    expect(await train('fine-tuning', { provider: 'wasm', threads: 2 })).toBe(1);
  });

  it('computes the same with WebGPU', async ({ skip }) => {
    const page = await site.open();
    const missing = 'NO WEBGPU ADAPTER FOUND: WHETHER WEBGPU COMPUTES AS THE OTHER EXECUTORS DO WAS NOT TESTED.';
    const adapter = await page.call('adapter');
    if (REQUIRED) expect(adapter, missing).toBeDefined();
    else if (!adapter) {
      warn(missing);
      skip();
    }
    const webgpu = { provider: 'webgpu', threads: 1 } as const;
    await train('reference', webgpu);
    // WebGPU promises sines and cosines to 2⁻¹¹ only.
    const wrong = Object.entries(await page.call('ops', webgpu)).filter(
      ([title, error]) => !(error < (/^(sin|cos) /.test(title) ? 2 ** -11 : 2e-5)),
    );
    expect(wrong).toEqual([]);
    expect(page.complaints).toEqual([]);
  });
});
