/** @file Settings of a policy whose query begins with a few-shot prompt (method 3). */

import { z } from 'zod';
import { DEMONSTRATION_STYLES, type DemonstrationStyle } from '../sources/index.ts';
import { count, real } from './fields.ts';

/** `policy.prompt`. */
export const promptSchema = z
  .strictObject({
    episodes: count('Demonstrated episodes in a prompt (k)').default(1),
    length: count('Transitions of each that are shown, from its first one on; a whole episode when left out').optional(),
    styles: z
      .array(z.enum(Object.keys(DEMONSTRATION_STYLES) as [DemonstrationStyle, ...DemonstrationStyle[]]))
      .min(1)
      .refine(list => new Set(list).size === list.length, 'expected every style once')
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

/** The settings that prompts do not go together with. */
interface Beside {
  readonly policy: {
    readonly prompt?: unknown;
    readonly form: string;
    readonly query: string;
    readonly retrieval: { readonly contexts: number };
  };
  readonly source: { readonly dataset?: string };
  readonly reinforce: { readonly steps: number };
}

/** What stands in the way of a prompt: where, what is there, and what has to be. */
export function promptConflicts({ policy, source, reinforce }: Beside): { path: string[]; input: unknown; message: string }[] {
  if (!policy.prompt) return [];
  const conflicts = [
    policy.query === 'state' && {
      path: ['policy', 'form'],
      input: policy.form,
      allowed: 'encoder-decoder',
      message: 'expected encoder-decoder, because tokens of policy.query state do not see each other, nor a prompt among them',
    },
    {
      path: ['source', 'dataset'],
      input: source.dataset,
      allowed: undefined,
      message: 'expected none with policy.prompt, because what is to be learnt of a prompt is what a learner does that has seen it',
    },
    {
      path: ['policy', 'retrieval', 'contexts'],
      input: policy.retrieval.contexts,
      allowed: 0,
      message: 'expected 0 with policy.prompt, because what learns to use retrieved contexts is trained without prompts',
    },
    {
      path: ['reinforce', 'steps'],
      input: reinforce.steps,
      allowed: 0,
      message: 'expected 0 with policy.prompt, because the rollouts of this stage are played without prompts',
    },
  ];
  return conflicts.filter(conflict => conflict !== false).flatMap(({ allowed, ...issue }) => (issue.input === allowed ? [] : [issue]));
}
