/** @file A model as a player of a session. */

import type { LoadedPolicy, ModelDescription } from '../../../src/policy/index.ts';
import { CadenzaError } from '../../../src/util/errors.ts';
import type { Player } from './session.ts';
import { actsIn, type World } from './worlds.ts';

/**
 * Opens a model in a world.
 *
 * @param name its name in errors.
 * @param load loads its policy; called twice.
 * @throws {CadenzaError} `E_CONFIG` if it cannot act in this world.
 */
export async function modelPlayer(
  name: string,
  world: World,
  { description, load }: { readonly description: ModelDescription; load(): Promise<LoadedPolicy> },
): Promise<Player> {
  if (!actsIn(world, description))
    throw new CadenzaError('E_CONFIG', `The model ${name} is of another world (${description.env.id}). Choose its own world.`);
  const { latentShape, segment = description.horizon } = description;
  return {
    policy: await load(),
    scout: await load(),
    segment,
    latentShape: latentShape ? [latentShape[0], latentShape[1]] : undefined,
    greedy: world.greedy,
  };
}
