/** @file The registry of kinds of latents: one record each. */

import { CadenzaError } from '../../util/errors.ts';
import { continuous } from './continuous.ts';
import { fsq } from './fsq.ts';
import type { LatentKind } from './kind.ts';
import { variational } from './variational.ts';
import { vq } from './vq.ts';

export * from './kind.ts';

export const LATENT_KINDS: readonly LatentKind[] = [continuous, variational, fsq, vq];

/** The kind of latents with this id. Throws `E_CONFIG` for an unknown one. */
export function latentKind(id: string): LatentKind {
  const found = LATENT_KINDS.find(candidate => candidate.id === id);
  if (!found)
    throw new CadenzaError(
      'E_CONFIG',
      `there are no latents of the kind "${id}". Choose one of: ${LATENT_KINDS.map(k => k.id).join(', ')}.`,
    );
  return found;
}
