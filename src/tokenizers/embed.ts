/**
 * @file Token rows → vectors of the model's width (method 1.1): one linear map over flags, one-hot fields and numbers (a one-hot field
 * times its rows of the matrix is an embedding table), after vectors are normalized and rewards bucketed; images have an encoder of their
 * own. Shape key: B batch, N tokens, F features of a token, D width.
 */

import { add, cast, concat, div, less, mul, reshape, slice, sub, type Tensor } from '../engine/index.ts';
import { linear, type Scope } from '../nn/index.ts';
import { IMAGE_ENCODERS, type ImageOptions } from './images.ts';
import type { Field, TokenLayout } from './layout.ts';
import { statisticsOf } from './statistics.ts';

/** How tokens are embedded. */
export interface EmbedOptions {
  /** Encoder of image fields. */
  readonly image?: ImageOptions;
  /** Increasing edges of reward buckets; with none, a reward is one number. */
  readonly rewardEdges?: readonly number[];
}

const IMAGE: ImageOptions = { encoder: 'patches', patch: 6, features: 32 };

/** Embeds rows x [B, N, F] → [B, N, D]. Without a layout, rows are plain numbers. */
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
/** [B, N, 1], 1 where the field is present. */
const presence = (x: Tensor, field: Field) => slice(x, 2, field.presence, field.presence + 1);

/** The columns that the linear map takes: all columns, with vectors normalized, rewards bucketed, and images left out. */
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

/** (x − mean) / deviation where the field is present, else 0. */
function normalize(scope: Scope, x_BNF: Tensor, field: Field): Tensor {
  const { mean, deviation } = statisticsOf(scope, field);
  return mul(presence(x_BNF, field), div(sub(columns(x_BNF, field), mean), deviation));
}

/**
 * One number per edge, 1 if the reward is above it. With the bias this is as expressive as one-hot buckets (each bucket has its own sum of
 * rows), and neighboring buckets share the edges below both.
 */
function buckets(x_BNF: Tensor, field: Field, edges: readonly number[]): Tensor {
  const above = edges.map(edge => cast(less(edge, columns(x_BNF, field)), 'float32'));
  return mul(presence(x_BNF, field), concat(above, 2));
}

/**
 * Embeds an image field: an encoder shared by all images of a model, then a linear map of the field's own, which distinguishes s and s'.
 */
function embedImage(scope: Scope, x_BNF: Tensor, field: Field, width: number, options: ImageOptions): Tensor {
  const [B, N] = x_BNF.shape;
  const { height, width: across, channels } = field.image!;
  const images = reshape(columns(x_BNF, field), [B * N, height, across, channels]);
  const features = IMAGE_ENCODERS[options.encoder](scope.at('image'), images, options);
  const embedded = reshape(linear(scope.at(field.name), features, width), [B, N, width]);
  return mul(embedded, presence(x_BNF, field));
}
