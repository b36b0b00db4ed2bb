/** @file Settings of the policy (method 3, 7.1): its form, and what it retrieves, is shown as a prompt, predicts and decodes. */

import { z } from 'zod';
import { METRICS, type MetricId } from '../data/retrieval.ts';
import { DEFAULT_HEAD, headChoices } from '../policy/index.ts';
import { DEMONSTRATION_STYLES, type DemonstrationStyle } from '../sources/index.ts';
import { QUERIES } from '../tokenizers/index.ts';
import { count, distinct, positive, real, rising, section, several, steps } from './fields.ts';

const retrieval = section('Contexts that the policy looks up by its own and sees beside it', {
  contexts: steps('Retrieved contexts that the policy sees beside its own (k); 0 is no retrieval', 'unrolled').default(0),
  metric: z
    .enum(Object.keys(METRICS) as [MetricId, ...MetricId[]])
    .describe('Distance from the own context by which others are near')
    .default('l2'),
  shows: z
    .enum(['end', 'itself'])
    .describe('What the policy sees of a context that is near: the last one of its stream, which knows how it went on, or itself')
    .default('end'),
});

const prompt = z
  .strictObject({
    episodes: count('Demonstrated episodes in a prompt (k)').default(1),
    length: count('Transitions of each that are shown, from its first one on; a whole episode when left out').optional(),
    styles: distinct(z.enum(Object.keys(DEMONSTRATION_STYLES) as [DemonstrationStyle, ...DemonstrationStyle[]]), 'style')
      .min(1)
      .describe('Whose episodes they are; training draws among them, and the evaluation has a row for each')
      .default(['expert']),
    demonstrations: count('Demonstrations of each style for every training task, each with the history of a learner that saw it').default(
      8,
    ),
    unprompted: real()
      .min(0)
      .lt(1)
      .describe('Share of a training batch without prompts, from learners that saw nothing: so the policy can act without')
      .default(0.25),
  })
  .optional()
  .describe('A few-shot prompt before the query: demonstrations of the task; none when left out');

const returns = z
  .strictObject({
    episodes: count('Returns that are predicted: what the running episode still earns, then those of the episodes after it', 'unrolled'),
    bins: several('Values that a predicted return can take, evenly from 0 to `largest`', 'columns'),
    weight: positive('Weight of their cross-entropy in L_AD'),
    largest: positive('Largest value of a return; larger ones count as it. The most that an episode can pay when left out').optional(),
  })
  .optional()
  .describe('Future returns as a second target, decoded one after the other; none when left out');

const head = () =>
  section('How actions are decoded', {
    kind: z
      .enum(headChoices())
      .describe(
        'What is decoded: probabilities of integers (categorical) or of evenly spaced values of real numbers (discretized), or means and deviations of real numbers (gaussian); auto: categorical or gaussian, as the actions are',
      )
      .default(DEFAULT_HEAD.kind),
    bins: several('discretized: values of each real number, both bounds included', 'columns').default(DEFAULT_HEAD.bins),
    autoregressive: z
      .boolean()
      .describe(
        'categorical, discretized: decode the dimensions of an action one after the other, each knowing those before; if not, they are independent',
      )
      .default(DEFAULT_HEAD.autoregressive),
  });

export const policySection = () =>
  section('Form of the policy A_φ', {
    architecture: z
      .enum(['decoder', 'encoder-decoder', 'prefix'])
      .describe(
        'A decoder that attends to Z, or one behind blocks through which Z passes first; prefix: Z stands before the running episode in self-attention, as in AD’s own transformer',
      )
      .meta({ formerly: 'form' })
      .default('decoder'),
    encoderLayers: count('Blocks over Z, in the encoder-decoder form', 'layers').default(1),
    crossLayers: z
      .union([z.literal('every'), z.array(z.int().min(0)).min(1).refine(rising, 'expected layers in rising order, each once')])
      .describe('Layers that attend to Z: every one, or a list counted from 0')
      .default('every'),
    query: z
      .enum(QUERIES)
      .describe('What the policy sees beside Z: the running episode so far, or the current state alone')
      .default('episode'),
    retrieval,
    prompt,
    returns,
    head: head(),
  });

/** Whether the models of an experiment learn to predict future returns. */
export const predictsReturns = ({ policy }: { readonly policy: { readonly returns?: unknown } }): boolean => policy.returns !== undefined;
