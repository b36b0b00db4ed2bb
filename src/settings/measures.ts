/** @file Settings of what an evaluation measures beside returns: they change no rollout, so no other stage depends on them. */

import { steps } from './fields.ts';

/** Further fields of `evaluate`. */
export const measureFields = {
  imitation: steps(
    'Fresh histories of the source on every evaluated task that trained models look on at, to compare their action probabilities with its own; 0 leaves this out',
    'items',
  ).default(4),
  timed: steps('Actions of one stream that are timed for every trained model, for the record of the run; 0 times none', 'items').default(
    200,
  ),
};
