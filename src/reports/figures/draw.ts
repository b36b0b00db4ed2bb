/** @file Draws what figures describe, as SVG (Observable Plot on a document without a browser) and as PNG. */

import { createRequire } from 'node:module';
import { inspect } from 'node:util';
import { CadenzaError } from '../../util/errors.ts';
import type { Drawing, Figure, FigureOptions, FigureSubjects } from './figure.ts';
import { heatMap } from './heat-map.ts';
import { lineFigure } from './lines.ts';
import { rateCurves } from './rate.ts';

/** Draws it; gives an SVG document. One that is an SVG already stays as it is. */
export function draw(drawing: Drawing, options: FigureOptions = {}): string {
  if (typeof drawing === 'string') return drawing;
  if ('lines' in drawing) return lineFigure(drawing, options);
  return 'panels' in drawing ? heatMap(drawing, options) : rateCurves(drawing, options);
}

/** A figure of one subject, to be drawn in any size. */
export interface Drawn {
  readonly drawing: Drawing;
  /** An SVG document. Throws as `drawnOf` does. */
  svg(options?: FigureOptions): string;
}

/**
 * A figure of its subject; undefined where that does not have what it shows.
 *
 * @throws {CadenzaError} `E_CONFIG`, naming the figure, where it throws or gives what cannot be drawn.
 */
export function drawnOf<K extends keyof FigureSubjects>(figure: Figure<K>, subject: FigureSubjects[K]): Drawn | undefined {
  const drawing = guarded(figure, () => figure.draw(subject));
  if (drawing === undefined) return undefined;
  if (typeof drawing === 'string' ? !SIZED.test(drawing) : typeof drawing !== 'object' || drawing === null)
    throw refusal(
      figure,
      `gave ${inspect(drawing).slice(0, 60)}; expected lines, a heat map, or an SVG document with its width and height in pixels`,
    );
  return { drawing, svg: options => guarded(figure, () => draw(drawing, options)) };
}

/** The beginning of an SVG that says its size. */
const SIZED = /^\s*<svg(?=[^>]*\swidth="[\d.]+")(?=[^>]*\sheight="[\d.]+")/;

const refusal = ({ id }: Pick<Figure, 'id'>, what: string, cause?: unknown) =>
  new CadenzaError('E_CONFIG', `the figure "${id}" ${what}. Correct it and run the command again; what is finished stays.`, { cause });

function guarded<T>(figure: Pick<Figure, 'id'>, act: () => T): T {
  try {
    return act();
  } catch (error) {
    if (error instanceof CadenzaError) throw error;
    throw refusal(figure, `cannot be drawn: ${(error as Error)?.message ?? error}`, error);
  }
}

/** Renders an SVG at `scale` times its size. resvg draws text only in fonts that it is given, so DejaVu comes along. */
export function toPNG(svg: string, scale = 2): Uint8Array {
  const require = createRequire(import.meta.url);
  // Loaded late: it is native code, and most who read reports draw no images.
  const { Resvg } = require('@resvg/resvg-js') as typeof import('@resvg/resvg-js');
  const fontFiles = ['DejaVuSans.ttf', 'DejaVuSans-Bold.ttf'].map(name => require.resolve(`dejavu-fonts-ttf/ttf/${name}`));
  const image = new Resvg(svg, {
    fitTo: { mode: 'zoom', value: scale },
    font: { loadSystemFonts: false, fontFiles, defaultFontFamily: 'DejaVu Sans', sansSerifFamily: 'DejaVu Sans' },
  });
  return image.render().asPng();
}
