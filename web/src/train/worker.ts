/** @file The worker that trains, so that the page stays responsive. It ends when the page terminates it. */

import wasmScript from 'onnxruntime-web/ort-wasm-simd-threaded.mjs?url';
import wasmBinary from 'onnxruntime-web/ort-wasm-simd-threaded.wasm?url';
import type { Executor } from '../../../src/engine/index.ts';
import { breathe } from '../../../src/util/breathe.ts';
import { CadenzaError } from '../../../src/util/errors.ts';
import type { TrainAnswer, TrainRequest } from './protocol.ts';
import { Training } from './training.ts';

const post = (answer: TrainAnswer) => postMessage(answer);

/** Most evaluations, and least steps from one to the next. */
const [EVALUATIONS, LEAST_STEPS] = [5, 50];
/** Milliseconds between messages with losses. */
const REPORT_MS = 200;
/** More threads than this wait for one another in models that fit a page. */
const MOST_THREADS = 4;

/** Threads of the kernels. A page that is not isolated has no shared memory. */
const threads = globalThis.crossOriginIsolated ? Math.min(MOST_THREADS, navigator.hardwareConcurrency) : 1;

/** Addresses relative to this worker, as those that the bundler gives may be. */
const absolute = (url: string) => new URL(url, import.meta.url).href;

/** The files are loaded apart from this script, because the threads of the runtime load its script again. */
async function executorOf(kind: 'wasm' | 'webgpu'): Promise<Executor> {
  if (kind === 'wasm') {
    const { webExecutor } = await import('../../../src/engine/executors/web.ts');
    return webExecutor({ threads, baseUrl: { mjs: absolute(wasmScript), wasm: absolute(wasmBinary) } });
  }
  const [{ webgpuExecutor }, { default: script }, { default: binary }] = await Promise.all([
    import('../../../src/engine/executors/webgpu.ts'),
    import('onnxruntime-web/ort-wasm-simd-threaded.asyncify.mjs?url'),
    import('onnxruntime-web/ort-wasm-simd-threaded.asyncify.wasm?url'),
  ]);
  return webgpuExecutor({ threads: 1, baseUrl: { mjs: absolute(script), wasm: absolute(binary) } });
}

/** Resolves when the training may go on, and whether it ends before its last step. */
let running = Promise.resolve();
let resume = () => {};
let stopped = false;

const { signal } = new AbortController();

async function train({ world, settings }: Extract<TrainRequest, { kind: 'start' }>): Promise<void> {
  const executor = await executorOf(settings.executor);
  const onHistories = (share: number) => post({ kind: 'histories', share });
  const training = await Training.open(world, settings, { executor, signal, onHistories });
  const { steps, parameters } = training;
  post({
    kind: 'ready',
    parameters,
    train: training.train.length,
    heldOut: training.heldOut.length,
    threads: settings.executor === 'wasm' ? threads : 1,
  });
  const every = Math.max(LEAST_STEPS, Math.ceil(steps / EVALUATIONS));
  let losses: number[] = [];
  let since = performance.now();
  const report = () => {
    if (losses.length > 0) post({ kind: 'losses', losses, ms: performance.now() - since });
    losses = [];
    since = performance.now();
  };
  while (training.done < steps) {
    // Messages arrive in between.
    await breathe(signal);
    const before = performance.now();
    await running;
    since += performance.now() - before;
    if (stopped) break;
    losses.push(await training.step());
    const { done } = training;
    const evaluates = done % every === 0 || done === steps;
    if (evaluates || performance.now() - since >= REPORT_MS) report();
    if (!evaluates) continue;
    post({ kind: 'evaluating', step: done });
    post({ kind: 'evaluated', evaluated: { step: done, curve: await training.evaluate() } });
    since = performance.now();
  }
  report();
  post({ kind: 'done', files: training.files() });
  await training.dispose();
}

addEventListener('message', ({ data }: MessageEvent<TrainRequest>) => {
  switch (data.kind) {
    case 'start':
      train(data).catch(error =>
        post({
          kind: 'failed',
          code: error instanceof CadenzaError ? error.code : 'E_INTERNAL',
          message: error instanceof Error ? error.message : String(error),
        }),
      );
      break;
    case 'pause':
      resume();
      running = new Promise(resolve => {
        resume = resolve;
      });
      break;
    case 'continue':
      resume();
      break;
    case 'stop':
      stopped = true;
      resume();
      break;
  }
});
