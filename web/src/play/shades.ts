/** @file What the page and its recordings draw alike: numbers as colors, cells of a belief, points of a curve. */

import type { Belief } from '../../../src/policy/index.ts';
import { ROLES } from '../../../src/rl/scene.ts';

/** Colors of −1, 0 and 1, for light and dark pages alike. */
const [LOW, ZERO, HIGH] = [
  [31, 119, 201],
  [245, 245, 245],
  [213, 94, 0],
];

/** [red, green, blue] of a number from −1 to 1, each from 0 to 255. The root makes small numbers visible. */
export function heatOf(value: number): number[] {
  const to = value < 0 ? LOW : HIGH;
  const share = Math.sqrt(Math.min(1, Math.abs(value)));
  return ZERO.map((part, i) => part + (to[i] - part) * share);
}

/** The color of what a belief is about, as its mark has it. */
export const colorOf = (name: string): string => (Object.hasOwn(ROLES, name) ? ROLES[name as keyof typeof ROLES].color : ROLES.goal.color);

/** Cells that are less likely are not drawn. */
const LEAST = 0.01;

/** The likeliest cell, and its probability. */
export function likeliest({ cells, columns }: Belief): { readonly cell: readonly [number, number]; readonly probability: number } {
  let best = 0;
  for (let i = 0; i < cells.length; i++) if (cells[i] > cells[best]) best = i;
  return { cell: [best % columns, Math.floor(best / columns)], probability: cells[best] };
}

/** The cells that are worth drawing, and how strongly: 1 is certain. */
export const drawnCells = ({ cells, columns }: Belief): { readonly x: number; readonly y: number; readonly strength: number }[] =>
  Array.from(cells, (p, i) => ({ x: i % columns, y: Math.floor(i / columns), strength: Math.sqrt(p), p })).filter(({ p }) => p >= LEAST);

/** At most this many points are drawn for one agent; of more, each is a mean of neighbors. */
const POINTS = 180;

/** The points of a curve: the middle of the episodes that each stands for, counted from 1, and their mean score. */
export const thinned = (scores: readonly number[]): { x: number; y: number }[] => {
  const size = Math.max(1, Math.ceil(scores.length / POINTS));
  const groups = Math.ceil(scores.length / size);
  return Array.from({ length: groups }, (_, g) => {
    const part = scores.slice(g * size, (g + 1) * size);
    return { x: g * size + (part.length + 1) / 2, y: part.reduce((sum, score) => sum + score, 0) / part.length };
  });
};
