/** @file Styles of methods: color and dash depend on the name, so that all figures and pages agree. */

import type { MethodTable, Results } from '../../records/index.ts';
import { invariant } from '../../util/errors.ts';
import { COLORS } from '../../util/palette.ts';

export interface MethodStyle {
  /** Legible on white and on near-black. */
  color: string;
  /** SVG stroke-dasharray; distinguishes methods in addition to color. */
  dash: string;
  /** The nearest terminal color. */
  terminal: (typeof PALETTE)[number][1] | 'blueBright';
  emphasized: boolean;
}

export type Styles = ReadonlyMap<string, MethodStyle>;

/** The common colors and further ones; blue is reserved for the emphasized method. */
const PALETTE = [
  [COLORS.green, 'green'],
  [COLORS.vermilion, 'red'],
  [COLORS.pink, 'magenta'],
  [COLORS.orange, 'yellow'],
  [COLORS.sky, 'cyan'],
  [COLORS.gray, 'gray'],
  [COLORS.olive, 'yellowBright'],
  ['#b0703c', 'white'],
  ['#8e6bc9', 'magentaBright'],
  ['#c2405f', 'redBright'],
] as const;
const GRAY = PALETTE[5];
/** The color of the emphasized method. */
const OWN = [COLORS.blue, 'blueBright'] as const;
const DASHES = ['', '6 3', '2 2', '8 3 2 3', '12 3', '1 4', '10 2 2 2 2 2', '16 4 6 4'];
const PLACES = PALETTE.length * DASHES.length;

/** Names of built-in methods, each with its own style: new names go to the end. Other names get a style by their hash. */
export const KNOWN = [
  ...['source', 'teacher', 'none', 'truncated', 'mean-pool', 'random', 'reinforced', 'oracle', 'full', 'ad'],
  ...['dpt', 'best-episodes', 'max-pool', 'strided-pool', 'pca', 'truncated-flops', 'truncated-bytes', 'rad', 'random-projection'],
  ...['ridge', 'zero', 'Bayes', 'majority', 'last return', 'training mean', 'frequencies', 'memory-traces', 'consolidated'],
  ...['rsm', 'memo', 'memo-bytes', 'gru', 'linear-attention'],
];

/** Whether a name is CAD or a variant of it. */
export const isCad = (name: string): boolean => /^cad\b/i.test(name);

/**
 * Styles by name. CAD is emphasized: drawn last and thickest; of several variants without a plain `cad`, none is. A name has the same color and dash
 * everywhere, except that of two unknown names with equal hashes the later one in the alphabet gets the next free style.
 */
export function methodStyles(names: readonly string[]): Styles {
  const sorted = [...new Set(names)].sort();
  const own = sorted.filter(isCad);
  const emphasized = own.find(name => name.toLowerCase() === 'cad') ?? (own.length === 1 ? own[0] : undefined);
  const taken = new Set<number>();
  const placeOf = (name: string): number => {
    const known = KNOWN.indexOf(name);
    if (known >= 0) return known;
    const free = PLACES - KNOWN.length;
    let at = hash(name) % free;
    if (taken.size < free) while (taken.has(at)) at = (at + 1) % free;
    taken.add(at);
    return KNOWN.length + at;
  };
  return new Map(
    sorted.map((name): [string, MethodStyle] => {
      if (name === emphasized) return [name, { color: OWN[0], dash: '', terminal: OWN[1], emphasized: true }];
      const place = placeOf(name);
      const [color, terminal] = PALETTE[place % PALETTE.length];
      return [name, { color, dash: DASHES[Math.floor(place / PALETTE.length) % DASHES.length], terminal, emphasized: false }];
    }),
  );
}

/** Styles of several runs, each with its own color and dash; `shared` is for what is equal in several. */
export function runStyles(runs: readonly string[]): { readonly of: ReadonlyMap<string, MethodStyle>; readonly shared: MethodStyle } {
  const styled = ([color, terminal]: readonly [string, MethodStyle['terminal']], dash = ''): MethodStyle => ({
    color,
    dash,
    terminal,
    emphasized: false,
  });
  const colors = [OWN, ...PALETTE.filter(each => each !== GRAY)];
  return {
    of: new Map(runs.map((run, i) => [run, styled(colors[i % colors.length], DASHES[i % DASHES.length])])),
    shared: styled(GRAY),
  };
}

/** Styles of all names in the reports of a run, so that all parts agree. */
export function stylesOf({ methods, tables = {}, returns = {}, imitation = {} }: Results): Styles {
  const rows = [methods, ...Object.values(tables), ...Object.values(imitation).map(({ methods }) => methods)];
  const predictors = Object.values(returns).map(({ predictors }) => predictors);
  return methodStyles([...rows, ...predictors].flatMap(Object.keys));
}

/** FNV-1a of the UTF-16 units. */
function hash(text: string): number {
  let state = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) state = Math.imul(state ^ text.charCodeAt(i), 0x01000193);
  return state >>> 0;
}

/**
 * Names by final mean, best first; results.json has them in alphabetical order.
 *
 * @throws {CadenzaError} `E_SHAPE` for a table without methods.
 */
export function ranked(methods: MethodTable): string[] {
  const names = Object.keys(methods);
  invariant(
    names.length > 0,
    'ranked: expected results of at least one method, found none; list some in the configuration and evaluate again.',
  );
  return names.sort((a, b) => methods[b].final.mean - methods[a].final.mean || (a < b ? -1 : 1));
}

/**
 * Moves positions as little as possible (least squares) until neighbors are `gap` apart, inside [low, high] if they fit: isotonic regression by
 * pooling adjacent violators. For labels next to the ends of lines.
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
