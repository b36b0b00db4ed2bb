/** @file Colors of agents: the same for the same agent everywhere, and as in figures where those have one. */

import type { ListedModel } from '../../../src/server/listed-model.ts';

/** By method, or by what is no model. */
const COLORS: Readonly<Record<string, string>> = {
  cad: 'var(--blue)',
  full: 'var(--vermilion)',
  truncated: 'var(--orange)',
  none: 'var(--pink)',
  rsm: 'var(--sky)',
  source: 'var(--green)',
  random: 'var(--gray)',
  you: 'var(--ink)',
};

/** For other models, and for a second agent of the same kind. */
const MORE = [COLORS.cad, COLORS.none, COLORS.full, COLORS.rsm, COLORS.truncated];

/** The colors of agents side by side, all different. */
export function colorsOf(agents: readonly string[], models: readonly ListedModel[]): string[] {
  const own = agents.map(agent => COLORS[models.find(({ name }) => name === agent)?.method ?? agent]);
  const taken = new Set<string>();
  return own.map(color => {
    const free = MORE.find(each => !taken.has(each) && !own.includes(each)) ?? COLORS.random;
    const chosen = color === undefined || taken.has(color) ? free : color;
    taken.add(chosen);
    return chosen;
  });
}
