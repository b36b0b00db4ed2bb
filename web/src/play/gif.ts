/** @file A recording as an animated GIF: every frame is drawn by the browser, then reduced to one palette. */

import { applyPalette, GIFEncoder, quantize } from 'gifenc';
import { type Drawn, stillOf } from './frames.ts';

/** Colors of the palette; one more index stands for what has not changed. */
const COLORS = 255;

/**
 * Encodes a recording.
 *
 * @param delay milliseconds of a frame.
 * @param onProgress called with the share of frames that are done.
 */
export async function gifOf(drawn: Drawn, delay: number, onProgress: (share: number) => void): Promise<Uint8Array<ArrayBuffer>> {
  const { width, height, frames } = drawn;
  const canvas = document.createElement('canvas');
  Object.assign(canvas, { width, height });
  const context = canvas.getContext('2d', { willReadFrequently: true })!;
  const pixels = async (frame: number) => {
    const url = URL.createObjectURL(new Blob([stillOf(drawn, frame)], { type: 'image/svg+xml' }));
    const image = new Image();
    image.src = url;
    await image.decode();
    URL.revokeObjectURL(url);
    context.drawImage(image, 0, 0);
    return context.getImageData(0, 0, width, height).data;
  };
  // The last frame has the longest curve and the fullest memory; the first may have colors that it lacks.
  const some = [...(await pixels(0)), ...(await pixels(frames.length - 1))];
  const palette = [...quantize(Uint8ClampedArray.from(some), COLORS), [0, 0, 0]];
  const same = palette.length - 1;
  const gif = GIFEncoder();
  let before: Uint8Array | undefined;
  for (let frame = 0; frame < frames.length; frame++) {
    const index = applyPalette(await pixels(frame), palette.slice(0, same));
    const changed = before ? index.map((color, i) => (color === before![i] ? same : color)) : index;
    gif.writeFrame(changed, width, height, {
      ...(before ? { transparent: true, transparentIndex: same } : { palette, repeat: 0 }),
      delay,
      dispose: 1,
    });
    before = index;
    onProgress((frame + 1) / frames.length);
  }
  gif.finish();
  return gif.bytes();
}
