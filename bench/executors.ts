/** @file The same training step, with the same weights and data, on every executor that works on this machine. */

import { createExecutor, EXECUTORS, type ExecutorId, probeExecutor } from '../src/engine/executors/registry.ts';
import type { Bench, Result } from './bench.ts';
import { measureStep } from './training.ts';

export const executors: Bench = {
  description: 'the reference training step on every working executor',
  async run(say) {
    const results: Record<string, Result> = {};
    for (const id of Object.keys(EXECUTORS) as ExecutorId[]) {
      const { works, detail } = await probeExecutor(id);
      say(`${id}: ${works ? 'measuring' : detail}`);
      if (works) results[id] = { ...(await measureStep(await createExecutor(id), { blocks: 2, products: 10, warmUp: 4 })) };
      else results[id] = { works, detail };
    }
    return results;
  },
};
