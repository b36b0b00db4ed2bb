import assert from 'node:assert/strict';
import { test } from 'node:test';
import { environment } from 'cadenza/envs';
import { Random } from 'cadenza/random';
import './environment.ts';

test('pays at the goal and nowhere else', () => {
  const family = environment('my-grid', { size: 3 });
  const goal = [2, 1];
  const env = family.make([{ goal }], Random.seeded(0));
  assert.deepEqual(Array.from(env.reset()), [1, 1]);
  const { observation, reward } = env.step(Int32Array.of(1));
  assert.deepEqual([Array.from(observation), reward[0]], [goal, 1]);
  assert.equal(env.step(Int32Array.of(2)).reward[0], 0);
});

test('ends an episode at the horizon, and starts the next', () => {
  const family = environment('my-grid');
  const env = family.make(family.tasks!().slice(0, 2), Random.seeded(0));
  env.reset();
  for (let t = 1; t < family.horizon; t++) assert.equal(env.step(new Int32Array(2)).truncated[0], 0);
  const { truncated, observation } = env.step(new Int32Array(2));
  assert.deepEqual([...truncated], [1, 1]);
  assert.deepEqual(Array.from(observation), [2, 2, 2, 2]);
});
