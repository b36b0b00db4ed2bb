/** @file A fine-tuning step of the Dark Room preset divided among workers, and how it would scale to more cores than this machine has. */

import { availableParallelism } from 'node:os';
import { Model } from '../src/agent/model.ts';
import { loadExperiment } from '../src/config/experiment.ts';
import { nodeExecutor } from '../src/engine/executors/node.ts';
import { constant, inputsOf, optimize, toOnnx, zeros } from '../src/engine/index.ts';
import { openTasks } from '../src/histories/tasks.ts';
import { adam, addInOrder, chain, clipByGlobalNorm, decayWeights, descend, GRADIENT, updateStep } from '../src/optim/index.ts';
import { optimizerOf } from '../src/training/define.ts';
import { randomStep, type TimedStep, timeDivisions } from '../src/training/divisions.ts';
import { finetune } from '../src/training/stages/finetune.ts';
import { dividedStep, shareOf } from '../src/training/workers.ts';
import type { Bench, Result } from './bench.ts';
import { median } from './training.ts';

const SIMULATED = [4, 8, 16];
const LEAST = 1.2;

/** The fine-tuning step of the preset, with its batch. */
function presetStep(): TimedStep {
  const config = loadExperiment('experiments/dark-room.yaml', []);
  const [{ build, trains }] = finetune.objectives(config, new Model(config, openTasks(config).family));
  return { build, trains, batch: optimizerOf(config, config.finetune).batch };
}

/** Median milliseconds of `run` after a warm-up. */
async function timed(run: () => unknown): Promise<number> {
  const times: number[] = [];
  for (let i = -5; i < 30; i++) {
    const began = performance.now();
    await run();
    if (i >= 0) times.push(performance.now() - began);
  }
  return median(times);
}

/** The parts of a step of `count` single-threaded workers, each measured alone. */
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
  const updating = optimize(updateStep({ trainable: request.trainable, optimizer }));
  const open = async (of: typeof graph) => {
    const program = await executor.compile(toOnnx(of));
    const feeds = Object.fromEntries(
      Array.from(inputsOf(of), ([name, { shape, dtype }]) => {
        const tensor = zeros(shape, dtype);
        if (dtype === 'float32') tensor.data.fill(0.01);
        return [name, tensor];
      }),
    );
    const into = Object.fromEntries(Object.entries(of.outputs).map(([name, { shape, dtype }]) => [name, zeros(shape, dtype)]));
    return { run: () => program.run(feeds, Object.keys(into), into), dispose: program.dispose };
  };
  const [compute, update] = [await open(graph), await open(updating)];
  const { data } = zeros(graph.outputs[GRADIENT].shape);
  // Every worker adds its piece of all gradients.
  const piece = data.subarray(0, data.length / count);
  const gradients = Array.from({ length: count }, () => new Float32Array(new SharedArrayBuffer(piece.byteLength)).fill(0.01));
  const ms = {
    compute: await timed(compute.run),
    reduce: await timed(() => addInOrder(gradients, piece)),
    update: await timed(update.run),
  };
  await Promise.all([compute.dispose(), update.dispose()]);
  return { ...ms, step: ms.compute + ms.reduce + ms.update };
}

export const workers: Bench = {
  description: 'a fine-tuning step by two single-threaded workers versus one with two threads, and simulated for 4 to 16 workers',
  async run(say) {
    const step = presetStep();
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
    for (const count of SIMULATED.filter(count => step.batch % count === 0)) {
      say(`${count} simulated workers …`);
      const ms = await simulated(step, count);
      simulations[count] = { ...ms, speedup: single.ms / ms.step };
    }
    const ratio = threaded.ms / divided.ms;
    return {
      msOneThread: single.ms,
      msOneWorkerTwoThreads: threaded.ms,
      msTwoWorkers: divided.ms,
      ratio: { value: ratio, least: LEAST, passes: ratio >= LEAST },
      simulated: simulations,
    };
  },
};
