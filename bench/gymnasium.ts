/** @file Steps per second in Gymnasium's CartPole, with 16 environments in one Python process. `taskset -c 0` runs both processes on one core. */

import { bridge } from '../src/envs/gymnasium/bridge.ts';
import { environment } from '../src/envs/index.ts';
import { listedTasks } from '../src/rl/index.ts';
import { Random } from '../src/util/random.ts';
import type { Bench } from './bench.ts';

const [SIZE, BLOCKS, STEPS] = [16, 60, 300];
const LEAST = 20_000;

export const gymnasium: Bench = {
  description: 'steps per second in CartPole of Gymnasium, 16 environments (needs Python with gymnasium)',
  async run(say) {
    const family = environment('gymnasium', { make: 'CartPole-v1' });
    const [task] = listedTasks(family, 'This benchmark');
    const random = Random.seeded(0);
    const rates: Record<string, number> = {};
    for (const size of [1, SIZE]) {
      say(`${size} environments …`);
      const env = family.make(Array(size).fill(task), random.split(size));
      env.reset();
      const actions = new Int32Array(size);
      const times = Array.from({ length: BLOCKS }, () => {
        const began = performance.now();
        for (let step = 0; step < STEPS; step++) {
          for (let i = 0; i < size; i++) actions[i] = random.integer(2);
          env.step(actions);
        }
        return performance.now() - began;
      });
      env.close?.();
      // The best measurement, because other load can only slow it down.
      rates[size] = (1000 * size * STEPS) / Math.min(...times);
    }
    return { software: { ...bridge().software }, stepsPerSecond: rates, least: LEAST, passes: rates[SIZE] >= LEAST };
  },
};
