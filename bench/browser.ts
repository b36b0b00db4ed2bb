/** @file Training steps in a headless Chromium, in WebAssembly and WebGPU, versus Node: the same losses, and the time of a step. */

import { loadExperiment } from '../src/config/experiment.ts';
import { nodeExecutor } from '../src/engine/executors/node.ts';
import { optimizerOf } from '../src/training/define.ts';
import { finetune } from '../src/training/stages/finetune.ts';
import type { Bench, Result } from './bench.ts';
import { modelHash, openStep, type PageExecutor, runSteps, type StepRequest } from './browser-page.ts';
import { openSite } from './browser-site.ts';
import { REFERENCE } from './reference-model.ts';
import { median } from './training.ts';

const preset = () => loadExperiment('experiments/dark-room.yaml', []);

const STEPS = 20;
/** Steps in a row of one runner. The first one finds the caches of another and is not timed. */
const BLOCK = 5;
/** Error above which an op is listed. */
const LARGE = 2e-5;

interface Case {
  readonly step: StepRequest;
  /** Steps with WebGPU, which a software adapter computes slowly. */
  readonly webgpuSteps: number;
}

const CASES: Record<string, () => Case> = {
  tiny: () => ({
    step: { reference: { ...REFERENCE, width: 16, layers: 1, hidden: 32, tokens: 16, batch: 4, vocabulary: 8 } },
    webgpuSteps: STEPS,
  }),
  fineTuning: () => {
    const experiment = preset();
    const { batch } = optimizerOf(experiment, experiment.finetune);
    return { step: { fineTuning: { config: experiment, terms: finetune.terms!(experiment), batch } }, webgpuSteps: 3 };
  },
};

/** Something that trains: this process or a page. */
interface Runner {
  readonly name: string;
  readonly steps: number;
  open(step: StepRequest): Promise<{ compileMs: number; hash: string }>;
  run(count: number): ReturnType<typeof runSteps>;
}

function nodeRunner(threads: number): Runner {
  let training: Awaited<ReturnType<typeof openStep>>;
  return {
    name: `cpu-${threads}`,
    steps: STEPS,
    async open(step) {
      training = await openStep(nodeExecutor({ threads }), step);
      return { compileMs: training.compileMs, hash: await modelHash(training) };
    },
    run: count => runSteps(training, count),
  };
}

type Site = Awaited<ReturnType<typeof openSite>>;

async function pageRunner(site: Site, executor: PageExecutor, steps: number): Promise<Runner> {
  const page = await site.open();
  return {
    name: `${executor.provider}-${executor.threads}`,
    steps,
    open: step => page.call('open', executor, step),
    run: count => page.call('run', count),
  };
}

/** Trains with every runner in turn, so that other load affects all of them equally. The first one is the reference. */
async function compare(runners: readonly Runner[], step: StepRequest): Promise<Record<string, Result>> {
  const rows: { runner: Runner; compileMs: number; hash: string; losses: number[]; ms: number[] }[] = [];
  for (const runner of runners) rows.push({ runner, ...(await runner.open(step)), losses: [], ms: [] });
  for (let done = 0; done < STEPS; done += BLOCK)
    for (const { runner, losses, ms } of rows) {
      const found = await runner.run(Math.max(0, Math.min(BLOCK, runner.steps - done)));
      losses.push(...found.losses);
      ms.push(...found.ms.slice(1));
    }
  const [reference] = rows;
  return Object.fromEntries(
    rows.map(({ runner, compileMs, hash, losses, ms }) => {
      const differences = losses.map((loss, i) => Math.abs(loss / reference.losses[i] - 1));
      return [
        runner.name,
        {
          ms: median(ms),
          compileMs,
          steps: losses.length,
          sameModel: hash === reference.hash,
          firstDifference: differences[0],
          largestDifference: Math.max(...differences),
        },
      ];
    }),
  );
}

/** The errors of ops on an executor of a page. */
async function opErrors(site: Site, executor: PageExecutor): Promise<Result> {
  const page = await site.open();
  const errors = Object.entries(await page.call('ops', executor));
  const large = errors.filter(([, error]) => !(error < LARGE)).map(([title, error]) => `${title} (${error.toPrecision(2)})`);
  return { outputs: errors.length, largest: Math.max(...errors.map(([, error]) => error)), large: large.join(', ') || 'none' };
}

export const browser: Bench = {
  description: 'training steps in Chromium (WebAssembly, WebGPU) versus Node: losses and time',
  async run(say) {
    const site = await openSite();
    try {
      const adapter = await (await site.open()).call('adapter');
      say(`WebGPU adapter: ${adapter ?? 'none'}`);
      const webgpu = { provider: 'webgpu', threads: 1 } as const;
      const results: Record<string, Result> = {};
      for (const [name, make] of Object.entries(CASES)) {
        say(name);
        const { step, webgpuSteps } = make();
        const pages = [await pageRunner(site, { provider: 'wasm', threads: 1 }, STEPS)];
        pages.push(await pageRunner(site, { provider: 'wasm', threads: 2 }, STEPS));
        if (adapter) pages.push(await pageRunner(site, webgpu, webgpuSteps));
        results[name] = await compare([nodeRunner(1), nodeRunner(2), ...pages], step);
      }
      say('every op versus float64');
      const ops: Record<string, Result> = { wasm: await opErrors(site, { provider: 'wasm', threads: 1 }) };
      if (adapter) ops.webgpu = await opErrors(site, webgpu);
      return { adapter: adapter ?? 'none', ...results, ops };
    } finally {
      await site.close();
    }
  },
};
