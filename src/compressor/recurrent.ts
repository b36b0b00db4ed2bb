/**
 * @file `recurrent` (method 2.3): Z ← U(Z, C_θ(Z, segment)), for histories of unlimited length. With a working memory of raw transitions
 * next to Z this is the memory of RAD (Recurrent Algorithm Distillation): segments of n transitions of which p stay visible give its K = n
 * + p and p. Shape key: B batch, R rounds, S tokens of a segment, M latents, P tokens of working memory, D width.
 */

import { add, concat, layerNorm, mul, relu, select, sigmoid, slice, split, sub, type Tensor, tanh } from '../engine/index.ts';
import { feedForward, linear, type Scope } from '../nn/index.ts';
import { type CompressorOptions, type CompressorSettings, type CompressorValues, defineCompressor, type Recurrence } from './compressor.ts';
import { attendToSegment, type EncodedSegments, encodeSegments, packSegments, unpackSegments } from './encoded-segments.ts';
import { learnedQueries } from './pooling.ts';
import { recurrently } from './recurrence.ts';

/** Initial bias b_g of the gate: how strongly Z is retained before training. */
const KEEP = 1;
/** A closing gate that is less open than this is closed. */
const CLOSED = 0.1;

const SETTINGS = {
  update: {
    choices: ['gru', 'closing-gru', 'residual', 'replace'],
    default: 'gru',
    about:
      'how Z is updated by the output C of a segment: a GRU gate as in GTrXL, one that closes completely so that Z does not drift, the normalized sum of Z and C, or C itself',
  },
  gradientRounds: {
    range: [1, 1_000_000],
    because: 'no history has that many segments',
    about: 'number of last rounds through which gradients flow; the whole context if omitted',
  },
  workingMemory: {
    range: [0, 1_000_000],
    because: 'no segment has that many',
    default: 0,
    unit: 'transitions',
    about:
      'number of transitions at the end of the latest segment that the policy sees in addition to Z. With segments of n this is the memory of RAD: K = n + this',
  },
} as const satisfies CompressorSettings;

type Options = CompressorOptions & CompressorValues<typeof SETTINGS>;

/** U(Z, C): the state and the output of the segment, [B, M, D] each. Every update keeps Z bounded over any number of rounds. */
const UPDATES: Readonly<Record<Options['update'], (scope: Scope, z: Tensor, c: Tensor) => Tensor>> = {
  replace: (_, __, c) => layerNorm(c),
  residual: (_, z, c) => layerNorm(add(z, c)),
  gru: gated(g => g),
  // g ← max(0, (g − 0.1) / 0.9): numbers of Z that a segment has nothing to say about stay exactly as they are, however many segments follow.
  'closing-gru': gated(g => relu(mul(sub(g, CLOSED), 1 / (1 - CLOSED)))),
};

/**
 * The gate of GTrXL (Parisotto et al. 2020, "Gated Recurrent Unit gating"), g as it is or transformed:
 * r = σ(W_r c + U_r z), g = σ(W_g c + U_g z − b_g), h = tanh(W_h c + U_h (r ∘ z)), Z = (1 − g) ∘ z + g ∘ h.
 */
function gated(transform: (gate: Tensor) => Tensor) {
  return (scope: Scope, z: Tensor, c: Tensor): Tensor => {
    const [r, g] = split(linear(scope.at('gates'), concat([c, z], 2), 2 * z.shape[2]), 2, 2);
    const h = tanh(linear(scope.at('candidate'), concat([c, mul(sigmoid(r), z)], 2), z.shape[2]));
    return add(z, mul(transform(sigmoid(sub(g, KEEP))), sub(h, z)));
  };
}

/**
 * One round: queries computed from Z attend to Z and the segment, and U combines the result with Z. state [B, M + P, D] → the same shape.
 */
function round(scope: Scope, state: Tensor, segment: EncodedSegments, options: Options): Tensor {
  const { latents, width, hidden, update } = options;
  const { recent, there } = segment;
  const B = state.shape[0];
  const z_BMD = slice(state, 1, 0, latents);
  const queries_BMD = layerNorm(add(z_BMD, learnedQueries(scope, B, latents, width)));
  const pooled = attendToSegment(scope, queries_BMD, queries_BMD, segment, options);
  const c_BMD = add(pooled, feedForward(scope.at('pool').at('ffn'), layerNorm(pooled), hidden));
  const next = UPDATES[update](scope.at('update'), z_BMD, c_BMD);
  // Not a product with 0 and 1: a history that has not begun leaves Z unchanged, bit for bit.
  return select(there, recent ? concat([next, recent], 1) : next, state);
}

const recurrence: Recurrence<Options> = {
  each: (scope, x_RSF, options) => packSegments(encodeSegments(scope, x_RSF, options, options.workingMemory)),
  advance: (scope, state, found_BW, options) => round(scope, state, unpackSegments(found_BW, options, options.workingMemory), options),
};

const latents = ({ latents, workingMemory }: Options) => latents + workingMemory;

export const recurrent = defineCompressor({
  id: 'recurrent',
  description: 'm latents that each segment updates, so that an agent carries its whole past in constant memory',
  contextLayout: 'segments',
  settings: SETTINGS,
  latents: (_, options) => latents(options),
  window: contextTokens => contextTokens,
  compress: recurrently(recurrence, { latents, gradientRounds: ({ gradientRounds }) => gradientRounds }),
  recurrence,
});
