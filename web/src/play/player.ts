/** @file A model as a player of a session. */

import type { LoadedPolicy, ModelDescription, Probe } from '../../../src/policy/index.ts';
import { CadenzaError } from '../../../src/util/errors.ts';
import type { Player } from './session.ts';
import { actsIn, type World } from './worlds.ts';

/** What a player is made of. */
interface PlayableModel {
  readonly description: ModelDescription;
  readonly attention?: Uint8Array;
  readonly probe?: Probe;
  load(attention?: Uint8Array): Promise<LoadedPolicy>;
}

/**
 * Opens a model in a world.
 *
 * @param name its name in errors.
 * @param load loads its policy, with the graph of its attention if given; called twice.
 * @param attention the graph of its attention, if it has one.
 * @param probe what reads from Z where things are, if it has one.
 * @throws {CadenzaError} `E_CONFIG` if it cannot act in this world.
 */
export async function modelPlayer(name: string, world: World, { description, load, attention, probe }: PlayableModel): Promise<Player> {
  if (!actsIn(world, description))
    throw new CadenzaError(
      'E_CONFIG',
      `The model ${name} cannot act here: it was trained in ${description.env.id} with ${JSON.stringify(description.env.options ?? {})}, and observations, actions or the length of episodes differ. Choose its own world, or another agent.`,
    );
  const { latentShape, segment = description.horizon } = description;
  return {
    policy: await load(attention),
    scout: await load(),
    segment,
    latentShape: latentShape ? [latentShape[0], latentShape[1]] : undefined,
    codes: description.codes,
    attention: description.attention,
    probe,
    greedy: world.greedy,
  };
}
