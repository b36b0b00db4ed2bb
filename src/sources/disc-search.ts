/**
 * @file Search for a disc in the plane by elimination: R-MAX (Brafman and Tennenholtz 2002) where a point is moved by reals. Every place where the
 * disc may still be is held for paying, and the nearest of them is headed for in straight steps; once paid, what is left are places that
 * explain it, so it goes back there and stays.
 */

import type { EnvFamily, PlaneModel } from '../rl/index.ts';
import { CadenzaError } from '../util/errors.ts';
import { defineSource } from './source.ts';

/** Distances closer than this are ties, which the first place wins: equal histories are searched alike, which a mean can be learned of. */
const TIE = 1e-4;

export const discSearch = defineSource({
  id: 'disc-search',
  description:
    'goes straight to the nearest place where the disc may still be, then stays in it; its distribution is a Gaussian around that step',
  knows: 'The moves, the size of the disc, and the places where it may be, but not which.',
  options: { deviation: { default: 0, range: [0, 10], about: 'standard deviation of what it executes and records, 0: exact steps' } },
  learner(family, _task, _random, { deviation }) {
    const { places, radius, stepLength } = planeModel(family);
    const open = new Array<boolean>(places.length).fill(true);
    const distanceTo = (place: readonly [number, number], at: ArrayLike<number>) => Math.hypot(place[0] - at[0], place[1] - at[1]);
    return {
      distribution(observation, out) {
        let [nearest, target] = [Infinity, observation as ArrayLike<number>];
        for (const [i, place] of places.entries()) {
          if (!open[i] || distanceTo(place, observation) >= nearest - TIE) continue;
          [nearest, target] = [distanceTo(place, observation), place];
        }
        const share = Math.min(1, stepLength / Math.max(nearest, TIE));
        for (const k of [0, 1]) {
          out[k] = share * (target[k] - observation[k]);
          out[2 + k] = deviation;
        }
      },
      // Rewards are for arriving: standing in the disc at an episode's start pays nothing.
      observe(_observation, _action, reward, nextObservation) {
        for (const [i, place] of places.entries()) if (distanceTo(place, nextObservation) <= radius !== reward > 0) open[i] = false;
      },
    };
  },
});

function planeModel({ id, plane }: EnvFamily): PlaneModel {
  if (plane) return plane;
  throw new CadenzaError('E_CONFIG', `Source disc-search moves a point in the plane, which ${id} does not have. Choose another source.`);
}
