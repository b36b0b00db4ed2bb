/**
 * @file The training loop that all stages share. A step is one `run` of the graph. The batch of step s depends only on the seed and s, so a
 * resumed run sees the same batches and ends with identical bytes.
 */

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { CHECKPOINT, type CheckpointRequest, loadCheckpoint, saveCheckpoint, weightsFrom } from '../cache/checkpoint.ts';
import { eventFile } from '../cache/event-file.ts';
import { type MetricsSink, metricsFile, readMetrics } from '../cache/metrics.ts';
import type { StageContext } from '../cache/store.ts';
import { type StoredTensor, sizeOf } from '../engine/index.ts';
import { pack, type TrainedState } from '../optim/index.ts';
import { CadenzaError } from '../util/errors.ts';
import { type BatchSource, type BuiltStep, type CompiledStep, type OpenStepRequest, openStep, stepTaker } from './step.ts';
import { compileForWorkers, type Workers } from './workers.ts';

/** Steps between lines of metrics. */
const LOG_EVERY = 10;

export interface TrainRequest extends Omit<OpenStepRequest, 'signal' | 'compile'> {
  readonly title: string;
  readonly batches: BatchSource;
  /** Steps between checkpoints; a multiple of the batches' `unit`. */
  readonly checkpointEvery: number;
  /** Measures the model every `every` steps and after the last step. The numbers appear in the metrics as `validation`. */
  readonly probe?: { readonly every: number; readonly measure: (state: TrainedState) => Promise<Readonly<Record<string, number>>> };
  /** The threads among which every step is divided. Default: none; the step runs as one graph. */
  readonly workers?: Workers;
  readonly context: StageContext;
}

/**
 * Trains to the last step, resuming from the stage's checkpoint if there is one. Throws `E_NUMERICS` if the loss or the state is not
 * finite, and `E_INTERRUPTED` on a signal.
 */
export async function train(request: TrainRequest) {
  const compiled = await compileStep(request);
  return trainCompiled(request, compiled).finally(compiled.program.dispose);
}

async function trainCompiled(request: TrainRequest, compiled: CompiledStep) {
  const { title, metrics = {}, steps, batches, checkpointEvery, probe, context } = request;
  const { unit = 1, metrics: measured = () => ({}), note = () => `loss ${lastLoss.toFixed(4)}` } = batches;
  const { state } = compiled;
  const checkpoint = checkpointOf(context.folder, state);
  const begin = checkpoint.restore({ key: context.key, steps, unit });
  const log = metricsLog(context, begin);
  const take = stepTaker(compiled, batches, Object.keys(metrics));
  let [inside, drawing, probing] = [0, 0, 0];
  let lastLoss = Number.NaN;
  let lastMetrics: Record<string, number> = {};
  const diverged = (what: string, done: number) => {
    const last = checkpoint.exists() ? `The last valid checkpoint is ${checkpoint.path}` : 'No checkpoint was written yet';
    const { learningRate, clip } = request.optimizer;
    return new CadenzaError(
      'E_NUMERICS',
      `${title}: ${what} at step ${done} of ${steps}. ${last}. Lower the learning rate (now ${learningRate}) or the gradient clipping norm (now ${clip}), then run the command again.`,
    );
  };
  /** Checks the state: after a finite loss, the update can still produce numbers that are not finite. */
  const expectFinite = (done: number) => {
    const bad = state.notFinite();
    if (bad) throw diverged(`the ${bad} contain NaN or infinity`, done);
  };
  const save = (done: number) => {
    expectFinite(done);
    // Write metrics first: on resume, lines after the checkpoint are dropped, but missing lines before it could not be restored.
    log.flush();
    checkpoint.save({ key: context.key, step: done });
  };

  context.progress.start(title, steps, begin);
  const began = performance.now();
  for (let done = begin; done < steps; done++) {
    if (context.signal.aborted) {
      // Training can resume only at the start of a unit, which is saved already.
      if (done % unit === 0) save(done);
      context.signal.throwIfAborted();
    }
    const { numbers, drawMs, runMs } = await take(done);
    drawing += drawMs;
    inside += runMs;
    const { loss, gradientNorm } = numbers;
    lastLoss = loss;
    if (!Number.isFinite(loss) || !Number.isFinite(gradientNorm))
      throw diverged(`the loss is ${loss} (gradient norm ${gradientNorm})`, done + 1);
    const last = done + 1 === steps;
    if ((done + 1) % LOG_EVERY === 0 || last) {
      const row = rounded({ ...numbers, ...measured() });
      log.add(done + 1, row);
      lastMetrics = Object.fromEntries(Object.keys(metrics).map(name => [name, row[name]]));
      context.progress.update(done + 1, note());
    }
    if (probe && ((done + 1) % probe.every === 0 || last)) {
      const asked = performance.now();
      log.add(done + 1, { validation: await probe.measure(state.current()) });
      probing += performance.now() - asked;
    }
    if ((done + 1) % checkpointEvery === 0 && !last) save(done + 1);
  }
  expectFinite(steps);
  const total = performance.now() - began - probing;
  log.flush();
  context.progress.finish(note());
  return {
    weights: state.weights(),
    /** `overhead`: fraction of the loop's time, without probes, outside `run`. `sampling`: time to draw batches, divided by the time in `run`. */
    overhead: inside > 0 ? 1 - inside / total : 0,
    sampling: inside > 0 ? drawing / inside : 0,
    lastLoss,
    /** Metrics of the last step. Empty if no steps remained. */
    lastMetrics,
  };
}

/** What the program of a step depends on. */
export type StepRequest = Omit<TrainRequest, 'title' | 'batches' | 'checkpointEvery' | 'probe' | 'context'> & {
  readonly context: Pick<StageContext, 'signal'>;
};

/** One AdamW step as a program, run by the executor or divided among threads, its initial state, and the frozen parameters. */
export function compileStep({ workers, executor, context: { signal }, ...step }: StepRequest): Promise<CompiledStep> {
  const compile = workers && ((made: BuiltStep) => compileForWorkers({ ...made, workers, executor }));
  return openStep({ ...step, executor, signal, compile });
}

/** The checkpoint of a state in a folder. */
function checkpointOf(folder: string, { layouts, vector }: CompiledStep['state']) {
  const path = join(folder, CHECKPOINT);
  const slots = Object.entries(layouts);
  return {
    path,
    exists: () => existsSync(path),
    save(at: { readonly key: string; readonly step: number }): void {
      const tensors = new Map<string, StoredTensor>();
      for (const [slot, { entries }] of slots)
        for (const { name, shape, offset } of entries)
          tensors.set(`${slot}/${name}`, { data: vector(slot).subarray(offset, offset + sizeOf(shape)), shape });
      saveCheckpoint(path, { ...at, tensors });
    },
    /** Loads the checkpoint, if there is one, and returns the number of finished steps. Throws the same errors as `loadCheckpoint`. */
    restore(request: CheckpointRequest): number {
      if (!existsSync(path)) return 0;
      const file = loadCheckpoint(path, request);
      for (const [slot, layout] of slots) pack(layout, weightsFrom(path, file, layout.entries, `${slot}/`), vector(slot));
      return file.step;
    },
  };
}

type Numbers = Readonly<Record<string, number>>;

const rounded = (numbers: Numbers): Numbers =>
  Object.fromEntries(Object.entries(numbers).map(([name, value]) => [name, Number(value.toPrecision(7))]));

/** Where a stage that resumes after `steps` steps writes its metrics. */
function metricsLog({ folder, tensorboard }: StageContext, steps: number): MetricsSink {
  const file = metricsFile(folder, steps);
  if (!tensorboard) return file;
  const events = eventFile(folder, { steps, before: readMetrics(folder) });
  return {
    add(step, metrics) {
      file.add(step, metrics);
      events.add(step, metrics);
    },
    flush() {
      file.flush();
      events.flush();
    },
  };
}

/** Measurements on validation tasks, by training step. */
export interface ValidationCurve {
  readonly step: number[];
  /** One column per measured quantity. */
  readonly values: Readonly<Record<string, number[]>>;
}

/** Reads the probe's measurements from the metrics file, including those of steps before an interruption. */
export function validationCurve(folder: string): ValidationCurve {
  const rows = readMetrics(folder).flatMap(({ step, metrics: { validation } }) =>
    typeof validation === 'object' ? [{ step, validation }] : [],
  );
  const names = Object.keys(rows[0].validation);
  return {
    step: rows.map(({ step }) => step),
    values: Object.fromEntries(names.map(name => [name, rows.map(({ validation }) => validation[name])])),
  };
}
