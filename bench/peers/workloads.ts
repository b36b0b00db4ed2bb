/** @file The training steps that are compared: as steps of cadenza, and as files from which the programs of other frameworks build the same. */

import { Model } from '../../src/agent/model.ts';
import { loadExperiment } from '../../src/config/experiment.ts';
import { createExecutor } from '../../src/engine/executors/registry.ts';
import { encodeSafetensors, type HostTensor, inputsOf, type Tensor, zeros } from '../../src/engine/index.ts';
import { rollHistories } from '../../src/histories/rolling.ts';
import { openTasks } from '../../src/histories/tasks.ts';
import { initialize, type ParameterSpec, Scope } from '../../src/nn/index.ts';
import { STEP } from '../../src/optim/index.ts';
import type { History } from '../../src/rl/index.ts';
import type { OptimizerConfig } from '../../src/settings/base.ts';
import { BatchSampler, chosenContexts, newBatch } from '../../src/tokenizers/index.ts';
import { feedsOf } from '../../src/training/batches.ts';
import { optimizerOf } from '../../src/training/define.ts';
import { finetune, finetuneGroup } from '../../src/training/stages/finetune.ts';
import { compileStep } from '../../src/training/trainer.ts';
import { shareOf, type Workers } from '../../src/training/workers.ts';
import { Random } from '../../src/util/random.ts';
import { REFERENCE, referenceLoss } from '../reference-model.ts';
import { referenceBatch } from '../training.ts';

/** One training step with its initial weights and one batch. */
interface Workload {
  readonly loss: Tensor;
  readonly parameters: readonly ParameterSpec[];
  readonly feeds: Readonly<Record<string, HostTensor>>;
  readonly optimizer: OptimizerConfig;
  /** Steps of the learning-rate schedule. */
  readonly steps: number;
  readonly group?: (name: string) => { rate?: number; weightDecay?: number };
  /** The threads among which cadenza divides the step, as the preset does; otherwise the kernels use them. */
  readonly workers?: Workers;
  /** What shapes of parameters and inputs do not tell: the kind of step and its sizes. */
  readonly sizes: Readonly<Record<string, unknown>>;
}

function reference(): Workload {
  const scope = new Scope();
  return {
    loss: referenceLoss(scope),
    parameters: [...scope.table.values()],
    feeds: referenceBatch(REFERENCE, Random.seeded(0)),
    optimizer: {
      learningRate: 1e-3,
      warmup: 10,
      weightDecay: 0.01,
      clip: 1,
      batch: REFERENCE.batch,
      beta1: 0.9,
      beta2: 0.999,
      decayTo: 0,
    },
    steps: 1000,
    sizes: { kind: 'reference', heads: REFERENCE.heads, layers: REFERENCE.layers },
  };
}

/** Fine-tuning in a Dark Room preset. Every training goal gives one history. */
async function finetuning(preset: string): Promise<Workload> {
  const config = loadExperiment(`experiments/${preset}.yaml`, []);
  const { workers } = config.executor;
  const { family, taught } = openTasks(config);
  const model = new Model(config, family);
  const { options, policyOptions, tokenizer, rebuilt } = model;
  const optimizer = optimizerOf(config, config.finetune);
  const random = Random.seeded(0);

  const scope = new Scope();
  const [{ build }] = finetune.objectives(config, model);
  const { loss } = build(scope, optimizer.batch);

  const tools = { executor: await createExecutor('cpu'), signal: new AbortController().signal, threads: 1 };
  const source = { ...config.source, histories: 1 };
  const histories: History[] = [];
  for await (const history of rollHistories({ ...config, source }, { family, tasks: taught, ...tools })) histories.push(history);
  const shape = model.trainingShape(optimizer.batch);
  const batch = newBatch(tokenizer, shape);
  new BatchSampler(histories, tokenizer, shape, { early: config.queries.earlyEpisodeFraction }).fill(batch, random.split('batch'));
  const chosen = rebuilt ? chosenContexts(tokenizer, shape, rebuilt) : undefined;
  chosen?.fill(batch.context, random.split('rebuilt'));
  const feeds = feedsOf(model.trainingInputs(optimizer.batch), { ...batch, rebuilt: chosen?.contexts, rebuiltAt: chosen?.at });
  const used = inputsOf({ outputs: { loss } });
  return {
    loss,
    parameters: [...scope.table.values()],
    feeds: Object.fromEntries(Object.entries(feeds).filter(([name]) => used.has(name))),
    optimizer,
    steps: Number(config.finetune.steps),
    group: finetuneGroup(config),
    workers:
      workers === 1
        ? undefined
        : { count: workers, executor: { provider: 'cpu', threads: 1 }, part: shareOf(build, optimizer.batch, workers) },
    sizes: {
      kind: 'finetuning',
      heads: options.heads,
      poolHeads: options.poolHeads,
      encoderLayers: options.layers,
      decoderLayers: policyOptions.layers,
      latents: options.latents,
      span: options.span,
      fields: tokenizer.context.fields.map(({ kind, offset, size, presence }) => ({ kind, offset, size, presence })),
      reconstruction: config.finetune.gamma,
    },
  };
}

export type WorkloadName = 'reference' | 'window' | 'encodeOnce';

/** The steps by name. */
export const WORKLOADS: Readonly<Record<WorkloadName, () => Workload | Promise<Workload>>> = {
  reference,
  // Each context of 200 tokens is encoded for its query alone.
  window: () => finetuning('dark-room-window'),
  // Each episode of a history is encoded once, for all queries from that history.
  encodeOnce: () => finetuning('dark-room'),
};

/** Times, losses and gradient norms of consecutive steps. */
export interface Steps {
  readonly ms: readonly number[];
  readonly loss: readonly number[];
  readonly gradientNorm: readonly number[];
}

/**
 * A step that is ready to run: `run` continues the training by some steps. `file` is a safetensors file with the weights
 * (`parameters/NAME`), the batch (`batch/NAME`) and everything else as JSON (`spec` of its metadata).
 */
export async function prepare({ loss, parameters, feeds, optimizer, steps, group, workers, sizes }: Workload, threads: number) {
  const given = initialize(parameters, Random.seeded(0).split('init'));
  const { program, state } = await compileStep({
    loss,
    trainable: parameters,
    given,
    steps,
    optimizer,
    group,
    executor: await createExecutor('cpu', { threads }),
    workers,
    context: { signal: new AbortController().signal },
  });
  const tensors = new Map([
    ...parameters.map(({ name, shape }) => [`parameters/${name}`, { data: given.get(name)!, shape }] as const),
    ...Object.entries(feeds).map(([name, { data, shape }]) => [`batch/${name}`, { data, shape }] as const),
  ]);
  const rates = parameters.map(({ name, shape }) => {
    const { rate = 1, weightDecay = optimizer.weightDecay } = group?.(name) ?? {};
    return [name, { rate, weightDecay: shape.length > 1 ? weightDecay : 0 }] as const;
  });
  const spec = { ...sizes, optimizer: { ...optimizer, steps }, parameters: Object.fromEntries(rates) };
  const counter = zeros([]);
  const scalars = { loss: zeros([]), gradientNorm: zeros([]) };
  return {
    batch: optimizer.batch,
    workers: workers?.count ?? 1,
    parameters: parameters.reduce((sum, { name }) => sum + given.get(name)!.length, 0),
    file: encodeSafetensors(tensors, { spec: JSON.stringify(spec) }),
    async run(count: number): Promise<Steps> {
      const done = { ms: [] as number[], loss: [] as number[], gradientNorm: [] as number[] };
      for (let i = 0; i < count; i++) {
        counter.data[0]++;
        const next = state.next();
        const began = performance.now();
        const result = await program.run(
          { ...state.current(), ...feeds, [STEP]: counter },
          ['loss', 'gradientNorm', ...Object.keys(next)],
          {
            ...scalars,
            ...next,
          },
        );
        done.ms.push(performance.now() - began);
        done.loss.push(result.loss.data[0]);
        done.gradientNorm.push(result.gradientNorm.data[0]);
        state.advance(result);
      }
      return done;
    },
    dispose: program.dispose,
  };
}
