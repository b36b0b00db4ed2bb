/** @file RAD (arXiv 2609.35333): recurrent compression with a working memory, trained by the actions alone. */

import type { TrainedBaseline } from './baseline.ts';

/** Share of a segment that stays in sight: on Dark Room, whose episodes are segments of 20, RAD keeps K = 25 transitions, 5 beside the segment. */
const IN_SIGHT = 0.25;

/**
 * The recurrent compressor with a GRU gate, gradients through all rounds, m latents as CAD has and the working memory beside them: it sees more tokens
 * than CAD. RAD's own numbers on Dark Room are m = 15, K = 25.
 */
export const rad: TrainedBaseline = {
  id: 'rad',
  description: 'RAD: m latents that go on from segment to segment through a GRU gate, beside a working memory of a quarter of a segment',
  compressor: 'recurrent',
  changes: ({ config: { compression }, model: { segment } }) => ({
    compression: { ...compression, update: 'gru', gradientRounds: undefined, workingMemory: Math.max(1, Math.round(IN_SIGHT * segment)) },
  }),
};
