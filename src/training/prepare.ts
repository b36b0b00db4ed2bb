/** @file From the loss of a stage to its first step: parameters and what becomes of them, initial weights, batches. Runs in pages, too. */

import { isUpdated, partOf, RETURN_PARTS } from '../agent/model.ts';
import { type Data, type Graph, inputsOf, zeros } from '../engine/index.ts';
import { initialize, nextOf, type ParameterSpec, type RandomSpec, Scope } from '../nn/index.ts';
import type { OptimizerConfig } from '../settings/base.ts';
import type { Random } from '../util/random.ts';
import type { BatchRequest, StageSpec } from './define.ts';
import type { BatchSource } from './step.ts';

interface PrepareRequest {
  readonly optimizer: OptimizerConfig;
  /** The stream from which weights, batches and noise are drawn. */
  readonly random: Random;
  /** Weights of earlier stages for some of these parameters; later ones win. Default: none. */
  readonly inherit?: (specs: readonly ParameterSpec[]) => Iterable<readonly [name: string, values: Float32Array]>;
  readonly signal: AbortSignal;
}

/** Everything that the training loop needs of a stage. `step` is what `openStep` takes, `specs` all that the loss declares. */
export async function prepareStage(
  spec: Pick<StageSpec, 'build' | 'trains' | 'batches'>,
  { optimizer, random, inherit, signal }: PrepareRequest,
) {
  const scope = new Scope();
  const { loss, metrics } = spec.build(scope, optimizer.batch);
  const isTrained = ({ name }: ParameterSpec) => isUpdated(spec.trains, name);
  const parameters = [...scope.table.values()];
  const specs: ParameterSpec[] = [...parameters, ...scope.buffers.values()];
  const trainable = parameters.filter(isTrained);
  const buffers = [...scope.buffers.values()].filter(isTrained);
  const frozen = specs.filter(each => !isTrained(each));
  const given = initialize(specs, random.split('init'));
  for (const [name, values] of inherit?.(specs) ?? []) given.set(name, values);
  // The initial weights stay available as a reference.
  for (const { name } of specs) if (partOf(name) === RETURN_PARTS.reference) given.set(name, given.get(name.slice(name.indexOf('.') + 1))!);

  const graph: Graph = { outputs: { loss, ...metrics, ...nextOf(buffers) } };
  const reads = new Set(inputsOf(graph).keys());
  const request: BatchRequest = { optimizer, trainable, frozen, buffers, given, random, signal, reads };
  const { given: ofData = [], probe, dispose, ...batches } = await spec.batches(request);
  for (const [name, values] of ofData) if (given.has(name)) given.set(name, values);
  return {
    specs,
    given,
    /** Parts that are only copied into the output file are in no graph. */
    step: { loss, metrics, trainable, frozen: frozen.filter(({ name }) => reads.has(name)), buffers, given },
    batches: batchesFor(graph, batches, scope.randoms.values(), random),
    probe,
    dispose,
  };
}

/** Batches for a graph: without inputs that it does not use, and with its random inputs drawn again at every step. */
export function batchesFor(graph: Graph, batches: BatchSource, randoms: Iterable<RandomSpec>, random: Random): BatchSource {
  const used = inputsOf(graph);
  const drawn = Array.from(randoms).filter(({ name }) => used.has(name));
  const noise = Object.fromEntries(drawn.map(({ name, tensor: { shape, dtype } }) => [name, zeros(shape, dtype)]));
  return {
    ...batches,
    feeds: { ...Object.fromEntries(Object.entries(batches.feeds).filter(([name]) => used.has(name))), ...noise },
    async fill(step, state) {
      await batches.fill(step, state);
      // The stream depends on the step and the name, so a resumed run draws the same numbers.
      for (const { name, draw } of drawn) {
        const [stream, data]: [Random, Data] = [random.split('noise', step, name), noise[name].data];
        for (let i = 0; i < data.length; i++) data[i] = draw(stream);
      }
    },
  };
}
