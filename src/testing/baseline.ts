/** @file The contract of baselines, checked as a method of a small experiment. */

import { type Baseline, isTrained, modelFor, settingsOf, type TrainedBaseline } from '../agent/baselines/index.ts';
import { plannedCost } from '../agent/cost.ts';
import { lossOf, Pass } from '../agent/terms.ts';
import { compressors } from '../compressor/index.ts';
import { Scope } from '../nn/index.ts';
import { sources } from '../sources/index.ts';
import { type Check, checksOf, expectEqual, expectFinite, expectThat, type Rule } from './check.ts';
import { expectGradients, smallExperiment, valuesOf } from './experiment.ts';

const BATCH = 2;

/** The baseline as a trained one, if it is one and its compressor exists. */
const trained = (baseline: Baseline): baseline is TrainedBaseline => isTrained(baseline) && compressors.has(baseline.compressor);

const RULES: readonly Rule<Baseline>[] = [
  {
    name: 'words: it has an id and a description',
    check: ({ id, description }) => {
      for (const [key, text] of Object.entries({ id, description }))
        expectThat(typeof text === 'string' && text.trim() !== '', key, 'a text', text);
    },
  },
  {
    name: 'kind: its compressor or source is registered',
    check(baseline) {
      if (isTrained(baseline))
        expectThat(compressors.has(baseline.compressor), 'compressor', `one of ${compressors.ids.join(', ')}`, baseline.compressor);
      else expectThat(sources.has(baseline.plays), 'plays', `one of ${sources.ids.join(', ')}`, baseline.plays);
    },
  },
  {
    name: 'changes: equal for equal experiments, whose own settings stay unchanged',
    applies: baseline => trained(baseline) && baseline.changes !== undefined,
    check(baseline) {
      const { changes } = baseline as TrainedBaseline;
      const given = smallExperiment();
      const before = structuredClone(given.config);
      const first = changes!(given);
      expectEqual(given.config, before, 'settings of the experiment');
      expectEqual(changes!(given), first, 'changes from the second call');
    },
  },
  {
    name: 'model: its loss is a finite scalar, gradients reach some parameter, and the cost of an action can be counted',
    applies: trained,
    check(baseline) {
      const { compressor } = baseline as TrainedBaseline;
      const given = smallExperiment();
      const model = modelFor(given, settingsOf(baseline as TrainedBaseline, given));
      const scope = new Scope();
      const { loss } = lossOf(new Pass(model, scope, compressor, BATCH), [{ term: 'task', weight: 1 }]);
      expectEqual(loss.shape, [], 'shape of the loss');
      expectFinite(valuesOf({ loss }, scope).loss, 'loss');
      expectGradients(loss, scope);
      const { flopsPerAction } = plannedCost(model, compressor);
      expectThat(flopsPerAction > 0, 'FLOPs of an action', 'more than 0', flopsPerAction);
    },
  },
];

/**
 * The contract of baselines, checked in the interpreter.
 *
 * @example
 * import { test } from 'node:test';
 * for (const { name, run } of baselineChecks(baseline('half'))) test(name, run);
 */
export const baselineChecks = (baseline: Baseline): Check[] => checksOf(RULES, baseline);
