// The contracts of loss terms and stages: finite losses, gradients to all trained parameters, weights that are settings.
import { test } from 'node:test';
import { importModules, lossTerms, stages } from 'cadenza';
import { lossTermChecks, stageChecks } from 'cadenza/testing';

await importModules(['./polish.ts']);
for (const { name, run } of lossTermChecks(lossTerms.get('small'))) test(`small: ${name}`, run);
for (const { name, run } of stageChecks(stages.get('polish'))) test(`polish: ${name}`, run);
