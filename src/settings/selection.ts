/** @file Settings that say how all others were chosen (method 4.4): nothing is trained by them, but results carry them and reports judge by them. */

import { z } from 'zod';
import { SELECTIONS } from '../records/index.ts';

const kinds = Object.keys(SELECTIONS) as (keyof typeof SELECTIONS)[];

export const selectionSchema = z
  .strictObject({
    by: z
      .enum(kinds)
      .describe(
        `How the settings were chosen: ${kinds.map(kind => `${kind} (${SELECTIONS[kind]})`).join(', ')}. Reports refuse rows that were selected on test tasks`,
      )
      .default('unstated'),
    settings: z
      .string()
      .regex(/^[0-9a-f]{12}$/, 'expected 12 hexadecimal digits, as `cadenza config print` shows them')
      .describe(
        'Fingerprint of the settings that were so chosen, as `cadenza config print` shows it. The statement does not count for others, such as those with a `--set`',
      )
      .optional(),
    note: z.string().describe('More about it, in words').optional(),
    study: z
      .string()
      .regex(/^[0-9a-f]{64}$/, 'expected a SHA-256 in hexadecimal')
      .describe('SHA-256 of the tune.json that recommended the settings; `cadenza tune` writes it')
      .optional(),
    tasks: z
      .array(z.string())
      .describe('Keys of the tasks that the settings were chosen on; reports refuse the rows if one of them is evaluated as a test task')
      .optional(),
  })
  .prefault({})
  .describe('How the settings of this experiment were chosen');
