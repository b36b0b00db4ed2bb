/** A custom compressor with its own setting: the mean of each piece of the encoded context, times a learned gate. */
import { compressors, defineCompressor, encode, wholeContext, wholePieces } from 'cadenza';
import { mean, mul, reshape, sigmoid } from 'cadenza/engine';
import { linear } from 'cadenza/nn';

compressors.register(
  defineCompressor({
    ...wholeContext,
    id: 'gated-pool',
    description: 'the mean of each piece of the encoded context, times a learned gate',
    settings: {
      sharpness: { range: [0.1, 10], real: true, default: 1, because: 'a sharper gate does not train', about: 'how sharp the gate is' },
    },
    compress(scope, x_BNF, options) {
      const { h, L } = wholePieces(encode(scope, x_BNF, options), options.latents);
      const [B, , D] = h.shape;
      const pooled_BMD = mean(reshape(h, [B, options.latents, L, D]), [2]);
      return mul(pooled_BMD, sigmoid(mul(linear(scope.at('gate'), pooled_BMD, D), options.sharpness)));
    },
  }),
);
