/** @file Steps of a session as SVG, in the same colors everywhere: for papers and slides. Needs no page. */

import { sceneSVG } from '../../../src/rl/draw.ts';
import { type GridScene, type Mark, ROLES } from '../../../src/rl/scene.ts';
import { COLORS } from '../../../src/util/palette.ts';
import type { LaneView } from './session.ts';
import { colorOf, drawnCells, heatOf, thinned } from './shades.ts';

/** What the frames of a recording show. */
export interface FrameOptions {
  /** Names of the agents. */
  readonly names: readonly string[];
  /** Their colors. */
  readonly colors: readonly (keyof typeof COLORS)[];
  /** Whether Z is drawn below each agent. */
  readonly memory: boolean;
  /** Whether beliefs are drawn. */
  readonly beliefs: boolean;
  /** What a point of the curve is. */
  readonly unit: string;
}

/** A recording, drawn: every frame is the content of an SVG of this size. */
export interface Drawn {
  readonly width: number;
  readonly height: number;
  readonly frames: readonly string[];
}

/** Pixels of a grid, of the space around it, of a line of text, of a picture of Z and of the curve. */
const [SIDE, GAP, LINE, STRIP, CURVE] = [200, 16, 18, 48, 96];
const INK = '#1b1f24';
const [FLOOR, LINES] = ['#f5f6f8', '#d5d9de'];
/** Colors of Z: so many on each side of 0. */
const LEVELS = 8;

const escaped = (text: string): string => text.replace(/[&<>"]/g, letter => `&#${letter.charCodeAt(0)};`);
const short = (value: number): string => String(Number(value.toFixed(2)));
const text = (x: number, y: number, content: string, more = ''): string => `<text x="${x}" y="${y}"${more}>${escaped(content)}</text>`;

/** Draws a recording: an entry for each step, each with the agents after it. */
export function drawFrames(
  recording: readonly (readonly LaneView[])[],
  { names, colors: colorNames, memory, beliefs, unit }: FrameOptions,
): Drawn {
  const last = recording[recording.length - 1];
  const colors = colorNames.map(name => COLORS[name]);
  const width = GAP + last.length * (SIDE + GAP);
  const strips = memory && last.some(({ latents }) => latents);
  const top = GAP + 2 * LINE + SIDE;
  const curveTop = top + (strips ? GAP + STRIP : 0) + GAP;
  const height = curveTop + LINE + CURVE + GAP;
  // The same scales in all frames.
  const most = Math.max(1e-6, ...recording.flatMap(lanes => lanes.map(({ latents }) => largest(latents))));
  const scores = { count: Math.max(8, ...last.map(lane => lane.scores.length)), top: Math.max(1, ...last.flatMap(lane => lane.scores)) };
  const frames = recording.map(lanes => {
    const cards = lanes.map((lane, i) => {
      const place = `translate(${GAP + i * (SIDE + GAP)} ${GAP})`;
      const strip = strips && lane.latents && lane.latentShape ? stripOf(lane.latents, lane.latentShape, most) : '';
      return [
        `<g transform="${place}">`,
        text(0, 12, names[i], ` fill="${colors[i]}" font-weight="600"`),
        text(0, 12 + LINE, `episode ${lane.episode + 1}, step ${lane.step}, score ${short(lane.running)}`),
        `<g transform="translate(0 ${2 * LINE})">${roomOf(lane, colors[i], beliefs)}</g>`,
        strip && `<g transform="translate(0 ${2 * LINE + SIDE + GAP})">${strip}</g>`,
        '</g>',
      ].join('');
    });
    const curve = `<g transform="translate(${GAP} ${curveTop})">${curveOf(lanes, colors, { ...scores, width: width - 2 * GAP, unit })}</g>`;
    return `<rect width="${width}" height="${height}" fill="#ffffff"/>${cards.join('')}${curve}`;
  });
  return { width, height, frames };
}

const largest = (values: ArrayLike<number> = []): number => {
  let most = 0;
  for (let i = 0; i < values.length; i++) most = Math.max(most, Math.abs(values[i]));
  return most;
};

/** A room with what is in it, SIDE pixels wide and high at most. */
function roomOf({ scene, beliefs = [] }: LaneView, color: string, believed: boolean): string {
  if (!scene) return '';
  if (scene.kind !== 'grid') return sceneSVG(scene);
  const { columns, rows, walls, marks } = scene;
  const cell = SIDE / Math.max(columns, rows);
  const box = (x: number, y: number, fill: string) =>
    `<rect x="${short(x * cell)}" y="${short(y * cell)}" width="${short(cell)}" height="${short(cell)}" ${fill}/>`;
  const blocked = Array.from({ length: columns * rows }, (_, i) =>
    walls?.[i] ? box(i % columns, Math.floor(i / columns), 'fill="#5a626c"') : '',
  );
  const believedCells = (believed ? beliefs : []).flatMap(belief =>
    drawnCells(belief).map(({ x, y, strength }) => box(x, y, `fill="${colorOf(belief.name)}" fill-opacity="${short(0.85 * strength)}"`)),
  );
  return [
    `<rect width="${short(columns * cell)}" height="${short(rows * cell)}" fill="${FLOOR}"/>`,
    ...blocked,
    ...believedCells,
    `<path d="${linesOf(scene, cell)}" stroke="${LINES}" fill="none"/>`,
    ...marks.map(mark => markOf(mark, cell, color)),
  ].join('');
}

const linesOf = ({ columns, rows }: GridScene, cell: number): string =>
  [
    ...Array.from({ length: rows + 1 }, (_, y) => `M0 ${short(y * cell)}h${short(columns * cell)}`),
    ...Array.from({ length: columns + 1 }, (_, x) => `M${short(x * cell)} 0v${short(rows * cell)}`),
  ].join('');

function markOf({ role, at, letter, hidden }: Mark, cell: number, own: string): string {
  const [x, y] = [(at[0] + 0.5) * cell, (at[1] + 0.5) * cell];
  const disc = (radius: number, fill: string) => `<circle cx="${short(x)}" cy="${short(y)}" r="${short(radius * cell)}" ${fill}/>`;
  if (role === 'agent') return disc(0.32, `fill="${own}"`);
  if (role === 'visited') return disc(0.12, 'fill="#5a626c" fill-opacity="0.45"');
  const { color, letter: usual } = ROLES[role];
  const dashes = hidden ? ' stroke-dasharray="3 2"' : '';
  const edge = short(0.76 * cell);
  return `<rect x="${short(x - 0.38 * cell)}" y="${short(y - 0.38 * cell)}" width="${edge}" height="${edge}" rx="3" fill="${color}" fill-opacity="0.22" stroke="${color}"${dashes}/>${text(Number(short(x)), Number(short(y + 4)), letter ?? usual, ' text-anchor="middle" font-weight="600"')}`;
}

/** Z as a picture: one path for each color. */
function stripOf(latents: Float32Array, [M, D]: readonly [number, number], most: number): string {
  const byLevel = new Map<number, string[]>();
  for (let i = 0; i < M * D; i++) {
    const level = Math.round((LEVELS * latents[i]) / most);
    byLevel.set(level, [...(byLevel.get(level) ?? []), `M${i % D} ${Math.floor(i / D)}h1v1h-1z`]);
  }
  const hex = (level: number) =>
    `#${heatOf(level / LEVELS)
      .map(part => Math.round(part).toString(16).padStart(2, '0'))
      .join('')}`;
  const paths = [...byLevel].map(([level, cells]) => `<path fill="${hex(level)}" d="${cells.join('')}"/>`);
  return `<g transform="scale(${short(SIDE / D)} ${short(STRIP / M)})" shape-rendering="crispEdges">${paths.join('')}</g>`;
}

interface CurveSize {
  readonly count: number;
  readonly top: number;
  readonly width: number;
  readonly unit: string;
}

function curveOf(lanes: readonly LaneView[], colors: readonly string[], { count, top, width, unit }: CurveSize): string {
  const x = (at: number) => short((width * (at - 0.5)) / count);
  const y = (score: number) => short(LINE + CURVE * (1 - score / top));
  const lines = lanes.map(({ scores }, i) => {
    const points = thinned(scores).map(({ x: at, y: score }) => `${x(at)},${y(score)}`);
    return `<polyline points="${points.join(' ')}" fill="none" stroke="${colors[i]}" stroke-width="2"/>`;
  });
  const axis = `<path d="M0 ${LINE}v${CURVE}h${width}" fill="none" stroke="${LINES}"/>`;
  return `${text(0, 10, `${unit} (0 to ${short(top)}, ${count} shown)`)}${axis}${lines.join('')}`;
}

const svg = ({ width, height }: Drawn, content: string): string =>
  `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="system-ui, 'DejaVu Sans', sans-serif" font-size="12" fill="${INK}">${content}</svg>`;

/** One frame as an SVG document. */
export const stillOf = (drawn: Drawn, frame: number): string => svg(drawn, drawn.frames[frame]);

/**
 * All frames as one SVG document that repeats them. Where nothing moves, as in a paper, the last frame is seen.
 *
 * @param delay milliseconds of a frame.
 */
export function animatedOf(drawn: Drawn, delay: number): string {
  const n = drawn.frames.length;
  const moving = drawn.frames.map((frame, k) => {
    const [from, to] = [k / n, (k + 1) / n].map(share => Number(share.toFixed(5)));
    const times = [...(k > 0 ? [[0, 'hidden']] : []), [from, 'visible'], ...(k < n - 1 ? [[to, 'hidden']] : [])];
    const [values, keyTimes] = [1, 0].map(part => times.map(each => each[part]).join(';'));
    const animate =
      n > 1
        ? `<animate attributeName="visibility" calcMode="discrete" values="${values}" keyTimes="${keyTimes}" dur="${(n * delay) / 1000}s" repeatCount="indefinite"/>`
        : '';
    return `<g visibility="${k === n - 1 ? 'visible' : 'hidden'}">${animate}${frame}</g>`;
  });
  return svg(drawn, moving.join(''));
}
