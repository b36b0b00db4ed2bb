import assert from 'node:assert/strict';
import { test } from 'node:test';
import { environment } from 'cadenza/envs';
import { Random } from 'cadenza/random';
import { environmentChecks } from 'cadenza/testing';
import './environment.ts';

test('gives a reward only at the goal', () => {
  const family = environment('my-grid', { size: 3 });
  const goal = [2, 1];
  const env = family.make([{ goal }], Random.seeded(0));
  assert.deepEqual(Array.from(env.reset()), [1, 1]);
  const { observation, reward } = env.step(Int32Array.of(1));
  assert.deepEqual([Array.from(observation), reward[0]], [goal, 1]);
  assert.equal(env.step(Int32Array.of(2)).reward[0], 0);
});

// The contract of every environment: tasks, spaces, seeds, horizon and errors.
for (const { name, run } of environmentChecks(environment('my-grid', { size: 3 }))) test(name, run);
