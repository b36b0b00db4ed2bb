/** @file What the page of `browser.ts` runs. Node imports the same functions and hands them another executor. */

import { webExecutor } from '../src/engine/executors/web.ts';
import { webgpuExecutor } from '../src/engine/executors/webgpu.ts';
import type { Executor } from '../src/engine/index.ts';
import { compareWithInterpreter } from '../src/testing/engine.ts';
import { everything } from '../test/helpers/op-cases.ts';
import { type FineTuning, fineTuningSource } from './finetuning.ts';
import type { REFERENCE } from './reference-model.ts';
import { prepareTraining, referenceSource, type Training } from './training.ts';

/** A training step that Node and a page build for themselves, as plain JSON. */
export type StepRequest = { readonly reference: typeof REFERENCE } | { readonly fineTuning: FineTuning };

/** Where a page computes. */
export interface PageExecutor {
  readonly provider: 'wasm' | 'webgpu';
  readonly threads: number;
}

/** Builds and compiles the step. */
export const openStep = (executor: Executor, step: StepRequest): Promise<Training> =>
  prepareTraining(executor, 'reference' in step ? referenceSource(step.reference) : fineTuningSource(step.fineTuning));

/** Runs steps one after the other and returns the loss and the milliseconds of each. */
export async function runSteps({ step }: Training, count: number): Promise<{ losses: number[]; ms: number[] }> {
  const [losses, ms]: [number[], number[]] = [[], []];
  for (let i = 0; i < count; i++) {
    const { loss, ms: taken } = await step();
    losses.push(loss);
    ms.push(taken);
  }
  return { losses, ms };
}

/** SHA-256 of the bytes of a model. */
export async function modelHash({ model }: Pick<Training, 'model'>): Promise<string> {
  const hash = await crypto.subtle.digest('SHA-256', Uint8Array.from(model));
  return Array.from(new Uint8Array(hash), byte => byte.toString(16).padStart(2, '0')).join('');
}

/** The executor of a page, with the files of the runtime from `ort/`. */
export const pageExecutor = ({ provider, threads }: PageExecutor): Executor =>
  (provider === 'webgpu' ? webgpuExecutor : webExecutor)({ threads, baseUrl: new URL('ort/', document.baseURI).href });

let training: Training | undefined;

const inPage = {
  /** The name of the WebGPU adapter; undefined if there is none. */
  async adapter(): Promise<string | undefined> {
    const gpu = (navigator as { gpu?: { requestAdapter(): Promise<{ info: { vendor: string; architecture: string } } | null> } }).gpu;
    const adapter = await gpu?.requestAdapter();
    return adapter ? `${adapter.info.vendor} ${adapter.info.architecture}`.trim() : undefined;
  },
  /** The error of every op and of its gradients, compared with the interpreter's float64. */
  ops(executor: PageExecutor): Promise<Record<string, number>> {
    const { graph, numbers } = everything();
    return compareWithInterpreter(pageExecutor(executor), graph, numbers);
  },
  /** Opens the step that `run` continues. */
  async open(executor: PageExecutor, step: StepRequest) {
    training = await openStep(pageExecutor(executor), step);
    return { compileMs: training.compileMs, hash: await modelHash(training) };
  },
  run: (count: number) => runSteps(training!, count),
};

export type InPage = typeof inPage;

if (typeof document !== 'undefined') Object.assign(globalThis, { inPage });
