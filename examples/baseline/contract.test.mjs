// The contract of baselines: the model can be built and trained, and its cost can be counted.
import { test } from 'node:test';
import { baseline, importModules } from 'cadenza';
import { baselineChecks } from 'cadenza/testing';

await importModules(['./half.ts']);
for (const { name, run } of baselineChecks(baseline('half'))) test(name, run);
