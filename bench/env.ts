/** @file Environment steps per second on one core: vectorized environments of all kinds of task, stepped by actions drawn in advance. */

import { environment } from '../src/envs/index.ts';
import { type Actions, actionDistribution, type EnvFamily, newActions, type Task } from '../src/rl/index.ts';
import { Random } from '../src/util/random.ts';
import type { Bench, Result } from './bench.ts';

const FAMILIES = ['dark-room', 'key-to-door', 'key-to-door-life', 'delayed-bandit', 'point-room', 't-maze', 'count-recall', 'maze-runner'];
/** Environments per batch, batches of actions that are drawn, and rounds of which the median counts. */
const [SIZE, DRAWN, ROUNDS] = [64, 256, 9];
/** Milliseconds of one round. */
const ROUND = 200;

export const env: Bench = {
  description: `environment steps per second on one core, ${SIZE} environments at once, actions drawn in advance`,
  async run(say): Promise<Result> {
    const runs = FAMILIES.map(id => ({ id, rounds: [] as number[], step: stepper(environment(id)) }));
    // The first round compiles.
    for (let round = 0; round <= ROUNDS; round++) {
      if (round > 0) say(`round ${round} of ${ROUNDS}`);
      for (const { rounds, step } of runs) rounds.push(perSecond(step));
    }
    return Object.fromEntries(runs.map(({ id, rounds }) => [id, rounds.slice(1).sort((a, b) => a - b)[Math.floor(ROUNDS / 2)]]));
  },
};

/** Takes `DRAWN` steps in each of `SIZE` environments. */
function stepper(family: EnvFamily): () => void {
  const random = Random.seeded(0);
  const tasks = Array.from({ length: SIZE }, (_, i) => taskOf(family, random.split('task', i)));
  const envs = family.make(tasks, random.split('env'));
  const distribution = actionDistribution(family.actionSpace);
  const row = new Float32Array(distribution.size);
  distribution.uniform(row);
  const draw = (): Actions => {
    const actions = newActions(family.actionSpace, SIZE);
    for (let i = 0; i < SIZE; i++) distribution.draw(row, 0, random, actions, i * distribution.width);
    return actions;
  };
  const actions = Array.from({ length: DRAWN }, draw);
  envs.reset();
  return () => {
    for (const each of actions) envs.step(each);
  };
}

function taskOf(family: EnvFamily, random: Random): Task {
  const tasks = family.tasks?.();
  return tasks ? tasks[random.integer(tasks.length)] : family.drawTask!(random);
}

function perSecond(step: () => void): number {
  const start = performance.now();
  let calls = 0;
  do {
    step();
    calls++;
  } while (performance.now() - start < ROUND);
  return (1000 * calls * DRAWN * SIZE) / (performance.now() - start);
}
