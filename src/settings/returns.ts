/** @file Settings of the policy's second target: future returns beside actions (method 3.3). */

import { z } from 'zod';
import { count, positive, several } from './fields.ts';

export const returnsSchema = z
  .strictObject({
    episodes: count('Returns that are predicted: what the running episode still earns, then those of the episodes after it', 'unrolled'),
    bins: several('Values that a predicted return can take, evenly from 0 to `largest`', 'columns'),
    weight: positive('Weight of their cross-entropy in L_AD'),
    largest: positive('Largest value of a return; larger ones count as it. The most that an episode can pay when left out').optional(),
  })
  .optional()
  .describe('Future returns as a second target, decoded one after the other; none when left out');

/** Whether the models of an experiment learn to predict future returns. */
export const foresees = ({ policy }: { readonly policy: { readonly returns?: unknown } }): boolean => policy.returns !== undefined;
