/** @file Draws scenes, as text and as SVG, and finds the scenes of an episode. Runs in browsers, too. */

import { CadenzaError } from '../util/errors.ts';
import { printable } from '../util/text.ts';
import type { Transitions } from './columns.ts';
import type { EnvFamily, Task } from './env.ts';
import { episodeStarts } from './history.ts';
import { type BarsScene, type GridScene, type Mark, type PlaneScene, ROLES, type Scene } from './scene.ts';

/** Episodes of one task in columns: a `History`, or a `Recording`. */
export interface PlayedEpisodes extends Transitions {
  /** The task that was played. */
  readonly task: Task;
}

/**
 * The scenes of one episode in order: before its first step, and after every step.
 *
 * @param episode number of the episode, from 0.
 * @throws {CadenzaError} `E_CONFIG` if the environment declares no drawing, `E_SHAPE` if there is no such episode.
 * @example const film = episodeScenes(family, recording, 0).map(sceneText).join('\n\n');
 */
export function episodeScenes(family: Pick<EnvFamily, 'id' | 'render'>, played: PlayedEpisodes, episode: number): Scene[] {
  if (!family.render)
    throw new CadenzaError('E_CONFIG', `A drawing needs the scenes of the environment (render), which ${family.id} does not declare.`);
  const starts = episodeStarts(played);
  const [from, to] = [starts[episode], starts[episode + 1]];
  if (!(from < to))
    throw new CadenzaError('E_SHAPE', `episodeScenes: episode ${episode} is not among the ${starts.length - 1} episodes, counted from 0.`);
  /** Rows [start, end) of a column. */
  const rows = (column: ArrayLike<number>, start: number, end: number) => {
    const width = column.length / played.reward.length;
    return Array.prototype.slice.call(column, start * width, end * width) as number[];
  };
  const seen = Float32Array.from([...rows(played.observation, from, to), ...rows(played.nextObservation, to - 1, to)]);
  const [action, reward] = [played.action, played.reward].map(column => Float32Array.from(rows(column, from, to)));
  const [width, actionWidth] = [seen.length / (to - from + 1), action.length / (to - from)];
  return Array.from({ length: to - from + 1 }, (_, t) =>
    family.render!(played.task, seen.subarray(t * width, (t + 1) * width), {
      observation: seen.subarray(0, t * width),
      action: action.subarray(0, t * actionWidth),
      reward: reward.subarray(0, t),
    }),
  );
}

/** Characters of a plane as text, which are about twice as high as wide, and of the longest bar. */
const [PLANE_COLUMNS, PLANE_ROWS, BAR_CHARACTERS] = [25, 13, 20];

/**
 * Draws a scene as text: one character for a cell (`.` free, `#` a wall, else the letter of `ROLES`), or one line for a bar; then the caption.
 * The letter of what the agent cannot see is lowercase. Lines end in no space.
 *
 * @example sceneText({ kind: 'grid', columns: 3, rows: 1, marks: [{ role: 'agent', at: [0, 0] }] }) // '@..'
 */
export function sceneText(scene: Scene): string {
  const lines = scene.kind === 'bars' ? barLines(scene) : gridLines(scene.kind === 'plane' ? rasterized(scene) : scene);
  return [...lines.map(line => line.trimEnd()), ...captionLines(scene)].join('\n');
}

const captionLines = ({ caption }: Scene): string[] => (caption ? printable(caption).split('\n') : []);

const letterOf = ({ role, letter = ROLES[role].letter }: Pick<Mark, 'role' | 'letter'>): string => printable(letter);

function gridLines({ columns, rows, walls, marks }: GridScene): string[] {
  const blank = (row: number) => Array.from({ length: columns }, (_, column): string => (walls?.[row * columns + column] ? '#' : '.'));
  const cells = Array.from({ length: rows }, (_, row) => blank(row));
  for (const mark of marks) cells[mark.at[1]][mark.at[0]] = mark.hidden ? letterOf(mark).toLowerCase() : letterOf(mark);
  return cells.map(row => row.join(''));
}

/** The plane in cells, each mark in the cell of its center and in those whose centers it covers. */
function rasterized({ low, high, marks }: PlaneScene): GridScene {
  const counts = [PLANE_COLUMNS, PLANE_ROWS];
  const size = [(high[0] - low[0]) / PLANE_COLUMNS, (high[1] - low[1]) / PLANE_ROWS];
  const cells = Array.from({ length: PLANE_COLUMNS * PLANE_ROWS }, (_, i) => [i % PLANE_COLUMNS, Math.floor(i / PLANE_COLUMNS)]);
  const covers = ({ at, radius = 0 }: Mark, [column, row]: readonly number[]) =>
    Math.hypot(low[0] + (column + 0.5) * size[0] - at[0], high[1] - (row + 0.5) * size[1] - at[1]) <= radius;
  const own = ({ at }: Mark) =>
    [(at[0] - low[0]) / size[0], (high[1] - at[1]) / size[1]].map((place, d) => Math.min(counts[d] - 1, Math.max(0, Math.floor(place))));
  return {
    kind: 'grid',
    columns: PLANE_COLUMNS,
    rows: PLANE_ROWS,
    marks: marks.flatMap(mark => [own(mark), ...cells.filter(cell => covers(mark, cell))].map(at => ({ ...mark, at }))),
  };
}

function barLines({ max, bars }: BarsScene): string[] {
  const columns = bars.map(({ name, value, text, roles = [] }) => [
    roles.map(role => letterOf({ role })).join(''),
    printable(name),
    '#'.repeat(Math.round((BAR_CHARACTERS * value) / max)),
    printable(text),
  ]);
  const widths = columns[0].map((_, c) => Math.max(...columns.map(row => row[c].length)));
  return columns.map(row => row.map((cell, c) => cell.padEnd(widths[c])).join(' '));
}

/** Pixels of grids and planes, of their cells, of what may extend beyond a plane, of bars, and of a filmstrip with the gaps in it. */
const [SIDE, MIN_CELL, MAX_CELL, EDGE, BAR, BAR_ROW, STRIP, GAP] = [240, 12, 28, 8, 140, 22, 880, 20];
/** Letters are as wide as those of DejaVu Sans, which are wider than most. */
const [FONT_SIZE, LINE, LETTER_WIDTH] = [12, 17, 7.4];

/**
 * Draws a scene as an SVG document; several become a filmstrip. It has no background, and walls and text have the text color of the page,
 * so it suits light and dark ones. A mark shows its role at the pointer.
 *
 * @throws {CadenzaError} `E_SHAPE` if there is no scene.
 * @example document.body.innerHTML = sceneSVG(family.render!(task, observation, past));
 */
export function sceneSVG(scenes: Scene | readonly Scene[]): string {
  const list = [scenes].flat() as Scene[];
  if (list.length === 0) throw new CadenzaError('E_SHAPE', 'sceneSVG: expected at least one scene, found none.');
  const pictures = list.map(pictureOf);
  const [cellWidth, cellHeight] = [Math.max(...pictures.map(({ width }) => width)), Math.max(...pictures.map(({ height }) => height))];
  const across = Math.max(1, Math.min(list.length, Math.floor((STRIP + GAP) / (cellWidth + GAP))));
  const down = Math.ceil(list.length / across);
  const [width, height] = [across * (cellWidth + GAP) - GAP, down * (cellHeight + GAP) - GAP];
  const placed = pictures.map(
    ({ body }, i) =>
      `<g transform="translate(${(i % across) * (cellWidth + GAP)} ${Math.floor(i / across) * (cellHeight + GAP)})">${body}</g>`,
  );
  const label = escaped(list.length === 1 ? captionLines(list[0]).join(', ') : `${list.length} scenes`);
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-label="${label}" font-family="system-ui, 'DejaVu Sans', sans-serif" font-size="${FONT_SIZE}" fill="currentColor">${placed.join('')}</svg>`;
}

interface Picture {
  readonly width: number;
  readonly height: number;
  readonly body: string;
}

/** One scene with its caption below. */
function pictureOf(scene: Scene): Picture {
  const { width, height, body } =
    scene.kind === 'grid' ? gridPicture(scene) : scene.kind === 'plane' ? planePicture(scene) : barPicture(scene);
  const lines = captionLines(scene);
  return {
    width: Math.max(width, ...lines.map(widthOf)),
    height: height + (lines.length > 0 ? LINE * lines.length + 6 : 0),
    body: body + lines.map((line, i) => textAt(1, height + LINE * (i + 1), line)).join(''),
  };
}

function gridPicture({ columns, rows, walls, marks }: GridScene): Picture {
  const cell = Math.max(MIN_CELL, Math.min(MAX_CELL, Math.floor(SIDE / Math.max(columns, rows))));
  // Half of the outline is outside of the cells.
  const at = (index: number) => 1 + index * cell;
  const [width, height] = [columns * cell, rows * cell];
  const across = Array.from({ length: rows + 1 }, (_, row) => `M1 ${at(row)}h${width}`);
  const down = Array.from({ length: columns + 1 }, (_, column) => `M${at(column)} 1v${height}`);
  const blocks = Array.from({ length: walls ? rows * columns : 0 }, (_, i) =>
    walls![i] ? `M${at(i % columns)} ${at(Math.floor(i / columns))}h${cell}v${cell}h${-cell}z` : '',
  ).join('');
  // A dot would shine through the letter of the start or a goal.
  const covered = ({ at }: Mark, later: readonly Mark[]) => later.some(mark => mark.at[0] === at[0] && mark.at[1] === at[1]);
  const shown = (mark: Mark, i: number) => mark.role !== 'visited' || !covered(mark, marks.slice(i + 1));
  return {
    width: width + 2,
    height: height + 2,
    body: [
      `<path d="${[...across, ...down].join('')}" stroke="currentColor" stroke-opacity="0.2"/>`,
      blocks && `<path d="${blocks}" fill-opacity="0.6"/>`,
      ...marks.filter(shown).map(mark => markAt(at(mark.at[0] + 0.5), at(mark.at[1] + 0.5), cell, mark)),
    ].join(''),
  };
}

function planePicture({ low, high, marks }: PlaneScene): Picture {
  const scale = SIDE / Math.max(high[0] - low[0], high[1] - low[1]);
  const [inner, outer] = [0, 2 * EDGE].map(edge => [0, 1].map(d => pixels(scale * (high[d] - low[d]) + edge)));
  return {
    width: outer[0],
    height: outer[1],
    // An SVG of its own cuts off what is outside.
    body: [
      `<svg width="${outer[0]}" height="${outer[1]}">`,
      `<rect x="${EDGE}" y="${EDGE}" width="${inner[0]}" height="${inner[1]}" fill="none" stroke="currentColor" stroke-opacity="0.4"/>`,
      ...marks.map(mark => markAt(EDGE + scale * (mark.at[0] - low[0]), EDGE + scale * (high[1] - mark.at[1]), MAX_CELL, mark, scale)),
      '</svg>',
    ].join(''),
  };
}

function barPicture({ max, bars }: BarsScene): Picture {
  const marks = BAR_ROW * Math.max(...bars.map(({ roles = [] }) => roles.length));
  const names = marks + Math.max(...bars.map(({ name }) => widthOf(name))) + 8;
  const texts = names + BAR + 6;
  return {
    width: texts + Math.max(...bars.map(({ text }) => widthOf(text))),
    height: bars.length * BAR_ROW,
    body: bars
      .map(({ name, value, text, roles = [] }, i) => {
        const [top, base] = [i * BAR_ROW, (i + 0.5) * BAR_ROW + 4];
        return [
          ...roles.map((role, r) => markAt((r + 0.5) * BAR_ROW, (i + 0.5) * BAR_ROW, BAR_ROW, { role })),
          textAt(marks + 2, base, name),
          `<rect x="${names}" y="${top + 3}" width="${BAR}" height="${BAR_ROW - 6}" fill-opacity="0.08"/>`,
          `<rect x="${names}" y="${top + 3}" width="${pixels((BAR * value) / max)}" height="${BAR_ROW - 6}" fill-opacity="0.5"/>`,
          textAt(texts, base, text),
        ].join('');
      })
      .join(''),
  };
}

/** A mark of this size in pixels around (x, y): a disc for the agent, a dot where it was, a letter in a box or in a circle for anything else. */
function markAt(x: number, y: number, size: number, mark: Omit<Mark, 'at'>, scale = 0): string {
  const { role, hidden, radius } = mark;
  const { color } = ROLES[role];
  const title = `<title>${role}${hidden ? ', hidden from the agent' : ''}</title>`;
  const center = `cx="${pixels(x)}" cy="${pixels(y)}"`;
  if (role === 'agent') return `<circle ${center} r="${pixels(0.28 * size)}" fill="${color}">${title}</circle>`;
  if (role === 'visited') return `<circle ${center} r="${pixels(Math.max(1.2, 0.11 * size))}" fill="${color}" fill-opacity="0.75"/>`;
  const half = 0.42 * size;
  const box = `x="${pixels(x - half)}" y="${pixels(y - half)}" width="${pixels(2 * half)}" height="${pixels(2 * half)}" rx="${pixels(0.12 * size)}"`;
  const shape = radius === undefined ? `<rect ${box}` : `<circle ${center} r="${pixels(radius * scale)}"`;
  const dash = hidden ? ' stroke-dasharray="3 2"' : '';
  const letterSize = Math.max(7, Math.min(14, pixels(0.56 * size)));
  return `<g>${title}${shape} fill="${color}" fill-opacity="0.25" stroke="${color}" stroke-width="1.5"${dash}/><text x="${pixels(x)}" y="${pixels(y)}" dy="0.36em" text-anchor="middle" font-size="${letterSize}" font-weight="bold">${escaped(letterOf(mark))}</text></g>`;
}

const pixels = (value: number): number => +value.toFixed(1);
const widthOf = (text: string): number => Math.ceil(LETTER_WIDTH * printable(text).length);
const textAt = (x: number, y: number, text: string): string => `<text x="${x}" y="${y}">${escaped(printable(text))}</text>`;

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
const escaped = (text: string): string => text.replace(/[&<>"]/g, found => ENTITIES[found]);
