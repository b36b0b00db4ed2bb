/** @file The pipeline of an experiment as a figure: inputs and outputs of C_θ and A_φ, with the shapes of this run. */

import type { Setting } from '../../records/index.ts';

const [WIDTH, HEIGHT] = [730, 252];
const BLUE = '#1f77c9';
const ORANGE = '#d55e00';
/** Vertical position of the main path, from the context to the action. */
const MIDDLE = 92;
const FONT = 'font-family="system-ui, \'DejaVu Sans\', sans-serif"';
const whole = (value: number): string => value.toLocaleString('en-US');

/** An SVG document without a background; lines and text have the text color of the page. */
export function pipeline(setting: Setting): string {
  const { context, query, latents, parameters, retrieved, distribution } = setting;
  const memory = latents.workingMemory > 0 ? ` + ${latents.workingMemory}` : '';
  const parts = [
    tokens(16, MIDDLE, 8, 'currentColor', true),
    label(66, MIDDLE - 38, 'context X', true),
    label(66, MIDDLE + 36, `${whole(context.tokens)} tokens × ${whole(context.numbers)}`),
    arrow(124, MIDDLE, 150, MIDDLE),
    network(154, MIDDLE, 'C', 'θ', parameters.compressor),
    arrow(260, MIDDLE, 286, MIDDLE),
    tokens(290, MIDDLE, Math.min(latents.count, 8), BLUE, latents.count > 8),
    label(340, MIDDLE - 38, 'latents Z', true, BLUE),
    label(340, MIDDLE + 36, `${whole(latents.count)}${memory} × ${whole(latents.width)}`),
    arrow(396, MIDDLE, 422, MIDDLE),
    network(426, MIDDLE, 'A', 'φ', parameters.policy),
    arrow(532, MIDDLE, 558, MIDDLE),
    distributionOf(578, MIDDLE, distribution),
    label(645, MIDDLE - 38, 'action', true),
    label(645, MIDDLE + 36, `p(a | Z, Q): ${whole(distribution)} numbers`),
    tokens(428, 204, 8, ORANGE, true),
    label(478, 234, `query Q: ${whole(query.tokens)} tokens × ${whole(query.numbers)}`, false, ORANGE),
    ...(query.promptTokens > 0 ? [label(478, 249, `${whole(query.promptTokens)} of them a prompt`, false, ORANGE)] : []),
    arrow(478, 188, 478, MIDDLE + 38),
    ...(parameters.decoder === undefined ? [] : reconstruction(parameters.decoder)),
    ...(retrieved > 0 ? [label(478, 32, `${whole(retrieved)} retrieved Z`, false, BLUE), arrow(478, 36, 478, MIDDLE - 38)] : []),
    // Actions become part of the history that is compressed next.
    `<path d="M645 ${MIDDLE - 54} V14 H66 V${MIDDLE - 56}" fill="none" stroke="currentColor" stroke-dasharray="3 3" stroke-opacity="0.6"/>`,
    head(66, MIDDLE - 52, 90),
    label(215, 28, 'the episode joins the history'),
  ];
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${HEIGHT}" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="Pipeline" ${FONT} font-size="12" fill="currentColor">${parts.join('')}</svg>`;
}

/** A row of squares; with dots if there are more tokens than squares. */
function tokens(x: number, y: number, count: number, color: string, more: boolean): string {
  const start = x + (100 - 12 * count) / 2;
  const shown = more ? count - 1 : count;
  const squares = Array.from(
    { length: shown },
    (_, i) => `<rect x="${start + 12 * i}" y="${y - 10}" width="10" height="20" fill="${color}" fill-opacity="0.28" stroke="${color}"/>`,
  );
  return squares.join('') + (more ? text(start + 12 * shown + 5, y + 4, '…', 'font-weight="bold"') : '');
}

function distributionOf(x: number, y: number, count: number): string {
  const shown = Math.min(count, 7);
  const bars = Array.from({ length: shown }, (_, i) => {
    const height = 4 + 16 * Math.exp(-((i - 1) ** 2));
    return `<rect x="${(x + 67 - 6 * shown + 12 * i).toFixed(1)}" y="${(y + 10 - height).toFixed(1)}" width="8" height="${height.toFixed(1)}" fill="currentColor" fill-opacity="0.5"/>`;
  });
  return bars.join('');
}

function network(x: number, y: number, name: string, index: string, numbers: number): string {
  return (
    `<rect x="${x}" y="${y - 32}" width="104" height="64" rx="6" fill="currentColor" fill-opacity="0.06" stroke="currentColor"/>` +
    `<text x="${x + 52}" y="${y - 2}" text-anchor="middle" font-size="17" font-weight="bold">${name}<tspan dy="5" font-size="12">${index}</tspan></text>` +
    text(x + 52, y + 21, `${whole(numbers)} weights`, 'font-size="11"')
  );
}

/** R_ψ below the latents, which exists in training only. */
function reconstruction(numbers: number): string[] {
  return [
    `<path d="M340 ${MIDDLE + 44} V186" fill="none" stroke="currentColor" stroke-dasharray="3 3"/>`,
    head(340, 188, 90),
    `<rect x="284" y="190" width="112" height="42" rx="6" fill="none" stroke="currentColor" stroke-dasharray="3 3"/>`,
    `<text x="340" y="207" text-anchor="middle" font-size="13" font-weight="bold">R<tspan dy="3" font-size="10">ψ</tspan></text>`,
    text(340, 223, `${whole(numbers)} weights`, 'font-size="11"'),
    `<path d="M284 211 H66 V${MIDDLE + 50}" fill="none" stroke="currentColor" stroke-dasharray="3 3"/>`,
    head(66, MIDDLE + 44, -90),
    label(175, 205, 'reconstructs X, in training only'),
  ];
}

const text = (x: number, y: number, content: string, more = ''): string =>
  `<text x="${x}" y="${y}" text-anchor="middle" ${more}>${content}</text>`;

const label = (x: number, y: number, content: string, bold = false, color = 'currentColor'): string =>
  text(x, y, content, `fill="${color}"${bold ? ' font-weight="bold" font-size="13"' : ''}`);

/** The tip of an arrow, rotated by degrees. */
const head = (x: number, y: number, degrees: number): string =>
  `<path d="M0 0 L-7 -4 L-7 4 Z" transform="translate(${x} ${y}) rotate(${degrees})" fill="currentColor"/>`;

function arrow(x1: number, y1: number, x2: number, y2: number): string {
  const degrees = (Math.atan2(y2 - y1, x2 - x1) * 180) / Math.PI;
  return `<line x1="${x1}" y1="${y1}" x2="${x2}" y2="${y2}" stroke="currentColor" stroke-width="1.4"/>${head(x2 + 2 * Math.cos((degrees * Math.PI) / 180), y2 + 2 * Math.sin((degrees * Math.PI) / 180), degrees)}`;
}
