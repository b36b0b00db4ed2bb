// The contract of baselines: a model that can be built and trained, and what it costs.
import { test } from 'node:test';
import { baseline, importModules } from 'cadenza';
import { baselineChecks } from 'cadenza/testing';

await importModules(['./half.ts']);
for (const { name, run } of baselineChecks(baseline('half'))) test(name, run);
