/** @file The list of training stages agrees with their names, and each keeps the contract of stages. */

import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { loadExperiment } from '../../config/experiment.ts';
import { stageChecks } from '../../testing/stage.ts';
import { trainingStages } from './index.ts';
import { STAGE_HELP } from './names.ts';

const TINY = fileURLToPath(new URL('../../../experiments/tiny.yaml', import.meta.url));

it('is the list of their names', () => {
  expect(trainingStages.map(({ name }) => name)).toEqual(Object.keys(STAGE_HELP));
});

/** What a stage needs to have something to do, and what gives its loss all of its terms. */
const SECTIONS = {
  distill: { beta: 0.5 },
  finetune: { auxiliary: { variance: 0.5 } },
  policy: { returns: { episodes: 1, bins: 4, weight: 0.25 } },
  baselines: { methods: ['truncated', 'none'] },
};

describe.each(trainingStages)('$name', stage => {
  const policy = { ...SECTIONS.policy, ...(stage.name === 'retrieve' ? { retrieval: { contexts: 1 } } : {}) };
  for (const { name, run } of stageChecks(stage, { ...SECTIONS, policy })) it(name, run);
});

it('has an auxiliary term where the configuration names one', () => {
  const terms = (...set: string[]) => trainingStages[3].terms!(loadExperiment(TINY, set)).map(({ term }) => term);
  expect(terms()).not.toContain('variance');
  expect(terms('finetune.auxiliary={variance: 0.5}')).toContain('variance');
});
