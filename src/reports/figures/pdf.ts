/** @file Figures as vector PDF with embedded fonts, from the same SVG as everywhere else. */

import { createRequire } from 'node:module';
import PDFDocument from 'pdfkit';
import SVGtoPDF from 'svg-to-pdfkit';
import { invariant } from '../../util/errors.ts';

const FONTS = { regular: 'DejaVuSans.ttf', bold: 'DejaVuSans-Bold.ttf' };
const INK = '#1b1b1b';

/** One page of the size of the SVG, one point per pixel. Equal SVGs give equal bytes. Throws `E_SHAPE` for an SVG without its size. */
export async function toPDF(svg: string): Promise<Uint8Array> {
  const [width, height] = ['width', 'height'].map(side => Number(new RegExp(`<svg[^>]*\\s${side}="([\\d.]+)"`).exec(svg)?.[1]));
  invariant(width > 0 && height > 0, 'toPDF: expected an SVG with a width and a height in pixels.');
  const require = createRequire(import.meta.url);
  // The current date would make every file different.
  const document = new PDFDocument({ size: [width, height], margin: 0, info: { CreationDate: new Date(0) } });
  for (const [name, file] of Object.entries(FONTS)) document.registerFont(name, require.resolve(`dejavu-fonts-ttf/ttf/${file}`));
  const chunks: Uint8Array[] = [];
  const ended = new Promise((resolve, reject) =>
    document
      .on('data', chunk => chunks.push(chunk))
      .on('end', resolve)
      .on('error', reject),
  );
  // The published types say the class where the function takes a document. It does not support currentColor.
  SVGtoPDF(document as unknown as typeof PDFDocument, svg.replaceAll('currentColor', INK), 0, 0, {
    width,
    height,
    assumePt: true,
    fontCallback: (_family, bold) => (bold ? 'bold' : 'regular'),
  });
  document.end();
  await ended;
  return Buffer.concat(chunks);
}
