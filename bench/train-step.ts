/** @file Whole training steps on the native CPU executor, as a share of the rate of a bare 1024³ product. */

import { nodeExecutor } from '../src/engine/executors/node.ts';
import type { Bench } from './bench.ts';
import { REFERENCE } from './reference-model.ts';
import { measureStep } from './training.ts';

/** About what an experiment trains on: products this small leave more of the time to everything else. */
const SMALL = { ...REFERENCE, width: 64, hidden: 256, tokens: 200, batch: 64 };

export const trainStep: Bench = {
  description: 'one training step (forward, backward, AdamW) against a 1024³ product, onnxruntime-node on the CPU',
  async run(say) {
    say('reference: d 128, 4 layers, T 256, batch 32');
    const reference = await measureStep(nodeExecutor());
    say('small: d 64, 4 layers, T 200, batch 64');
    const small = await measureStep(nodeExecutor(), { size: SMALL });
    return { reference: { ...reference }, small: { ...small } };
  },
};
