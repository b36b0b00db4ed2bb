/**
 * @file `pca` and `random-projection` (method 6.3): the raw context in m equal pieces, each projected on fixed directions, the first principal
 * components of such pieces in training contexts or random ones. What is learned is the linear map from there into the policy alone.
 * Shape key: B batch, N context tokens, F features of a token, M latents, L tokens of a piece, P numbers of a piece (L · F), K directions, D width.
 */

import { linear as affine, pad, reshape, sub } from '../engine/index.ts';
import { linear, linearInit, Scope, zeroInit } from '../nn/index.ts';
import { STATISTICS } from '../tokenizers/index.ts';
import { type Directions, principalComponents, randomDirections } from '../util/components.ts';
import { CadenzaError } from '../util/errors.ts';
import type { Random } from '../util/random.ts';
import { type Compressor, type CompressorOptions, wholeContext } from './compressor.ts';

/** The covariance of a piece is held whole: 128 MiB at this size. */
const MAX_PIECE = 4096;
/** Directions with less than this share of the largest variance are of numbers that hardly change, and are left out. */
const LEAST = 1e-6;

/** Where the directions live among the parameters. */
const [MEAN, COMPONENTS] = ['mean', 'components'];
const place = (scope?: Scope) => new Scope(scope, STATISTICS).at('pieces');

/** Tokens and numbers of one piece, tokens that are missing before the first, and directions that each is projected on. */
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

/** Contexts [.., N, F] with rows of zeros before each where N does not divide: what tokens that are not there are everywhere. */
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

/** z_j = W Λ^(−½) Vᵀ (x_j − μ) + b with x_j the j-th piece: scores of variance 1, so that the trained map W meets equals. */
const projection = (id: string, description: string, find: Find): Compressor => ({
  id,
  description,
  ...wholeContext,
  compress(scope, x_BNF, options) {
    const [B, N, F] = x_BNF.shape;
    const { latents: M, width } = options;
    const { piece, missing, count } = sizesOf(id, [N, F], options);
    const own = place(scope);
    // Until `fit` gives the directions, raw scores on some.
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
  'the raw context in m equal pieces, each projected on the first principal components of such pieces',
  principalComponents,
);

/** What PCA's choice of directions is worth: everything else is alike. */
export const randomProjection = projection(
  'random-projection',
  'the raw context in m equal pieces, each projected on random directions, as many as pca has',
  randomDirections,
);
