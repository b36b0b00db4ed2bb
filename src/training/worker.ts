/** @file A thread of data-parallel training: computes its share of every step, from shared memory to shared memory. */

import { parentPort, workerData } from 'node:worker_threads';
import { failureOf } from '../distributed/pool.ts';
import { createExecutor } from '../engine/executors/registry.ts';
import { zeros } from '../engine/index.ts';
import { addInOrder } from '../optim/index.ts';
import type { SharedTensor, WorkerAnswer, WorkerData, WorkerOrder } from './workers.ts';

const { model, executor, inputs, constants, outputs, sum } = workerData as WorkerData;
const port = parentPort!;

// ONNX Runtime for Node does not read or write shared memory, so the thread has copies of its own.
const copies = (of: Readonly<Record<string, SharedTensor>>) =>
  Object.fromEntries(Object.entries(of).map(([name, { shape, dtype }]) => [name, zeros(shape, dtype)]));
const [read, written] = [copies(inputs), copies(outputs)];
const names = Object.keys(outputs);

const answer = async (work: () => Promise<void>) => {
  const done = await work().then(
    (): WorkerAnswer => ({ done: true }),
    (error): WorkerAnswer => ({ failed: failureOf(error) }),
  );
  port.postMessage(done);
};

const { provider, ...settings } = executor;
let program: Awaited<ReturnType<Awaited<ReturnType<typeof createExecutor>>['compile']>>;

await answer(async () => {
  program = await (await createExecutor(provider, settings)).compile(model);
});

async function compute(): Promise<void> {
  for (const [name, { data }] of Object.entries(inputs)) read[name].data.set(data);
  const results = await program.run({ ...constants, ...read }, names, written);
  for (const [name, { data }] of Object.entries(outputs)) data.set(results[name].data);
}

port.on('message', async (order: WorkerOrder) => {
  if (order === 'compute') await answer(compute);
  else if (order === 'add') await answer(async () => addInOrder(sum.gradients, sum.into));
  else {
    await program?.dispose();
    port.close();
  }
});
