/**
 * @file Token rows → vectors of the model's width (method 1.1): one linear map over flags, one-hot fields and numbers (a one-hot field times
 * its rows of the matrix is an embedding table), after vectors are normalized and rewards bucketed; images go through an encoder of their own.
 * Shape key: B batch, N tokens, F features of a token, D width.
 */

import { add, cast, concat, div, less, mul, reshape, slice, sub, type Tensor } from '../engine/index.ts';
import { linear, type Scope } from '../nn/index.ts';
import { IMAGE_ENCODERS, type ImageOptions } from './images.ts';
import type { Field, TokenLayout } from './layout.ts';
import { statisticsOf } from './statistics.ts';

export interface EmbedOptions {
  readonly image?: ImageOptions;
  /** Edges of the buckets of a reward, rising; none: the reward is one number. */
  readonly rewardEdges?: readonly number[];
}

const IMAGE: ImageOptions = { encoder: 'patches', patch: 6, features: 32 };

/** Rows x [B, N, F] → [B, N, D]. Without a layout a row is numbers and nothing more. */
export function embedTokens(
  scope: Scope,
  x_BNF: Tensor,
  layout: TokenLayout | undefined,
  width: number,
  { image = IMAGE, rewardEdges = [] }: EmbedOptions = {},
): Tensor {
  const fields = layout?.fields ?? [];
  const numbers = linear(scope, numbersOf(scope, x_BNF, fields, rewardEdges), width);
  return fields.filter(field => field.image).reduce((sum, field) => add(sum, embedImage(scope, x_BNF, field, width, image)), numbers);
}

const columns = (x: Tensor, { offset, size }: Pick<Field, 'offset' | 'size'>) => slice(x, 2, offset, offset + size);
/** [B, N, 1], 1 where the field is there. */
const presence = (x: Tensor, field: Field) => slice(x, 2, field.presence, field.presence + 1);

/** The columns that the linear map takes: all of them as they are, but for vectors (normalized), bucketed rewards, and images (left out). */
function numbersOf(scope: Scope, x_BNF: Tensor, fields: readonly Field[], rewardEdges: readonly number[]): Tensor {
  const parts: Tensor[] = [];
  let done = 0;
  const keepUpTo = (end: number) => {
    if (end > done) parts.push(slice(x_BNF, 2, done, end));
  };
  for (const field of fields) {
    const bucketed = field.reward && rewardEdges.length > 0;
    if (!bucketed && field.kind !== 'vector' && !field.image) continue;
    keepUpTo(field.offset);
    done = field.offset + field.size;
    if (field.kind === 'vector') parts.push(normalize(scope, x_BNF, field));
    else if (bucketed) parts.push(buckets(x_BNF, field, rewardEdges));
  }
  keepUpTo(x_BNF.shape[2]);
  return concat(parts, 2);
}

/** (x − mean) / deviation where the field is there, else 0. */
function normalize(scope: Scope, x_BNF: Tensor, field: Field): Tensor {
  const { mean, deviation } = statisticsOf(scope, field);
  return mul(presence(x_BNF, field), div(sub(columns(x_BNF, field), mean), deviation));
}

/**
 * One number an edge, 1 where the reward lies above it. With the bias that is as good as one-hot buckets (each bucket has its own sum of
 * rows), and neighbors share what lies below them both.
 */
function buckets(x_BNF: Tensor, field: Field, edges: readonly number[]): Tensor {
  const above = edges.map(edge => cast(less(edge, columns(x_BNF, field)), 'float32'));
  return mul(presence(x_BNF, field), concat(above, 2));
}

/** An image field by the encoder that all images of a model share, then a linear map of the field's own: s and s' are told apart there. */
function embedImage(scope: Scope, x_BNF: Tensor, field: Field, width: number, options: ImageOptions): Tensor {
  const [B, N] = x_BNF.shape;
  const { height, width: across, channels } = field.image!;
  const images = reshape(columns(x_BNF, field), [B * N, height, across, channels]);
  const features = IMAGE_ENCODERS[options.encoder](scope.at('image'), images, options);
  const embedded = reshape(linear(scope.at(field.name), features, width), [B, N, width]);
  return mul(embedded, presence(x_BNF, field));
}
