/** @file The list of training stages agrees with their names, and their settings with the loss that they declare. */

import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { Model, PARTS, partOf } from '../../agent/model.ts';
import { lossTerms } from '../../agent/terms.ts';
import { loadExperiment } from '../../config/experiment.ts';
import { inputsOf } from '../../engine/index.ts';
import { openTasks } from '../../histories/tasks.ts';
import { Scope } from '../../nn/index.ts';
import { trainingStages } from './index.ts';
import { STAGE_HELP } from './names.ts';

const TINY = fileURLToPath(new URL('../../../experiments/tiny.yaml', import.meta.url));

it('is the list of their names', () => {
  expect(trainingStages.map(({ name }) => name)).toEqual(Object.keys(STAGE_HELP));
});

describe.each(trainingStages)('the loss of $name', stage => {
  it('is of registered terms, weighed by settings that exist', () => {
    const config = loadExperiment(TINY, ['finetune.auxiliary={variance: 0.5}', 'policy.returns={episodes: 1, bins: 4, weight: 0.25}']);
    const terms = stage.terms?.(config) ?? [];
    for (const { term, weight, setting } of terms) {
      expect(lossTerms.has(term)).toBe(true);
      if (setting === undefined) continue;
      const value = setting.split('.').reduce<unknown>((node, key) => (node as Record<string, unknown>)[key], config);
      expect(value, setting).toBe(weight);
    }
  });
});

describe.each(trainingStages)('the objectives of $name', stage => {
  const config = loadExperiment(TINY, [
    'teacher.steps=1',
    'distill.beta=0.5',
    'consolidate.steps=1',
    'reinforce.steps=1',
    'policy.retrieval.contexts=1',
    'baselines.methods=[truncated, none]',
  ]);
  const objectives = stage.objectives(config, new Model(config, openTasks(config).family));

  it('are those of the models that it makes', () => {
    const parts = stage.parts?.(config) ?? [{ name: stage.name, steps: stage.steps(config) }];
    expect(objectives.map(({ name }) => name)).toEqual(parts.filter(({ steps }) => steps !== undefined).map(({ name }) => name));
  });

  it.each(objectives)('$name trains the parts that it names, and reaches each of them', ({ trains, build }) => {
    const scope = new Scope();
    const { loss } = build(scope, 2);
    expect(loss.shape).toEqual([]);
    const reached = [...inputsOf({ outputs: { loss } }).keys()].filter(name => scope.table.has(name)).map(partOf);
    // A model without a past compresses nothing.
    const empty = stage.name === 'baselines' && !reached.includes(PARTS.compressor) ? [PARTS.compressor] : [];
    expect(new Set(reached)).toEqual(new Set([...reached, ...trains.filter(part => !empty.includes(part as never))]));
  });
});

it('has an auxiliary term where the configuration names one', () => {
  const terms = (...set: string[]) => trainingStages[3].terms!(loadExperiment(TINY, set)).map(({ term }) => term);
  expect(terms()).not.toContain('variance');
  expect(terms('finetune.auxiliary={variance: 0.5}')).toContain('variance');
});
