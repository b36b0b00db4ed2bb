/** @file Retrieval by return: the policy sees the best episodes of its own past, raw. */

import type { TrainedBaseline } from './baseline.ts';

/**
 * Whole episodes (or segments, where the experiment cuts episodes), since half of one does not show how it was done: as many as fit into m tokens,
 * and at least one. On Dark Room one has 20 tokens where CAD has m = 8. The past is all of the own past, not a window of it.
 */
export const bestEpisodes: TrainedBaseline = {
  id: 'best-episodes',
  description:
    'retrieval: those of the own past episodes that returned most, raw and encoded, as many as fit into m tokens and at least one',
  compressor: 'best-episodes',
  given: 'all of its own past to choose from, not the end of it alone',
  changes({ config: { context }, model }) {
    const tokens = model.segment * model.tokenizer.tokensPerTransition;
    const count = Math.max(1, Math.floor(model.options.latents / tokens));
    return { context: context.segment === undefined ? { episodes: count } : { ...context, segments: count } };
  },
};
