/** @file A fine-tuning step of the Dark Room preset divided among workers, and how it would scale to more cores than this machine has. */

import { availableParallelism } from 'node:os';
import { nodeExecutor } from '../src/engine/executors/node.ts';
import { constant, inputsOf, optimize, type Tensor, toOnnx, zeros } from '../src/engine/index.ts';
import { adam, addInOrder, chain, clipByGlobalNorm, decayWeights, descend, GRADIENT, updateStep } from '../src/optim/index.ts';
import { openStep, randomStep, type TimedStep, timeDivisions } from '../src/training/divisions.ts';
import { dividedStep, shareOf } from '../src/training/workers.ts';
import type { Bench, Result } from './bench.ts';
import { presetStep } from './preset-step.ts';
import { median } from './training.ts';

const SIMULATED = [4, 8, 16];
const LEAST = 1.2;

/** Median milliseconds of every function, called in turn so that other load affects all of them equally. */
async function timeInTurn<N extends string>(runs: Readonly<Record<N, () => unknown>>): Promise<Record<N, number>> {
  const times = Object.entries<() => unknown>(runs).map(([name, run]) => ({ name, run, ms: [] as number[] }));
  for (let round = -3; round < 30; round++)
    for (const { run, ms } of times) {
      const began = performance.now();
      await run();
      if (round >= 0) ms.push(performance.now() - began);
    }
  return Object.fromEntries(times.map(({ name, ms }) => [name, median(ms)])) as Record<N, number>;
}

/** The parts of a step of `count` single-threaded workers, each on a core without other work, and the step on one thread. */
async function simulated(step: TimedStep, count: number) {
  const executor = nodeExecutor({ threads: 1 });
  const { request } = randomStep(step);
  const optimizer = chain(
    clipByGlobalNorm(1),
    adam(),
    decayWeights(0.01),
    descend(() => constant(1e-4)),
  );
  const part = shareOf(step.build, step.batch, count);
  const { graph } = dividedStep({ ...request, optimizer, workers: { count, executor: { provider: 'cpu', threads: 1 }, part } });
  const open = async (of: typeof graph) => {
    const program = await executor.compile(toOnnx(of));
    const filled = ([name, { shape, dtype }]: readonly [string, Tensor]) => {
      const tensor = zeros(shape, dtype);
      if (dtype === 'float32') tensor.data.fill(0.01);
      return [name, tensor] as const;
    };
    const feeds = Object.fromEntries(Array.from(inputsOf(of), filled));
    const into = Object.fromEntries(Object.entries(of.outputs).map(filled));
    return { run: () => program.run(feeds, Object.keys(into), into), dispose: program.dispose };
  };
  const alone = await openStep(step, { workers: 1, threads: 1 });
  const [compute, update] = [await open(graph), await open(optimize(updateStep({ trainable: request.trainable, optimizer })))];
  // Every worker adds its piece of all gradients.
  const { data } = zeros(graph.outputs[GRADIENT].shape);
  const piece = data.subarray(0, data.length / count);
  const gradients = Array.from({ length: count }, () => new Float32Array(new SharedArrayBuffer(piece.byteLength)).fill(0.01));
  const ms = await timeInTurn({
    alone: alone.step,
    compute: compute.run,
    reduce: () => addInOrder(gradients, piece),
    update: update.run,
  });
  await Promise.all([alone, compute, update].map(({ dispose }) => dispose()));
  return { ...ms, speedup: ms.alone / (ms.compute + ms.reduce + ms.update) };
}

export const workers: Bench = {
  description: 'a fine-tuning step by two single-threaded workers versus one with two threads, and simulated for more workers',
  async run(say) {
    const { step, histories } = presetStep();
    say(`fine-tuning step of the Dark Room preset, batch ${step.batch}, on ${availableParallelism()} cores …`);
    const [single, threaded, divided] = await timeDivisions(
      step,
      [
        { workers: 1, threads: 1 },
        { workers: 1, threads: 2 },
        { workers: 2, threads: 1 },
      ],
      { blocks: 8, steps: 10 },
    );
    const simulations: Record<string, Result> = {};
    // Queries of one history cannot be divided.
    for (const count of SIMULATED.filter(count => histories % count === 0)) {
      say(`${count} simulated workers …`);
      simulations[count] = await simulated(step, count);
    }
    const ratio = threaded.ms / divided.ms;
    return {
      msOneThread: single.ms,
      msOneWorkerTwoThreads: threaded.ms,
      msTwoWorkers: divided.ms,
      ratio: { value: ratio, ofFastest: threaded.fastestMs / divided.fastestMs, least: LEAST, passes: ratio >= LEAST },
      simulated: simulations,
    };
  },
};
