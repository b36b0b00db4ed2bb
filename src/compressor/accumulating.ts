/**
 * @file `accumulating`: every segment adds summaries to Z, which see the earlier ones, and the oldest leave. Memory by accumulated summaries,
 * as in Memo (Gupta et al. 2025). Shape key: B batch, S tokens of a segment, P summaries of a segment, M = capacity · P latents, D width.
 */

import { add, concat, layerNorm, select, slice } from '../engine/index.ts';
import { feedForward } from '../nn/index.ts';
import { type CompressorOptions, type CompressorSettings, type CompressorValues, defineCompressor, type Recurrence } from './compressor.ts';
import { attendToSegment, encodeSegments, packSegments, unpackSegments } from './encoded-segments.ts';
import { learnedQueries } from './pooling.ts';
import { recurrently } from './recurrence.ts';

const SETTINGS = {
  capacity: {
    range: [1, 65_536],
    because: 'attention to more latents does not fit in memory',
    default: 16,
    about: 'number of segments whose summaries are kept',
  },
  summaries: {
    range: [1, 65_536],
    because: 'attention to more latents does not fit in memory',
    default: 4,
    about: 'number of summaries of a segment',
  },
} as const satisfies CompressorSettings;

type Options = CompressorOptions & CompressorValues<typeof SETTINGS>;

const recurrence: Recurrence<Options> = {
  each: (scope, x_RSF, options) => packSegments(encodeSegments(scope, x_RSF, options)),
  advance(scope, z_BMD, found_BW, options) {
    const { capacity, summaries: P, width, hidden } = options;
    const segment = unpackSegments(found_BW, options);
    const queries_BPD = learnedQueries(scope, z_BMD.shape[0], P, width);
    const pooled = add(queries_BPD, attendToSegment(scope, queries_BPD, z_BMD, segment, options));
    const summary_BPD = layerNorm(add(pooled, feedForward(scope.at('pool').at('ffn'), layerNorm(pooled), hidden)));
    const kept = capacity > 1 ? [slice(z_BMD, 1, P)] : [];
    return select(segment.there, concat([...kept, summary_BPD], 1), z_BMD);
  },
};

const latents = ({ capacity, summaries }: Options) => capacity * summaries;

export const accumulating = defineCompressor({
  id: 'accumulating',
  description: 'every segment adds summaries that see the earlier ones; the latest ones are kept',
  contextLayout: 'segments',
  settings: SETTINGS,
  latents: (_, options) => latents(options),
  window: contextTokens => contextTokens,
  compress: recurrently(recurrence, { latents }),
  recurrence,
});
