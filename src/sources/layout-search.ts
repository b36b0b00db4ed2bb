/**
 * @file Search for the hidden cells of attempts (a key, then a door) that may change: R-MAX (Brafman and Tennenholtz 2002) that forgets. Each
 * hidden cell is a search of its own. Whatever shows that the cells have changed clears all searches: an attempt that starts in another cell
 * than the last one, a step on a known cell that is not rewarded, or a reward where there was none before.
 */

import type { AttemptsModel, EnvFamily } from '../rl/index.ts';
import { CadenzaError } from '../util/errors.ts';
import { headForNearest, newSearch, type Room, roomOf } from './cell-search.ts';
import { defineSource, integersIfKnown } from './source.ts';

const rooms = new WeakMap<AttemptsModel, Room>();

export const layoutSearch = defineSource({
  id: 'layout-search',
  description:
    'goes to the nearest cell that may hold the key, then the door, and to the known ones once found; forgets them when the start or a reward shows a change',
  knows: 'The moves of the room and the rules of attempts, but neither the hidden cells nor when they change.',
  options: {},
  learner(family) {
    const { attempts, isStart } = attemptsOf(family);
    const { cells, columns, targets, cellOf, phaseOf } = attempts;
    const room = roomWith(attempts);
    const forgotten = () => targets.map(() => newSearch(cells, 1));
    const value = new Float64Array(room.actions);
    let [start, searches] = [-1, forgotten()];
    /** What it knows when it acts on this observation: nothing if an attempt starts in another cell than the last one. */
    const knownAt = (observation: ArrayLike<number>) => (isStart(observation) && cellOf(observation) !== start ? forgotten() : searches);
    return {
      distribution: (observation, out) => headForNearest(room, knownAt(observation)[phaseOf(observation)], cellOf(observation), value, out),
      observe(observation, _action, reward, nextObservation) {
        searches = knownAt(observation);
        if (isStart(observation)) start = cellOf(observation);
        // That step only started another attempt.
        if (isStart(nextObservation)) {
          searches = knownAt(nextObservation);
          return;
        }
        const [phase, cell] = [phaseOf(observation), cellOf(nextObservation)];
        if (searches[phase].contradicts(cell, reward)) searches = forgotten();
        searches[phase].arrive(cell, reward);
        if (searches[phase].count > 0) return;
        // It is nowhere, so it has changed since its cell was ruled out; this cell still is.
        searches[phase] = newSearch(cells, 1);
        searches[phase].arrive(cell, reward);
      },
      beliefs: targets.map((name, phase) =>
        integersIfKnown({ name, counts: [columns, cells / columns], parts: ['x', 'y'] }, () => {
          const cell = searches[phase].found();
          return cell === undefined ? [] : [cell % columns, Math.floor(cell / columns)];
        }),
      ),
    };
  },
});

/** The rules of attempts, and where an attempt starts. */
function attemptsOf({ id, attempts, attempt }: EnvFamily) {
  if (attempts && attempt) return { attempts, isStart: (observation: ArrayLike<number>) => attempt(observation, 0) };
  throw new CadenzaError(
    'E_CONFIG',
    `Source layout-search needs an environment with attempts to reach hidden cells, unlike ${id}. Choose another source.`,
  );
}

/** The room of a family, computed once. */
function roomWith(attempts: AttemptsModel): Room {
  const known = rooms.get(attempts);
  if (known) return known;
  const { cells, actions, move } = attempts;
  const next = Int32Array.from({ length: cells * actions }, (_, pair) => move(Math.floor(pair / actions), pair % actions));
  const room = roomOf(cells, next);
  rooms.set(attempts, room);
  return room;
}
