/** @file Settings of a policy that sees retrieved contexts (method 7.1). */

import { z } from 'zod';
import { METRICS, type MetricId } from '../data/retrieval.ts';
import { steps } from './fields.ts';

/** `policy.retrieval`. */
export const retrievalSchema = z
  .strictObject({
    contexts: steps('Retrieved contexts that the policy sees beside its own (k); 0 is no retrieval', 'unrolled').default(0),
    metric: z
      .enum(Object.keys(METRICS) as [MetricId, ...MetricId[]])
      .describe('Distance from the own context by which others are near')
      .default('l2'),
    shows: z
      .enum(['end', 'itself'])
      .describe('What the policy sees of a context that is near: the last one of its stream, which knows how it went on, or itself')
      .default('end'),
  })
  .prefault({})
  .describe('Contexts that the policy looks up by its own and sees beside it');
