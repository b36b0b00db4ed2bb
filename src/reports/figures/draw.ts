/** @file Draws figures as SVG (Observable Plot, without a browser) and as PNG. */

import { createRequire } from 'node:module';
import { inspect } from 'node:util';
import { CadenzaError } from '../../util/errors.ts';
import type { Drawing, Figure, FigureOptions, FigureSubjects } from './figure.ts';
import { heatMap } from './heat-map.ts';
import { lineFigure } from './lines.ts';
import { rateCurves } from './rate.ts';

/** Draws a description; returns an SVG document. A drawing that is already SVG is returned as it is. */
export function draw(drawing: Drawing, options: FigureOptions = {}): string {
  if (typeof drawing === 'string') return drawing;
  if ('lines' in drawing) return lineFigure(drawing, options);
  return 'panels' in drawing ? heatMap(drawing, options) : rateCurves(drawing, options);
}

/** A figure of one subject, which can be drawn in any size. */
export interface Drawn {
  readonly drawing: Drawing;
  /** An SVG document. Throws as `drawnOf` does. */
  svg(options?: FigureOptions): string;
}

/**
 * Describes a subject by a figure; undefined if the subject lacks what the figure shows.
 *
 * @throws {CadenzaError} `E_CONFIG`, with the id of the figure, if it throws or returns what cannot be drawn.
 */
export function drawnOf<K extends keyof FigureSubjects>(figure: Figure<K>, subject: FigureSubjects[K]): Drawn | undefined {
  const drawing = guarded(figure, () => figure.draw(subject));
  if (drawing === undefined) return undefined;
  if (typeof drawing === 'string' ? !SIZED.test(drawing) : typeof drawing !== 'object' || drawing === null)
    throw refusal(
      figure,
      `returned ${inspect(drawing).slice(0, 60)}; expected lines, a heat map, or an SVG document with width and height in pixels`,
    );
  return { drawing, svg: options => guarded(figure, () => draw(drawing, options)) };
}

/** The beginning of an SVG with its size. */
const SIZED = /^\s*<svg(?=[^>]*\swidth="[\d.]+")(?=[^>]*\sheight="[\d.]+")/;

const refusal = ({ id }: Pick<Figure, 'id'>, what: string, cause?: unknown) =>
  new CadenzaError('E_CONFIG', `the figure "${id}" ${what}. Correct it and run the command again; finished stages are not repeated.`, {
    cause,
  });

function guarded<T>(figure: Pick<Figure, 'id'>, act: () => T): T {
  try {
    return act();
  } catch (error) {
    if (error instanceof CadenzaError) throw error;
    throw refusal(figure, `cannot be drawn: ${(error as Error)?.message ?? error}`, error);
  }
}

/** Renders an SVG as PNG at `scale` times its size. resvg draws text only in fonts that it is given, so DejaVu is included. */
export function toPNG(svg: string, scale = 2): Uint8Array {
  const require = createRequire(import.meta.url);
  // Loaded late: it is native code, and most commands draw no images.
  const { Resvg } = require('@resvg/resvg-js') as typeof import('@resvg/resvg-js');
  const fontFiles = ['DejaVuSans.ttf', 'DejaVuSans-Bold.ttf'].map(name => require.resolve(`dejavu-fonts-ttf/ttf/${name}`));
  const image = new Resvg(svg, {
    fitTo: { mode: 'zoom', value: scale },
    font: { loadSystemFonts: false, fontFiles, defaultFontFamily: 'DejaVu Sans', sansSerifFamily: 'DejaVu Sans' },
  });
  return image.render().asPng();
}
