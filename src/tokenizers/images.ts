/**
 * @file Small image encoders (method 1.1), each one function in a registry. A convolution is a patch extraction and a matrix product, so
 * the engine needs no op for it, and any ONNX runtime runs it. Shape key: R images, P patches, C channels of the image, E features, K
 * numbers of a patch.
 */

import {
  add,
  linear as affine,
  concat,
  expectShape,
  mul,
  pad,
  relu,
  reshape,
  slice,
  sum,
  type Tensor,
  transpose,
} from '../engine/index.ts';
import { linear, normalInit, type Scope } from '../nn/index.ts';

/** Options of image encoders. */
export interface ImageOptions {
  /** Which encoder. */
  readonly encoder: ImageEncoderKind;
  /** Side of a patch in pixels, for `patches`. */
  readonly patch: number;
  /** Features of a patch or pixel (E). */
  readonly features: number;
}

/** Images [R, height, width, C] → features [R, ..]. */
type ImageEncoder = (scope: Scope, images_RYXC: Tensor, options: ImageOptions) => Tensor;

/** Pads with zeros below and on the right until both sides have at least the given size. */
function padTo(images_RYXC: Tensor, height: number, width: number): Tensor {
  const { Y, X } = expectShape(images_RYXC, 'R Y X C');
  return pad(pad(images_RYXC, 1, 0, Math.max(0, height - Y)), 2, 0, Math.max(0, width - X));
}

/** Adjacent patches: [R, Y, X, C] → [R, Y/p, X/p, p·p·C]. Sides that p does not divide are padded with zeros at the end. */
export function patchesOf(images_RYXC: Tensor, p: number): Tensor {
  const { R, Y, X, C } = expectShape(images_RYXC, 'R Y X C');
  const [rows, columns] = [Math.ceil(Y / p), Math.ceil(X / p)];
  const cut = reshape(padTo(images_RYXC, rows * p, columns * p), [R, rows, p, columns, p, C]);
  return reshape(transpose(cut, [0, 1, 3, 2, 4, 5]), [R, rows, columns, p * p * C]);
}

/**
 * Overlapping patches, one every `stride` pixels: [R, Y, X, C] → [R, ⌈Y/stride⌉, ⌈X/stride⌉, kernel²·C]. Pixels outside the image are 0,
 * with the same number of zeros (or one less) before as after.
 */
export function windowsOf(images_RYXC: Tensor, kernel: number, stride: number): Tensor {
  const { Y, X } = expectShape(images_RYXC, 'R Y X C');
  const [rows, columns] = [Math.ceil(Y / stride), Math.ceil(X / stride)];
  const around = (axis: number, size: number, places: number) => (image: Tensor) => {
    const missing = Math.max(0, (places - 1) * stride + kernel - size);
    return pad(image, axis, Math.floor(missing / 2), Math.ceil(missing / 2));
  };
  const padded = around(2, X, columns)(around(1, Y, rows)(images_RYXC));
  const shifts = Array.from({ length: kernel * kernel }, (_, i) => [Math.floor(i / kernel), i % kernel] as const);
  const windows = shifts.map(([dy, dx]) => {
    const lines = slice(padded, 1, dy, dy + (rows - 1) * stride + 1, stride);
    return slice(lines, 2, dx, dx + (columns - 1) * stride + 1, stride);
  });
  return concat(windows, 3);
}

/** Strided convolution with ReLU: [R, Y, X, C] → [R, ⌈Y/stride⌉, ⌈X/stride⌉, E]. */
function convolution(scope: Scope, images_RYXC: Tensor, kernel: number, stride: number, features: number): Tensor {
  return relu(linear(scope, windowsOf(images_RYXC, kernel, stride), features));
}

/**
 * One linear map for all patches, plus a learned embedding of the patch's row and column (separate, so that positions generalize), a ReLU,
 * and the sum over patches: u = Σ_p relu(W x_p + b + row_p + column_p) / √P.
 */
const patches: ImageEncoder = (scope, images_RYXC, { patch, features: E }) => {
  const cut = patchesOf(images_RYXC, patch);
  const [, rows, columns, K] = cut.shape;
  const row = scope.parameter('rows', [rows, 1, E], normalInit(0.5));
  const column = scope.parameter('columns', [1, columns, E], normalInit(0.5));
  const bright = affine(cut, scope.parameter('weight', [K, E]));
  const seen = relu(add(bright, add(row, column)));
  return mul(sum(seen, [1, 2]), 1 / Math.sqrt(rows * columns));
};

/** Two convolutions, 3 × 3 with stride 2, flattened. */
const conv: ImageEncoder = (scope, images_RYXC, { features }) => {
  const first = convolution(scope.at('conv0'), images_RYXC, 3, 2, features);
  const second = convolution(scope.at('conv1'), first, 3, 2, features);
  const [R, ...rest] = second.shape;
  return reshape(second, [R, rest.reduce((a, b) => a * b, 1)]);
};

/** Image encoders by name. */
export const IMAGE_ENCODERS = { patches, conv } as const satisfies Record<string, ImageEncoder>;
/** Name of an image encoder. */
export type ImageEncoderKind = 'patches' | 'conv';
/** Names of the image encoders. */
export const IMAGE_ENCODER_KINDS = Object.keys(IMAGE_ENCODERS) as [ImageEncoderKind, ...ImageEncoderKind[]];
