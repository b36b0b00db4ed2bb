/** @file Numbers for observations and states, so that tables can be indexed by them. */

import { CadenzaError } from '../util/errors.ts';
import type { EnvFamily } from './env.ts';
import type { Space } from './spaces.ts';

/** Numbers the elements of a finite space from 0 to count − 1. */
export interface ObservationIndex {
  readonly count: number;
  of(observation: ArrayLike<number>, offset?: number): number;
}

/** Mixed-radix numbering, last factor fastest. Throws `E_CONFIG` for a space of reals, which no table can hold. */
export function observationIndex(space: Space): ObservationIndex {
  if (space.kind === 'box') {
    throw new CadenzaError(
      'E_CONFIG',
      'A table needs a discrete or multi-discrete space, but this one is a box; choose a source without tables.',
    );
  }
  const radices = space.kind === 'discrete' ? [space.n] : space.nvec;
  return {
    count: radices.reduce((product, radix) => product * radix, 1),
    of(observation, offset = 0) {
      let index = 0;
      for (let i = 0; i < radices.length; i++) index = index * radices[i] + observation[offset + i];
      return index;
    },
  };
}

/** Gives the model's state for what is seen there. Throws `E_CONFIG` where two states look the same (the family hides something). */
export function stateOf(family: EnvFamily): (observation: ArrayLike<number>, offset?: number) => number {
  const { model } = family;
  const index = observationIndex(family.observationSpace);
  const states = new Int32Array(index.count).fill(-1);
  const seen = new Float32Array(index.count);
  for (let state = 0; state < model.states; state++) {
    model.observe(state, seen, 0);
    const i = index.of(seen);
    if (states[i] >= 0) {
      throw new CadenzaError(
        'E_CONFIG',
        `States ${states[i]} and ${state} of ${family.id} look the same, so what is seen does not name the state. Choose a source that does not need it.`,
      );
    }
    states[i] = state;
  }
  return (observation, offset = 0) => states[index.of(observation, offset)];
}
