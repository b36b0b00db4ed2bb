/** @file Settings of a policy that sees retrieved contexts, and of the stage that trains it on them (method 7.1). */

import { z } from 'zod';
import { METRICS, type MetricId } from '../data/retrieval.ts';
import { count, fraction, steps, trainingStage } from './fields.ts';
import { STORE_IDS } from './stores.ts';

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

/** The stage `retrieve`. */
export const retrieveStage = trainingStage('Training of the policy on retrieved contexts with the compressor frozen, after fine-tuning', {
  steps: steps('Training steps, where policy.retrieval.contexts is above 0').default(600),
  histories: count(
    'Learning histories of every training task that are trained on and looked up; earlier streams of evaluated tasks',
  ).default(8),
  ahead: fraction(
    'Share of samples, of those that were shown nothing but contexts of their own task, whose query episode comes from later in their history, where the source has learnt what these tell',
  ).default(1),
  stores: z
    .array(z.enum(STORE_IDS))
    .min(1)
    .refine(list => new Set(list).size === list.length, 'expected every store once')
    .describe(
      'What is looked up in, drawn anew for every sample; each is a row of the evaluation: contexts of other tasks, of the own task, of all, none',
    )
    .default(['others', 'own', 'none']),
});
