// The contract of environments: spaces, seeds, neighbors, the horizon, refusals. Python runs hidden_goal.py.
import { test } from 'node:test';
import { environment } from 'cadenza';
import { environmentChecks } from 'cadenza/testing';

const goals = [0, 1, 2, 3].flatMap(x => [0, 1, 2, 3].map(y => ({ kwargs: { goal: [x, y] } })));
const family = environment('gymnasium', { make: 'hidden_goal:HiddenGoal-v0', kwargs: { size: 4 }, tasks: goals });
for (const { name, run } of environmentChecks(family)) test(name, run);
