// The contract of sources: whole episodes, actions drawn from the given distributions, equal histories for equal seeds.
import { test } from 'node:test';
import { environment, importModules, source } from 'cadenza';
import { sourceChecks } from 'cadenza/testing';

await importModules(['./sweeper.ts']);
const family = environment('dark-room', { size: 5, horizon: 15 });
for (const { name, run } of sourceChecks(source('sweeper'), { family, options: { size: 5 } })) test(name, run);
