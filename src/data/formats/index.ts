/** @file The registry of layouts: one file and one line each. */

import { CadenzaError } from '../../util/errors.ts';
import { d4rl } from './d4rl.ts';
import type { ExchangeFormat } from './format.ts';
import { minari } from './minari.ts';
import { xland } from './xland.ts';

export * from './format.ts';

export const FORMATS: readonly ExchangeFormat[] = [xland, minari, d4rl];

/** The layout with this id. Throws `E_CONFIG` for an unknown one. */
export function exchangeFormat(id: string): ExchangeFormat {
  const found = FORMATS.find(format => format.id === id);
  if (found) return found;
  throw new CadenzaError('E_CONFIG', `There is no layout "${id}". Choose one of: ${FORMATS.map(format => format.id).join(', ')}.`);
}
