/** @file Complete training steps on the native CPU executor, relative to the speed of a plain 1024³ matrix product. */

import { nodeExecutor } from '../src/engine/executors/node.ts';
import type { Bench } from './bench.ts';
import { REFERENCE } from './reference-model.ts';
import { measureStep } from './training.ts';

/** The typical size of an experiment. With small matrix products, other operations take a larger part of the time. */
const SMALL = { ...REFERENCE, width: 64, hidden: 256, tokens: 200, batch: 64 };

export const trainStep: Bench = {
  description: 'one training step (forward, backward, AdamW) relative to a 1024³ matrix product, onnxruntime-node on the CPU',
  async run(say) {
    say('reference: d 128, 4 layers, T 256, batch 32');
    const reference = await measureStep(nodeExecutor());
    say('small: d 64, 4 layers, T 200, batch 64');
    const small = await measureStep(nodeExecutor(), { size: SMALL });
    return { reference: { ...reference }, small: { ...small } };
  },
};
