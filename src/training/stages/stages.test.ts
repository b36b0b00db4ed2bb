/** @file The list of training stages agrees with their names, and their settings with the loss that they declare. */

import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { lossTerms } from '../../agent/terms.ts';
import { loadExperiment } from '../../config/experiment.ts';
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

it('has an auxiliary term where the configuration names one', () => {
  const terms = (...set: string[]) => trainingStages[3].terms!(loadExperiment(TINY, set)).map(({ term }) => term);
  expect(terms()).not.toContain('variance');
  expect(terms('finetune.auxiliary={variance: 0.5}')).toContain('variance');
});
