// The contract of environments: spaces, seeds, neighbors, the horizon, refusals.
import { test } from 'node:test';
import { environment, importModules } from 'cadenza';
import { environmentChecks } from 'cadenza/testing';

await importModules(['./grid.ts']);
for (const { name, run } of environmentChecks(environment('hidden-goal', { size: 4 }))) test(name, run);
