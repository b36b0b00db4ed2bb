/** @file Settings of the policy (method 3, 7.1): architecture, retrieval, prompts, return prediction and the action head. */

import { z } from 'zod';
import { METRICS, type MetricId } from '../data/retrieval.ts';
import { DEFAULT_HEAD, headChoices } from '../policy/index.ts';
import { DEMONSTRATION_STYLES, type DemonstrationStyle } from '../sources/index.ts';
import { QUERIES } from '../tokenizers/index.ts';
import { count, distinct, positive, real, rising, section, several, steps } from './fields.ts';

const retrieval = section('Retrieval: the policy sees stored contexts similar to its own, in addition to it', {
  contexts: steps('Number k of retrieved contexts. 0 disables retrieval', 'unrolled').default(0),
  metric: z
    .enum(Object.keys(METRICS) as [MetricId, ...MetricId[]])
    .describe('Distance between latents by which the nearest contexts are found')
    .default('l2'),
  shows: z
    .enum(['end', 'itself'])
    .describe(
      'What the policy sees of a nearby context: end (the last context of the same history, which includes what happened later) or itself',
    )
    .default('end'),
});

const prompt = z
  .strictObject({
    episodes: count('Number of demonstrated episodes in a prompt').default(1),
    length: count('Number of transitions shown of each episode, from its start. If omitted, the whole episode').optional(),
    styles: distinct(z.enum(Object.keys(DEMONSTRATION_STYLES) as [DemonstrationStyle, ...DemonstrationStyle[]]), 'style')
      .min(1)
      .describe('Who demonstrates. Training draws one of these styles per sample; the evaluation has one method for each')
      .default(['expert']),
    demonstrations: count(
      'Number of demonstrations per style and training task. Each comes with the history of a learner that saw it',
    ).default(8),
    unprompted: real()
      .min(0)
      .lt(1)
      .describe('Fraction of training samples without a prompt, so that the policy also learns to act without one')
      .default(0.25),
  })
  .optional()
  .describe('Few-shot prompt: demonstrations of the task before the query. If omitted, no prompt');

const returns = z
  .strictObject({
    episodes: count(
      'Number of predicted returns: the return-to-go of the running episode, then the returns of the following episodes',
      'unrolled',
    ),
    bins: several('Number of values that a predicted return can take, evenly spaced from 0 to largest', 'columns'),
    weight: positive('Weight of the cross-entropy of predicted returns in L_AD'),
    largest: positive('Maximum return; larger ones are clipped to it. If omitted, the maximum return of an episode').optional(),
  })
  .optional()
  .describe('Return prediction: the policy also predicts future returns, autoregressively. If omitted, it predicts actions only');

const head = () =>
  section('Action head: how the policy outputs actions', {
    kind: z
      .enum(headChoices())
      .describe(
        'Distribution over actions: categorical (discrete actions), discretized (continuous actions in evenly spaced bins) or gaussian (mean and standard deviation of continuous actions). auto selects categorical for discrete and gaussian for continuous actions',
      )
      .default(DEFAULT_HEAD.kind),
    bins: several('Number of bins per action dimension, both bounds included (discretized)', 'columns').default(DEFAULT_HEAD.bins),
    autoregressive: z
      .boolean()
      .describe(
        'Whether each action dimension is conditioned on the previous ones. If false, dimensions are independent (categorical, discretized)',
      )
      .default(DEFAULT_HEAD.autoregressive),
  });

export const policySection = () =>
  section('The policy A_φ', {
    architecture: z
      .enum(['decoder', 'encoder-decoder', 'prefix'])
      .describe(
        'How the policy reads Z: decoder (cross-attention to Z), encoder-decoder (Z first passes through encoder blocks) or prefix (Z precedes the running episode in causal self-attention, as in AD)',
      )
      .meta({ formerly: 'form' })
      .default('decoder'),
    encoderLayers: count('Number of encoder blocks over Z (encoder-decoder)', 'layers').default(1),
    crossLayers: z
      .union([z.literal('every'), z.array(z.int().min(0)).min(1).refine(rising, 'expected layer numbers in increasing order')])
      .describe('Layers with cross-attention to Z: every, or a list of layer numbers from 0')
      .default('every'),
    query: z
      .enum(QUERIES)
      .describe('What the policy sees in addition to Z: the running episode so far (episode) or only the current state (state)')
      .default('episode'),
    retrieval,
    prompt,
    returns,
    head: head(),
  });

/** Whether the models of an experiment predict future returns. */
export const predictsReturns = ({ policy }: { readonly policy: { readonly returns?: unknown } }): boolean => policy.returns !== undefined;
