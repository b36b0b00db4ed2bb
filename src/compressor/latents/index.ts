/** @file The registry of kinds of latents: each has one record. */

import { Registry } from '../../util/registry.ts';
import { fsq } from './fsq.ts';
import type { LatentKind } from './kind.ts';
import { continuous, variational } from './variational.ts';
import { vq } from './vq.ts';

export * from './kind.ts';

/** The registry of kinds of latents. */
export const latentKinds = new Registry<LatentKind>('kind of latents', [continuous, variational, fsq, vq], {
  description: 'string',
  apply: 'function',
  discrete: 'object?',
});

/**
 * The kind of latents with this id.
 *
 * @throws {CadenzaError} `E_CONFIG` for an unknown id.
 */
export const latentKind = (id: string): LatentKind => latentKinds.get(id);
