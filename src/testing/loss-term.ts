/** @file The contract of loss terms, checked in a small model that predicts returns and has a teacher. */

import { type LossTerm, Pass } from '../agent/terms.ts';
import { Scope } from '../nn/index.ts';
import { type Check, checksOf, expectEqual, expectFinite, expectThat, type Rule } from './check.ts';
import { expectGradients, smallExperiment, valuesOf } from './experiment.ts';

const BATCH = 5;

/** A pass of an agent with this compressor. */
function open(compressor: string) {
  const { model } = smallExperiment({ compressor, policy: { returns: { episodes: 2, bins: 5, weight: 1 } } });
  const scope = new Scope();
  return { scope, pass: new Pass(model, scope, compressor, BATCH, { teacher: 'model' }) };
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
    name: 'value: a finite scalar, or undefined if it does not apply to the agent',
    check(term) {
      for (const compressor of ['bottleneck', 'none']) {
        const { pass, scope } = open(compressor);
        const loss = term.compute(pass);
        if (!loss) continue;
        expectEqual(loss.shape, [], `shape with the compressor ${compressor}`);
        expectFinite(valuesOf({ loss }, scope).loss, `value with the compressor ${compressor}`);
      }
    },
  },
  {
    name: 'gradients: they are finite, and reach some parameter',
    check(term) {
      const { pass, scope } = open('bottleneck');
      const loss = term.compute(pass);
      if (loss) expectGradients(loss, scope);
    },
  },
];

/**
 * The contract of loss terms, checked in the interpreter.
 *
 * @example
 * import { test } from 'node:test';
 * for (const { name, run } of lossTermChecks(lossTerms.get('my-term'))) test(name, run);
 */
export const lossTermChecks = (term: LossTerm): Check[] => checksOf(RULES, term);
