/**
 * @file Search for a disc in the plane by elimination: R-MAX (Brafman and Tennenholtz 2002) with real-valued moves. Every position where
 * the disc may still be is assumed to be rewarded, and the agent heads for the nearest in straight steps. Once rewarded, only positions
 * that explain the reward remain, so it returns there and stays.
 */

import type { EnvFamily, PlaneModel } from '../rl/index.ts';
import { CadenzaError } from '../util/errors.ts';
import { defineSource } from './source.ts';

/**
 * Distances closer than this are ties, which the first position wins: equal histories are searched the same way, so that their mean can be
 * learned.
 */
const TIE = 1e-4;

export const discSearch = defineSource({
  id: 'disc-search',
  description:
    'goes straight to the nearest possible position of the disc, then stays in it; its distribution is a Gaussian around that step',
  knows: 'The moves, the size of the disc, and its possible positions, but not which one.',
  options: { deviation: { default: 0, range: [0, 10], about: 'standard deviation of its executed and recorded actions; 0: exact steps' } },
  learner(family, _task, _random, { deviation }) {
    const { places, radius, stepLength } = planeModel(family);
    const open = new Array<boolean>(places.length).fill(true);
    const distanceTo = (place: readonly [number, number], at: ArrayLike<number>) => Math.hypot(place[0] - at[0], place[1] - at[1]);
    const bounds = (of: (...values: number[]) => number) => [0, 1].map(k => of(...places.map(place => place[k])));
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
      // Rewards are for arriving: being in the disc at the start of an episode gives none.
      observe(_observation, _action, reward, nextObservation) {
        for (const [i, place] of places.entries()) if (distanceTo(place, nextObservation) <= radius !== reward > 0) open[i] = false;
      },
      beliefs: [
        {
          name: 'expected center',
          space: { kind: 'box', low: bounds(Math.min), high: bounds(Math.max) },
          parts: ['x', 'y'],
          value() {
            const left = open.includes(true) ? places.filter((_, i) => open[i]) : places;
            return [0, 1].map(k => left.reduce((sum, place) => sum + place[k], 0) / left.length);
          },
        },
      ],
    };
  },
});

function planeModel({ id, plane }: EnvFamily): PlaneModel {
  if (plane) return plane;
  throw new CadenzaError(
    'E_CONFIG',
    `Source disc-search needs an environment that moves a point in the plane, unlike ${id}. Choose another source.`,
  );
}
