/**
 * @file `pca` (method 6.3): the raw context in m equal pieces, each projected on the first principal components of such pieces in training
 * contexts. What is learned is the linear map from there into the policy alone.
 * Shape key: B batch, N context tokens, F features of a token, M latents, P numbers of a piece (N/M · F), K components, D width.
 */

import { linear as affine, reshape, sub } from '../engine/index.ts';
import { linear, linearInit, Scope, zeroInit } from '../nn/index.ts';
import { STATISTICS } from '../tokenizers/index.ts';
import { principalComponents } from '../util/components.ts';
import { CadenzaError, expect } from '../util/errors.ts';
import type { Compressor, CompressorOptions } from './compressor.ts';

/** The covariance of a piece is held whole: 128 MiB at this size. */
const MAX_PIECE = 4096;
/** Directions with less than this share of the first one's variance are of numbers that hardly change, and are left out. */
const LEAST = 1e-6;

/** Where the components live among the parameters. */
const [MEAN, COMPONENTS] = ['mean', 'components'];
const place = (scope?: Scope) => new Scope(scope, STATISTICS).at('pieces');

/** Numbers of one piece, and components that it is projected on. */
function sizesOf(numbers: number, { latents, width }: CompressorOptions): { piece: number; count: number } {
  const piece = numbers / latents;
  if (piece > MAX_PIECE)
    throw new CadenzaError(
      'E_CONFIG',
      `pca needs pieces of at most ${MAX_PIECE} numbers, but the context's ${numbers} numbers in m = ${latents} pieces make ${piece} each; ` +
        'raise model.latents or shorten the context.',
    );
  return { piece, count: Math.min(width, piece) };
}

/** z_j = W (x_j − μ) Λ^(−½) + b with x_j the j-th piece: scores of variance 1, so that the trained map W meets equals. */
export const pca: Compressor = {
  id: 'pca',
  description: 'the raw context in m equal pieces, each projected on the first principal components of such pieces',
  prose: () =>
    String.raw`The raw context is cut into $m$ pieces $x_j$ of equal length, each projected on the first principal components of such pieces in contexts as training draws them, $z_j = W \Lambda^{-1/2} V^\top (x_j - \mu) + b$, where $\mu$, the directions $V$ and their variances $\Lambda$ are computed and $W$ and $b$ are learned.`,
  form: 'window',
  reads: [],
  latents: (_, { latents }) => latents,
  window: contextTokens => contextTokens,
  compress(scope, x_BNF, options) {
    const [B, N, F] = x_BNF.shape;
    const { latents: m, width } = options;
    expect(N % m === 0, `pca needs a context that divides into m equal pieces, got ${N} tokens and m = ${m}.`);
    const { piece, count } = sizesOf(N * F, options);
    const own = place(scope);
    // A random projection until `fit` gives the components.
    const [mean, components] = [own.parameter(MEAN, [piece], zeroInit), own.parameter(COMPONENTS, [piece, count], linearInit)];
    const scores_BMK = affine(sub(reshape(x_BNF, [B, m, piece]), mean), components);
    return linear(scope.at('project'), scores_BMK, width);
  },
  fit(contexts, numbers, options, random) {
    const { piece: size, count } = sizesOf(numbers, options);
    const { mean, directions, variances, total } = principalComponents(contexts, { size, count, random });
    const scales = variances.map(variance => (variance > LEAST * variances[0] ? 1 / Math.sqrt(variance) : 0));
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
      figures: { explained: Number((variances.reduce((a, b) => a + b, 0) / total).toFixed(4)) },
    };
  },
};
