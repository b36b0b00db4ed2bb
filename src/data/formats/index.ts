/** @file The registry of layouts: each has one file and one line here. */

import { Registry } from '../../util/registry.ts';
import { d4rl } from './d4rl.ts';
import type { ExchangeFormat } from './format.ts';
import { minari } from './minari.ts';
import { xland } from './xland.ts';

export * from './format.ts';

export const layouts = new Registry<ExchangeFormat>('layout', [xland, minari, d4rl]);

/** The layout with this id. Throws `E_CONFIG` for an unknown id. */
export const exchangeFormat = (id: string): ExchangeFormat => layouts.get(id);
