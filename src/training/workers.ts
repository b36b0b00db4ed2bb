/**
 * @file One training step over several threads of this machine. The batch is drawn as for one thread, and each thread computes loss, metrics
 * and gradient of its share of the rows. They are added in the order of the threads, so that equal numbers of threads give equal bytes, and
 * one update follows. Threads, not processes, because they share memory; ONNX Runtime blocks the thread that runs it, so each has a session.
 */

import { isUpdated } from '../agent/model.ts';
import { errorOf, type Failure } from '../distributed/pool.ts';
import { startThread } from '../distributed/threads.ts';
import type { ExecutorId, ExecutorSettings } from '../engine/executors/registry.ts';
import {
  type Data,
  type DType,
  type Executor,
  type Feeds,
  type HostTensor,
  inputsOf,
  newData,
  optimize,
  type Program,
  type Shape,
  sizeOf,
  splitRows,
  type Tensor,
  toOnnx,
  zeros,
} from '../engine/index.ts';
import { type BufferSpec, nextOf, type ParameterSpec, Scope } from '../nn/index.ts';
import { addInOrder, BUFFERS, FROZEN, GRADIENT, gradientStep, packing, type TrainStepOptions, unpack, updateStep } from '../optim/index.ts';
import { CadenzaError } from '../util/errors.ts';

/** The threads among which a training step is divided. */
export interface Workers {
  /** Their number. */
  readonly count: number;
  /** The executor of each. */
  readonly executor: ExecutorSettings & { readonly provider: ExecutorId };
  /** The loss and metrics of the step, built for 1 / `count` of the batch, and everything that they declare. */
  readonly part: {
    readonly loss: Tensor;
    readonly metrics?: Readonly<Record<string, Tensor>>;
    readonly specs: ReadonlyMap<string, ParameterSpec>;
    readonly buffers: ReadonlyMap<string, BufferSpec>;
  };
}

/** An array in shared memory for one tensor. */
export interface SharedTensor {
  readonly data: Data;
  readonly shape: Shape;
  readonly dtype: DType;
}

/** What a thread receives when it starts. */
export interface WorkerData {
  readonly model: Uint8Array;
  readonly executor: Workers['executor'];
  /** What it reads in every step, and what never changes. */
  readonly inputs: Readonly<Record<string, SharedTensor>>;
  readonly constants: Readonly<Record<string, HostTensor>>;
  /** What it writes in every step. */
  readonly outputs: Readonly<Record<string, SharedTensor>>;
  /** The piece of the sum of all gradients that it computes: the same piece of every gradient, and where the sum goes. */
  readonly sum: { readonly gradients: readonly Data[]; readonly into: Data };
}

/** What a thread is asked: to compute its share of a step, to add its piece of the gradients, or to end. */
export type WorkerOrder = 'compute' | 'add' | 'stop';

/** What a thread answers when it has started and after every order. */
export type WorkerAnswer = { readonly done: true } | { readonly failed: Failure };

export interface WorkersRequest extends Omit<TrainStepOptions, 'buffers'> {
  readonly workers: Workers;
  /** State that steps update without a gradient. Its rows are those of the batch, so that each thread has its own. */
  readonly buffers: readonly BufferSpec[];
  /** Values of the frozen parameters, packed. */
  readonly constants: HostTensor;
  /** Runs the update. */
  readonly executor: Executor;
}

/** Builds a loss and metrics for a number of sequences. */
type Build = (scope: Scope, batch: number) => Pick<Workers['part'], 'loss' | 'metrics'>;

/** A loss with its metrics, and everything that it declares. */
export function lossFor(build: Build, batch: number): Workers['part'] & { readonly scope: Scope } {
  const scope = new Scope();
  const { loss, metrics } = build(scope, batch);
  return { loss, metrics, specs: new Map<string, ParameterSpec>([...scope.table, ...scope.buffers]), buffers: scope.buffers, scope };
}

/**
 * The loss for the share of one of `count` workers.
 *
 * @throws {CadenzaError} `E_CONFIG` for a batch that the workers cannot divide among themselves.
 */
export function shareOf(build: Build, batch: number, count: number): Workers['part'] {
  const share = batch / count;
  try {
    if (!Number.isInteger(share))
      throw new CadenzaError('E_CONFIG', 'it must be a whole number. Change the batch or the number of workers.');
    return lossFor(build, share);
  } catch (error) {
    if (!(error instanceof CadenzaError)) throw error;
    const message = `executor.workers is ${count}, so the share of each in a batch of ${batch} is ${share}: ${error.message}`;
    throw new CadenzaError(error.code, message);
  }
}

/**
 * The loss of a part, divided as by `splitRows`.
 *
 * @param buffers those that the step updates, of the whole batch.
 * @throws {CadenzaError} `E_CONFIG` for a loss or metrics that are no sums over the sequences of the batch, or buffers that do not have its rows.
 */
function divided(
  { loss, metrics }: Pick<Workers['part'], 'loss' | 'metrics'>,
  part: Workers['part'],
  count: number,
  buffers: readonly BufferSpec[],
) {
  const scalars = { loss, ...metrics };
  const own = buffers.map(({ name }) => part.buffers.get(name)!);
  const split = splitRows(
    { outputs: { ...scalars, ...nextOf(buffers) } },
    { outputs: { loss: part.loss, ...part.metrics, ...nextOf(own) } },
    count,
    new Set(part.specs.keys()),
  );
  const hasRows = ({ name }: BufferSpec) => split.rows.has(name) && split.joined.has(`next.${name}`);
  const together = [...split.mixed.filter(name => name in scalars), ...buffers.filter(buffer => !hasRows(buffer)).map(({ name }) => name)];
  if (together.length > 0)
    throw new CadenzaError(
      'E_CONFIG',
      `executor.workers is ${count}, but the training step computes ${together.join(', ')} from all sequences of a batch together, so workers cannot divide it. Set executor.workers to 1, or remove the setting that adds it (finetune.auxiliary, or latents.kind vq).`,
    );
  return split;
}

/** Throws `E_CONFIG` if `count` workers cannot divide the steps of this objective among themselves. */
export function expectDivisible({ build, trains }: { build: Build; trains: readonly string[] }, batch: number, count: number): void {
  if (count === 1) return;
  const part = shareOf(build, batch, count);
  const whole = lossFor(build, batch);
  divided(
    whole,
    part,
    count,
    [...whole.buffers.values()].filter(({ name }) => isUpdated(trains, name)),
  );
}

/** The graph of a part of a divided step, and the sums over the whole batch that it reads. */
export function dividedStep({
  loss,
  metrics,
  trainable,
  frozen = [],
  buffers,
  recompute,
  workers: { count, part },
}: Omit<WorkersRequest, 'constants' | 'executor'>) {
  const split = divided({ loss, metrics }, part, count, buffers);
  const { loss: partLoss, ...partMetrics } = split.part.outputs;
  const declared = (list: readonly { readonly name: string }[]) => list.map(({ name }) => part.specs.get(name)!);
  const graph = gradientStep({ loss: partLoss, metrics: partMetrics, trainable: declared(trainable), frozen: declared(frozen), recompute });
  return { graph: optimize(graph), totals: optimize(split.totals), rows: split.rows };
}

/** Memory that all threads see. */
function shared({ shape, dtype }: Pick<Tensor, 'shape' | 'dtype'>): SharedTensor {
  const { constructor: Kind, byteLength } = newData(dtype, sizeOf(shape));
  return { data: new (Kind as new (buffer: SharedArrayBuffer) => Data)(new SharedArrayBuffer(byteLength)), shape, dtype };
}

/** Compiles a training step for several threads; it runs as the compiled graph of `trainStep` does. */
export async function compileForWorkers(request: WorkersRequest): Promise<Program> {
  const { executor, trainable, optimizer, constants, workers, buffers } = request;
  const { count } = workers;
  const { graph, totals, rows } = dividedStep(request);
  const inputs = inputsOf(graph);
  const isFixed = (name: string) => name === FROZEN;
  const wholeOf = (name: string, { shape, dtype }: Tensor) => ({ dtype, shape: rows.has(name) ? shape.with(0, count * shape[0]) : shape });
  const memory = Object.fromEntries(
    Array.from(inputs, ([name, tensor]) => [name, shared(wholeOf(name, tensor))] as const).filter(([name]) => !isFixed(name)),
  );
  const rowsOf = ({ data, shape }: SharedTensor, name: string, k: number): SharedTensor => {
    if (!rows.has(name)) return memory[name];
    const size = data.length / count;
    return { ...memory[name], data: data.subarray(k * size, (k + 1) * size), shape: shape.with(0, shape[0] / count) };
  };
  const written = Array.from({ length: count }, () =>
    Object.fromEntries(Object.entries(graph.outputs).map(([name, tensor]) => [name, shared(tensor)])),
  );
  const total = shared(graph.outputs[GRADIENT]);
  // Each thread adds a piece, so that the time of the sum does not grow with their number.
  const pieceOf = (data: Data, k: number) => data.subarray(...[k, k + 1].map(i => Math.floor((i * data.length) / count)));
  const updating = optimize(updateStep({ trainable, optimizer }));
  const model = toOnnx(graph);
  const threads = written.map((outputs, k) =>
    startWorker(
      {
        model,
        executor: workers.executor,
        inputs: Object.fromEntries(Object.entries(memory).map(([name, of]) => [name, rowsOf(of, name, k)])),
        constants: inputs.has(FROZEN) ? { [FROZEN]: constants } : {},
        outputs,
        sum: { gradients: written.map(outputs => pieceOf(outputs[GRADIENT].data, k)), into: pieceOf(total.data, k) },
      },
      count,
    ),
  );
  const programs: Program[] = [];
  const dispose = async () => {
    await Promise.all([...threads.map(({ stop }) => stop()), ...programs.map(program => program.dispose())]);
  };
  try {
    await Promise.all(threads.map(({ answer }) => answer()));
    programs.push(await executor.compile(toOnnx(updating)));
    if (Object.keys(totals.outputs).length > 0) programs.push(await executor.compile(toOnnx(totals)));
  } catch (error) {
    await dispose();
    throw error;
  }
  const [update, totalsOf] = programs;
  const gradient = zeros(graph.outputs[GRADIENT].shape);
  const read = (program: Feeds, of: Iterable<string>) => Object.fromEntries(Array.from(of, name => [name, program[name]]));
  const totalNames = Object.keys(totals.outputs);
  const totalInputs = [...inputsOf(totals).keys()];
  const layout = packing(buffers);
  const updateInputs = [...inputsOf(updating).keys()].filter(name => name !== GRADIENT);
  return {
    async run(feeds, outputs, into = {}) {
      const sums = totalsOf ? await totalsOf.run(read(feeds, totalInputs), totalNames) : {};
      const state = buffers.length > 0 ? unpack(layout, feeds[BUFFERS].data as Float32Array) : undefined;
      for (const [name, { data }] of Object.entries(memory)) data.set(state?.get(name) ?? (sums[name] ?? feeds[name]).data);
      for (const order of ['compute', 'add'] as const) await Promise.all(threads.map(({ ask }) => ask(order)));
      gradient.data.set(total.data);
      const scalars = outputs.filter(name => name in graph.outputs);
      const results: Record<string, HostTensor> = {};
      if (state) {
        const next = into[`next.${BUFFERS}`] ?? zeros([layout.size]);
        // The rows of all parts, in their order.
        for (const { name, offset } of layout.entries)
          for (const [k, outputs] of written.entries()) {
            const { data } = outputs[`next.${name}`];
            next.data.set(data, offset + k * data.length);
          }
        results[`next.${BUFFERS}`] = next;
      }
      for (const name of scalars) {
        results[name] = into[name] ?? zeros([]);
        addInOrder(
          written.map(outputs => outputs[name].data),
          results[name].data,
        );
      }
      const rest = outputs.filter(name => !(name in graph.outputs) && !(name in results));
      const updated = await update.run({ ...read(feeds, updateInputs), [GRADIENT]: gradient }, rest, read(into, rest));
      return { ...results, ...updated };
    },
    dispose,
  };
}

/** Starts a thread. It answers once when it is ready, and once after every order but the last. */
function startWorker(data: WorkerData, count: number) {
  const thread = startThread(new URL('./worker', import.meta.url), data);
  let ended: Error | undefined;
  let waiting: { resolve(): void; reject(error: Error): void } | undefined;
  const end = (error: Error) => {
    ended ??= error;
    waiting?.reject(ended);
  };
  thread.on('message', (message: WorkerAnswer) => ('failed' in message ? end(errorOf(message.failed)) : waiting?.resolve()));
  thread.on('error', ({ message }) => end(endedEarly(message, count)));
  const exited = new Promise<void>(resolve => {
    thread.on('exit', code => {
      end(endedEarly(`exit status ${code}`, count));
      resolve();
    });
  });
  const answer = () =>
    new Promise<void>((resolve, reject) => {
      waiting = { resolve, reject };
      if (ended) reject(ended);
    });
  return {
    answer,
    ask(order: WorkerOrder) {
      const answered = answer();
      thread.postMessage(order);
      return answered;
    },
    stop() {
      thread.postMessage('stop' satisfies WorkerOrder);
      return exited;
    },
  };
}

const endedEarly = (how: string, count: number) =>
  new CadenzaError(
    'E_EXECUTOR',
    `one of ${count} worker threads ended unexpectedly (${how}), possibly because memory ran out. Run the same command again to resume, with a smaller executor.workers if the problem persists`,
  );
