/**
 * @file `pca` and `random-projection` (method 6.3): the raw context is split into m equal pieces, each projected onto fixed directions: the
 * first principal components of such pieces in training contexts, or random ones. Only the linear map from there to the policy is learned.
 * Shape key: B batch, N context tokens, F features of a token, M latents, L tokens of a piece, P numbers of a piece (L · F), K directions,
 * D width.
 */

import { linear as affine, pad, reshape, sub } from '../engine/index.ts';
import { linear, linearInit, Scope, zeroInit } from '../nn/index.ts';
import { STATISTICS } from '../tokenizers/index.ts';
import { type Directions, principalComponents, randomDirections } from '../util/components.ts';
import { CadenzaError } from '../util/errors.ts';
import type { Random } from '../util/random.ts';
import { type Compressor, type CompressorOptions, wholeContext } from './compressor.ts';

/** The covariance of a piece is held in memory: 128 MiB at this size. */
const MAX_PIECE = 4096;
/** Directions with less than this share of the largest variance belong to nearly constant numbers and are dropped. */
const LEAST = 1e-6;

/** Names of the directions among the parameters. */
const [MEAN, COMPONENTS] = ['mean', 'components'];
const place = (scope?: Scope) => new Scope(scope, STATISTICS).at('pieces');

/** Tokens and numbers of a piece, tokens of padding before the first, and the number of directions. */
function sizesOf(id: string, [N, F]: readonly [number, number], { latents: M, width }: CompressorOptions) {
  const L = Math.ceil(N / M);
  const piece = L * F;
  if (piece > MAX_PIECE)
    throw new CadenzaError(
      'E_CONFIG',
      `${id} needs pieces of at most ${MAX_PIECE} numbers, but the context's ${N * F} numbers in m = ${M} pieces make ${piece} each; ` +
        'raise model.latents or shorten the context.',
    );
  return { piece, missing: M * L - N, count: Math.min(width, piece) };
}

/** Contexts [.., N, F], padded with rows of zeros (absent tokens) before each if M does not divide N. */
function* padded(contexts: Iterable<Float32Array>, numbers: number, before: number): Generator<Float32Array> {
  for (const block of contexts) {
    if (before === 0) {
      yield block;
      continue;
    }
    const rows = block.length / numbers;
    const wide = new Float32Array(rows * (before + numbers));
    for (let i = 0; i < rows; i++) wide.set(block.subarray(i * numbers, (i + 1) * numbers), i * (before + numbers) + before);
    yield wide;
  }
}

type Find = (blocks: Iterable<ArrayLike<number>>, sizes: { size: number; count: number; random: Random }) => Directions;

/** z_j = W Λ^(−½) Vᵀ (x_j − μ) + b with x_j the j-th piece: scores of variance 1, so that the trained map W has inputs of equal scale. */
const projection = (id: string, description: string, find: Find): Compressor => ({
  id,
  description,
  ...wholeContext,
  compress(scope, x_BNF, options) {
    const [B, N, F] = x_BNF.shape;
    const { latents: M, width } = options;
    const { piece, missing, count } = sizesOf(id, [N, F], options);
    const own = place(scope);
    // Until `fit` provides the directions, scores on arbitrary ones.
    const [mean, components] = [own.parameter(MEAN, [piece], zeroInit), own.parameter(COMPONENTS, [piece, count], linearInit)];
    const scores_BMK = affine(sub(reshape(pad(x_BNF, 1, missing, 0), [B, M, piece]), mean), components);
    return linear(scope.at('project'), scores_BMK, width);
  },
  fit(contexts, [N, F], options, random) {
    const { piece: size, missing, count } = sizesOf(id, [N, F], options);
    const { mean, directions, variances, total } = find(padded(contexts, N * F, missing * F), { size, count, random });
    const least = LEAST * Math.max(...variances);
    const scales = variances.map(variance => (variance > least ? 1 / Math.sqrt(variance) : 0));
    const { prefix } = place();
    const components = Float32Array.from(
      { length: size * count },
      (_, i) => directions[i % count][Math.floor(i / count)] * scales[i % count],
    );
    return {
      parameters: new Map([
        [`${prefix}.${MEAN}`, Float32Array.from(mean)],
        [`${prefix}.${COMPONENTS}`, components],
      ]),
      metrics: { explained: Number((variances.reduce((a, b) => a + b, 0) / total).toFixed(4)) },
    };
  },
});

export const pca = projection(
  'pca',
  'the raw context split into m equal pieces, each projected onto the first principal components of such pieces',
  principalComponents,
);

/** Control for PCA's choice of directions: everything else is equal. */
export const randomProjection = projection(
  'random-projection',
  'the raw context split into m equal pieces, each projected onto as many random directions as pca has components',
  randomDirections,
);
