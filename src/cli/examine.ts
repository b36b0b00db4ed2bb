/** @file The capabilities of this machine, found by trying them. Loads ONNX Runtime. */

import { fork } from 'node:child_process';
import { availableParallelism, cpus, freemem, totalmem } from 'node:os';
import { extname } from 'node:path';
import { createExecutor, EXECUTORS, type ExecutorId, type ExecutorSettings, type ProbeResult } from '../engine/executors/registry.ts';
import { type HostTensor, input, matmul, toOnnx, zeros } from '../engine/index.ts';
import { bridge } from '../envs/gymnasium/bridge.ts';
import { SMALL_STEP, timeDivisions } from '../training/divisions.ts';

export type DoctorReport = Awaited<ReturnType<typeof examine>>;

const PRODUCT_SIZE = 1024;

type GemmSettings = ExecutorSettings & { readonly provider: ExecutorId };

/** Tries executors, Python and matrix multiplication on this machine. */
export async function examine(version: string) {
  const probes: ProbeResult[] = [];
  // One after another, because they share the machine's cores.
  for (const id of Object.keys(EXECUTORS) as ExecutorId[]) probes.push(await probe(id));
  const works = (id: ExecutorId) => probes.some(probe => probe.id === id && probe.works);
  const gib = (bytes: number) => Math.round((bytes / 2 ** 30) * 10) / 10;
  return {
    versions: { cadenza: version, node: process.versions.node, onnxruntime: works('cpu') ? await runtimeVersion() : 'does not load' },
    cpu: { model: cpus()[0]?.model.trim() ?? 'unknown', cores: availableParallelism() },
    memoryGiB: { total: gib(totalmem()), free: gib(freemem()) },
    executors: probes.map(({ id, works, detail }) => ({ name: id, works, reason: works ? undefined : detail })),
    gymnasium: gymnasium(),
    /** GFLOP/s of a float32 1024³ matrix product on the CPU executor; null if that executor does not work. */
    gemmGflops: works('cpu') ? await gemmRate() : null,
    /** Milliseconds of a small training step for divisions of the cores into workers and threads; empty if the CPU executor does not work. */
    divisions: works('cpu') ? await divisions(availableParallelism()) : [],
  };
}

/** A small training step by one worker with all cores, and by as many workers with one thread each as there are cores. */
async function divisions(cores: number) {
  // The batch must be a multiple of the workers.
  const workers = 2 ** Math.floor(Math.log2(Math.min(cores, SMALL_STEP.batch)));
  const found = await timeDivisions(SMALL_STEP, [{ workers: 1, threads: cores }, ...(workers > 1 ? [{ workers, threads: 1 }] : [])]);
  return found.map(({ workers, threads, ms }) => ({ workers, threads, ms: Number(ms.toPrecision(3)) }));
}

/** Versions of Gymnasium and its Python, or the reason why they are not available. */
function gymnasium() {
  try {
    return { works: true, versions: bridge().software };
  } catch (error) {
    return { works: false, reason: (error as Error).message };
  }
}

/** Tries an executor in a separate process, which hides the output of drivers and contains crashes. */
const probe = (id: ExecutorId): Promise<ProbeResult> =>
  new Promise(resolve => {
    let result: ProbeResult | undefined;
    const module = new URL(`./probe${extname(import.meta.url)}`, import.meta.url);
    fork(module, [id], { stdio: ['ignore', 'ignore', 'ignore', 'ipc'] })
      .on('message', message => {
        result = message as ProbeResult;
      })
      .on('error', ({ message }) => resolve({ id, works: false, detail: message }))
      .on('exit', (code, signal) => {
        resolve(result ?? { id, works: false, detail: `its process crashed (${signal ?? `status ${code}`})` });
      });
  });

async function runtimeVersion(): Promise<string> {
  const { env } = await import('onnxruntime-node');
  return env.versions.node ?? env.versions.common;
}

/** GFLOP/s of a float32 1024³ matrix product: the best of a few measurements, because other load only reduces it. */
export async function gemmRate({ provider, ...settings }: GemmSettings = { provider: 'cpu' }): Promise<number> {
  const shape = [PRODUCT_SIZE, PRODUCT_SIZE];
  const ones: HostTensor = { data: new Float32Array(PRODUCT_SIZE ** 2).fill(1), shape, dtype: 'float32' };
  const into = { product: zeros(shape) };
  const graph = toOnnx({ outputs: { product: matmul(input('a', shape), input('b', shape)) } });
  const program = await (await createExecutor(provider, settings)).compile(graph);
  let best = Number.POSITIVE_INFINITY;
  for (let i = 0; i < 12; i++) {
    const began = performance.now();
    await program.run({ a: ones, b: ones }, ['product'], into);
    best = Math.min(best, performance.now() - began);
  }
  await program.dispose();
  return Math.round((2 * PRODUCT_SIZE ** 3) / (best * 1e6));
}
