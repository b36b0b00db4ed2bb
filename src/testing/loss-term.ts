/** @file What a loss term owes its users, in a small model that predicts returns and has a teacher. */

import { Model } from '../agent/model.ts';
import { type LossTerm, Pass } from '../agent/terms.ts';
import { experimentSchema } from '../config/experiment.ts';
import { grad, interpret } from '../engine/index.ts';
import { environment } from '../envs/index.ts';
import { initialize, Scope } from '../nn/index.ts';
import { newBatch } from '../tokenizers/index.ts';
import { Random } from '../util/random.ts';
import { type Check, checksOf, expectEqual, expectFinite, expectThat, type Rule } from './check.ts';

const BATCH = 5;

/** A pass of an agent with this compressor over random numbers, and the value of any tensor in it. */
function open(compressor: string) {
  const config = experimentSchema().parse({
    name: 'checks',
    compressor,
    context: { episodes: 2 },
    model: { width: 8, heads: 2, poolHeads: 2, encoderLayers: 1, decoderLayers: 1, latents: 2 },
    policy: { returns: { episodes: 2, bins: 5, weight: 1 } },
  });
  const model = new Model(config, environment('dark-room', { size: 3, horizon: 4 }));
  const scope = new Scope();
  const pass = new Pass(model, scope, compressor, BATCH, { teacher: 'model' });
  const random = Random.seeded(1);
  const { place: _, ...batch } = newBatch(model.tokenizer, model.batchShape(BATCH));
  const drawn = (data: ArrayLike<number>) => Array.from(data, () => (data instanceof Int32Array ? random.integer(2) : random.uniform()));
  const feeds = Object.fromEntries(Object.entries(batch).map(([name, data]) => [name, drawn(data!)]));
  const values = (outputs: Parameters<typeof interpret>[0]['outputs']) =>
    interpret({ outputs }, { ...feeds, ...Object.fromEntries(initialize(scope.table.values(), Random.seeded(2))) });
  return { pass, scope, values };
}

const RULES: readonly Rule<LossTerm>[] = [
  {
    name: 'words: it has a symbol, a name and a description',
    check: ({ symbol, name, description }) => {
      for (const [key, text] of Object.entries({ symbol, name, description }))
        expectThat(typeof text === 'string' && text.trim() !== '', key, 'a text', text);
    },
  },
  {
    name: 'value: a finite scalar, or nothing where the agent has nothing that it is of',
    check(term) {
      for (const compressor of ['bottleneck', 'none']) {
        const { pass, values } = open(compressor);
        const loss = term.compute(pass);
        if (!loss) continue;
        expectEqual(loss.shape, [], `shape with the compressor ${compressor}`);
        expectFinite(values({ loss }).loss, `value with the compressor ${compressor}`);
      }
    },
  },
  {
    name: 'gradients: they are finite, and reach some parameter',
    check(term) {
      const { pass, scope, values } = open('bottleneck');
      const loss = term.compute(pass);
      if (!loss) return;
      const parameters = [...scope.table.values()];
      const gradients = grad(
        loss,
        parameters.map(({ tensor }) => tensor),
      );
      const found = values(Object.fromEntries(gradients.map((gradient, i) => [parameters[i].name, gradient])));
      for (const [name, numbers] of Object.entries(found)) expectFinite(numbers, `gradient of ${name}`);
      const most = Math.max(
        ...Object.values(found).map(numbers => numbers.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0)),
      );
      expectThat(most > 1e-12, `largest gradient of ${parameters.length} parameters`, 'more than 0', most);
    },
  },
];

/**
 * The contract of loss terms, in the interpreter.
 *
 * @example
 * import { test } from 'node:test';
 * for (const { name, run } of lossTermChecks(lossTerms.get('my-term'))) test(name, run);
 */
export const lossTermChecks = (term: LossTerm): Check[] => checksOf(RULES, term);
