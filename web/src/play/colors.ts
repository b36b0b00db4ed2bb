/** @file Colors of agents: the same for the same agent everywhere, and as in figures where those have one. */

import type { ListedModel } from '../../../src/server/listed-model.ts';
import type { COLORS } from '../../../src/util/palette.ts';

type ColorName = keyof typeof COLORS;

/** By method, or by what is no model. */
const OWN: Readonly<Record<string, ColorName>> = {
  cad: 'blue',
  full: 'vermilion',
  truncated: 'orange',
  none: 'pink',
  rsm: 'sky',
  source: 'green',
  random: 'gray',
  you: 'olive',
};

/** For other models, and for a second agent of the same kind. */
const MORE: readonly ColorName[] = ['blue', 'pink', 'vermilion', 'sky', 'orange'];

/** The names of the colors of agents side by side, all different. */
export function colorNamesOf(agents: readonly string[], models: readonly ListedModel[]): ColorName[] {
  const own = agents.map(agent => OWN[models.find(({ name }) => name === agent)?.method ?? agent]);
  const taken = new Set<ColorName>();
  return own.map(color => {
    const free = MORE.find(each => !taken.has(each) && !own.includes(each)) ?? 'gray';
    const chosen = color === undefined || taken.has(color) ? free : color;
    taken.add(chosen);
    return chosen;
  });
}
