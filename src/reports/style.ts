/** @file How methods are told apart in every report: colour, dash, letter. Depends on the names only, so that reports agree. */

import type { MethodTable, ReturnTable } from '../evaluation/index.ts';
import { expect } from '../util/errors.ts';

export interface MethodStyle {
  /** Legible on white and on near-black. */
  color: string;
  /** SVG stroke-dasharray; a second channel beside colour. */
  dash: string;
  /** The nearest of the terminal's own colours. */
  terminal: 'blueBright' | 'yellow' | 'green' | 'magenta' | 'cyan' | 'red' | 'white' | 'gray' | 'yellowBright';
  letter: string;
  emphasised: boolean;
}

/** Okabe and Ito's colour-blind-safe palette, its yellow replaced by an olive that shows on white; blue is kept for the emphasised one. */
const PALETTE = [
  ['#d55e00', 'red'],
  ['#009e73', 'green'],
  ['#cc79a7', 'magenta'],
  ['#e69f00', 'yellow'],
  ['#56b4e9', 'cyan'],
  ['#8c8c8c', 'gray'],
  ['#a08a00', 'yellowBright'],
  ['#b0703c', 'white'],
] as const;
const DASHES = ['', '6 3', '2 2', '8 3 2 3'];

/** Whether a name is of the method this project is about, or of a variant of it. */
export const isCad = (name: string): boolean => /^cad\b/i.test(name);

/**
 * Styles by name. CAD's own row is emphasised, drawn last and strongest; of several variants without a plain `cad` none is. All others take colours
 * in alphabetical order.
 */
export function methodStyles(names: readonly string[]): Map<string, MethodStyle> {
  const sorted = [...names].sort();
  const own = sorted.filter(isCad);
  const emphasised = own.find(name => name.toLowerCase() === 'cad') ?? (own.length === 1 ? own[0] : undefined);
  const others = sorted.filter(name => name !== emphasised);
  const letter = (name: string) => String.fromCharCode(97 + (sorted.indexOf(name) % 26));
  const styles = new Map<string, MethodStyle>();
  if (emphasised)
    styles.set(emphasised, { color: '#1f77c9', dash: '', terminal: 'blueBright', letter: letter(emphasised), emphasised: true });
  others.forEach((name, i) => {
    const [color, terminal] = PALETTE[i % PALETTE.length];
    // Neighbours in the palette differ in dash too, and a palette used up begins again with other dashes.
    const dash = DASHES[(i + Math.floor(i / PALETTE.length)) % DASHES.length];
    styles.set(name, { color, dash, terminal, letter: letter(name), emphasised: false });
  });
  return styles;
}

/** Names by final mean, best first: results.json keeps its keys in alphabetical order, which says nothing to a reader. */
export function ranked(methods: MethodTable): string[] {
  const names = Object.keys(methods);
  expect(names.length > 0, 'ranked: expected results of at least one method, got none; list some in the configuration and evaluate again.');
  return names.sort((a, b) => methods[b].final.mean - methods[a].final.mean || (a < b ? -1 : 1));
}

/** Names of predictors of returns by mean absolute error, best first. */
export const rankedPredictors = ({ predictors }: ReturnTable): string[] =>
  Object.keys(predictors).sort((a, b) => predictors[a].absolute.mean - predictors[b].absolute.mean || (a < b ? -1 : 1));

/**
 * Moves positions as little as possible (in squares) until neighbours are `gap` apart, inside [low, high] where they fit: isotonic
 * regression by pooling adjacent violators. For labels beside the ends of lines.
 */
export function spread(positions: readonly number[], gap: number, low: number, high: number): number[] {
  const order = positions.map((_, i) => i).sort((a, b) => positions[a] - positions[b]);
  const pools: { sum: number; size: number }[] = [];
  order.forEach((index, rank) => {
    let pool = { sum: positions[index] - rank * gap, size: 1 };
    for (let last = pools.at(-1); last && last.sum / last.size > pool.sum / pool.size; last = pools.at(-1)) {
      pool = { sum: pool.sum + last.sum, size: pool.size + last.size };
      pools.pop();
    }
    pools.push(pool);
  });
  const top = Math.max(low, high - (positions.length - 1) * gap);
  const shifted = pools.flatMap(({ sum, size }) => Array<number>(size).fill(Math.min(top, Math.max(low, sum / size))));
  const result = new Array<number>(positions.length);
  order.forEach((index, rank) => {
    result[index] = shifted[rank] + rank * gap;
  });
  return result;
}
