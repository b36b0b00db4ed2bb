/** @file Settings of how the policy decodes actions (method 3.3). */

import { z } from 'zod';
import { DEFAULT_HEAD, headChoices } from '../policy/index.ts';
import { several } from './fields.ts';

/** `policy.head`. */
export const headSchema = z
  .strictObject({
    kind: z
      .enum(headChoices())
      .describe(
        'What is decoded: probabilities of integers (categorical) or of evenly spaced values of real numbers (discretised), or means and deviations of real numbers (gaussian); auto: categorical or gaussian, as the actions are',
      )
      .default(DEFAULT_HEAD.kind),
    bins: several('discretised: values of each real number, both bounds included', 'columns').default(DEFAULT_HEAD.bins),
    autoregressive: z
      .boolean()
      .describe(
        'categorical, discretised: decode the dimensions of an action one after the other, each knowing those before; if not, they are independent',
      )
      .default(DEFAULT_HEAD.autoregressive),
  })
  .prefault({})
  .describe('How actions are decoded');
