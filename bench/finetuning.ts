/** @file A fine-tuning step of an experiment, from its histories to the update, of parts that a page can run. */

import { Model, type ModelConfig } from '../src/agent/model.ts';
import { lossOf, Pass } from '../src/agent/terms.ts';
import { type HostTensor, inputsOf, optimize } from '../src/engine/index.ts';
import { environment } from '../src/envs/index.ts';
import { initialize, Scope } from '../src/nn/index.ts';
import { pack, trainStep } from '../src/optim/index.ts';
import type { WeightedTerm } from '../src/records/index.ts';
import { listedTasks } from '../src/rl/index.ts';
import type { BaseConfig } from '../src/settings/base.ts';
import { generateHistory, source } from '../src/sources/index.ts';
import { BatchSampler, chosenContexts, newBatch } from '../src/tokenizers/index.ts';
import { Random } from '../src/util/random.ts';
import { referenceOptimizer } from './reference-model.ts';
import type { StepSource } from './training.ts';

/** What the step depends on, as plain JSON. */
export interface FineTuning {
  readonly config: ModelConfig & Pick<BaseConfig, 'env'>;
  /** The loss; without a teacher. */
  readonly terms: readonly WeightedTerm[];
  readonly batch: number;
}

/** The step, with new weights. Every step has a batch of its own, from one history of each of the environment's tasks. */
export function fineTuningSource({ config, terms, batch: size }: FineTuning): StepSource {
  const family = environment(config.env.id, config.env.options);
  const model = new Model(config, family);
  const scope = new Scope();
  const { loss } = lossOf(new Pass(model, scope, config.compressor, size), terms);
  const trainable = [...scope.table.values()];
  const { graph, layout, state } = trainStep({ loss, trainable, optimizer: referenceOptimizer() });
  const random = Random.seeded(0);
  const parameters = new Float32Array(layout.size);
  pack(layout, initialize(trainable, random.split('init')), parameters);

  const { id, episodes, options } = config.source;
  const histories = listedTasks(family, 'a benchmark').map((task, i) =>
    generateHistory({ family, task, source: source(id), random: random.split('histories', i), episodes, options }),
  );
  const shape = model.trainingShape(size);
  const batch = newBatch(model.tokenizer, shape);
  const sampler = new BatchSampler(histories, model.tokenizer, shape, { early: config.queries.earlyEpisodeFraction });
  const chosen = model.rebuilt ? chosenContexts(model.tokenizer, shape, model.rebuilt) : undefined;
  const { place: _, ...columns } = batch;
  const buffers: Readonly<Record<string, HostTensor['data'] | undefined>> = {
    ...columns,
    rebuilt: chosen?.contexts,
    rebuiltAt: chosen?.at,
  };
  // Parameters are inputs, too, but have no buffer here.
  const feeds: Record<string, HostTensor> = {};
  for (const [name, { shape, dtype }] of inputsOf({ outputs: { loss } })) {
    const data = buffers[name];
    if (data) feeds[name] = { data, shape, dtype };
  }
  const fill = (step: number) => {
    sampler.fill(batch, random.split('batch', step));
    chosen?.fill(batch.context, random.split('rebuilt', step));
  };
  return { graph: optimize(graph), state, parameters, feeds, fill };
}
