/** @file The small experiment in which parts of an agent are checked, and the values of its graphs for random inputs. */

import { Model } from '../agent/model.ts';
import { type ExperimentConfig, experimentSchema } from '../config/experiment.ts';
import { grad, inputsOf, interpret, sizeOf, type Tensor } from '../engine/index.ts';
import { environment } from '../envs/index.ts';
import { initialize, type Scope } from '../nn/index.ts';
import { Random } from '../util/random.ts';
import { expectFinite, expectThat } from './check.ts';

export interface SmallExperiment {
  readonly config: ExperimentConfig;
  readonly model: Model;
}

/** An agent with 8 numbers per token in a Dark Room of 9 cells; `sections` override its configuration. */
export function smallExperiment(sections: Readonly<Record<string, unknown>> = {}): SmallExperiment {
  const config = experimentSchema().parse({
    name: 'checks',
    context: { episodes: 2 },
    model: { width: 8, heads: 2, poolHeads: 2, encoderLayers: 1, decoderLayers: 1, latents: 2 },
    ...sections,
  });
  return { config, model: new Model(config, environment('dark-room', { size: 3, horizon: 4 })) };
}

/** The values of tensors: initial values for the parameters of the scope, random numbers for all other inputs. */
export function valuesOf(outputs: Readonly<Record<string, Tensor>>, { table }: Scope): Record<string, Float64Array> {
  const random = Random.seeded(1);
  const feeds = [...inputsOf({ outputs })].flatMap(([name, { shape, dtype }]): [string, number[]][] =>
    table.has(name)
      ? []
      : [[name, Array.from({ length: sizeOf(shape) }, () => (dtype === 'float32' ? random.uniform() : random.integer(2)))]],
  );
  return interpret({ outputs }, { ...Object.fromEntries(feeds), ...Object.fromEntries(initialize(table.values(), Random.seeded(2))) });
}

/** Throws unless the gradients of a loss are finite; returns the parameters whose gradients are not all 0. */
export function expectGradients(loss: Tensor, scope: Scope): string[] {
  const parameters = [...scope.table.values()];
  const gradients = grad(
    loss,
    parameters.map(({ tensor }) => tensor),
  );
  const found = valuesOf(Object.fromEntries(gradients.map((gradient, i) => [parameters[i].name, gradient])), scope);
  for (const [name, numbers] of Object.entries(found)) expectFinite(numbers, `gradient of ${name}`);
  const reached = Object.keys(found).filter(name => found[name].some(value => Math.abs(value) > 1e-12));
  expectThat(reached.length > 0, `gradients of ${parameters.length} parameters`, 'a nonzero number', 'none');
  return reached;
}
