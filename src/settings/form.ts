/** @file Settings of the form of the policy: what it is asked about, and where it sees Z (method 3.1, 3.2). */

import { z } from 'zod';
import { QUERIES } from '../tokenizers/index.ts';
import { count, rising } from './fields.ts';

/** Fields of `policy`. */
export const formFields = {
  form: z
    .enum(['decoder', 'encoder-decoder', 'prefix'])
    .describe(
      'A decoder that attends to Z, or one behind blocks through which Z passes first; prefix: Z stands before the running episode in self-attention, as in AD’s own transformer',
    )
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
};

/** What the form has to go together with. */
interface Around {
  readonly model: { readonly decoderLayers: number };
  readonly policy: z.output<z.ZodObject<typeof formFields>> & { readonly retrieval: { readonly contexts: number } };
}

/** What does not fit: where, what is there, and what has to be. */
export function formConflicts({ model, policy }: Around): { path: (string | number)[]; input: unknown; message: string }[] {
  const { form, crossLayers, query, retrieval } = policy;
  const missing = crossLayers === 'every' ? -1 : crossLayers.findIndex(layer => layer >= model.decoderLayers);
  const beyond = {
    path: ['policy', 'crossLayers', missing],
    input: crossLayers[missing],
    message: `expected layers below model.decoderLayers, which is ${model.decoderLayers}, because they are counted from 0`,
  };
  const prefix = [
    {
      path: ['policy', 'query'],
      input: query,
      allowed: 'episode',
      message: 'expected episode with policy.form prefix, because a state alone does not see what stands before it',
    },
    {
      path: ['policy', 'crossLayers'],
      input: crossLayers,
      allowed: 'every',
      message: 'expected every with policy.form prefix, which has no cross-attention',
    },
    {
      path: ['policy', 'retrieval', 'contexts'],
      input: retrieval.contexts,
      allowed: 0,
      message: 'expected 0 with policy.form prefix, because what is retrieved is seen by cross-attention',
    },
  ];
  return [
    ...(missing >= 0 ? [beyond] : []),
    ...(form === 'prefix' ? prefix.flatMap(({ allowed, ...issue }) => (issue.input === allowed ? [] : [issue])) : []),
  ];
}
