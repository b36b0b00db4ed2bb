/** @file The configuration of a supervised experiment (method 5.3): all settings, and the checks across them. */

import { z } from 'zod';
import { checkOptions } from '../settings/fields.ts';
import { problemFields, scoringFields } from '../settings/supervised.ts';
import { problems } from '../supervised/index.ts';
import { supervisedStageFields } from '../training/supervised/stages.ts';
import { fromRegistries } from '../util/registry.ts';

/** The schema of the whole file. Unknown keys are errors. */
export const supervisedSchema = fromRegistries(() =>
  z
    .strictObject({ ...problemFields(), ...supervisedStageFields, ...scoringFields })
    .superRefine(({ problem, context, evaluate }, check) => {
      checkOptions(['problem', problems], problem, check, { path: ['problem'] });
      const { examples, fewest } = context;
      const least = (path: string[], value: number, low: number, high: number, what: string) => {
        if (value >= low && value <= high) return;
        check.addIssue({ code: 'custom', path, input: value, message: `expected ${low} to ${high}, ${what}` });
      };
      least(['context', 'fewest'], fewest, 1, examples, 'because context.examples is the maximum');
      least(['evaluate', 'headline'], evaluate.headline, Math.min(fewest, examples), examples, 'the numbers of examples in training');
    }),
);

export type SupervisedConfig = z.output<ReturnType<typeof supervisedSchema>>;
