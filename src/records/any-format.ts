/** @file Schemas of results.json for the other kinds of experiment. Like those of `results-format.ts`, they are not in this room's index. */

import { z } from 'zod';
import type { MeanScore } from '../statistics/bootstrap.ts';
import { byName, fields } from '../util/formats.ts';
import { columns } from './columns-format.ts';
import type { AnyResults } from './index.ts';
import { RESULTS_FORMAT } from './names.ts';
import { measuresIn, RECORDED_FORMAT, type RecordedMethodResult, type RecordedResults, type RecordedTask } from './recorded.ts';
import { COMMON, results } from './results-format.ts';
import { checkSealed } from './seal.ts';
import { SUPERVISED_FORMAT, type SupervisedMethodResult, type SupervisedResults } from './supervised.ts';

const text = z.string();
const positive = z.int().min(1);
const amount = z.number().min(0);
const methodsOf = <T>(method: z.ZodType<T>) =>
  byName(method).refine(methods => Object.keys(methods).length > 0, 'expected at least one method');

// ---- supervised --------------------------------------------------------------------------------------------------------------

const supervisedMethod = fields<SupervisedMethodResult>({
  byExamples: columns('mean', 'low', 'high', 'ratio', 'ratioLow', 'ratioHigh'),
  parameters: amount,
  steps: amount,
  stateBytes: amount,
  curve: z.strictObject({ step: z.array(positive).min(1), byExamples: byName(z.array(z.number())) }).optional(),
});

const supervised = fields<SupervisedResults>({
  ...COMMON,
  format: z.literal(SUPERVISED_FORMAT),
  problem: z.strictObject({ id: text, description: text, options: z.json() as z.ZodType<unknown> }),
  score: z.strictObject({ name: text, better: z.enum(['lower', 'higher']) }),
  reference: z.strictObject({ name: text, about: text }),
  examples: z.array(positive).min(1),
  headline: positive,
  tasks: positive,
  queries: positive,
  methods: methodsOf(supervisedMethod),
  validation: z.strictObject({ tasks: positive, reference: z.array(z.number()) }),
}).superRefine(({ examples, headline, methods, reference, validation }, context) => {
  const fault = (path: (string | number)[], message: string) => context.addIssue({ code: 'custom', path, message });
  const counts = `expected one value for each of the ${examples.length} numbers of examples`;
  if (!examples.includes(headline)) fault(['headline'], `expected one of ${examples.join(', ')}`);
  if (!Object.hasOwn(methods, reference.name)) fault(['reference', 'name'], 'there is no method of this name');
  if (validation.reference.length !== examples.length) fault(['validation', 'reference'], counts);
  for (const [name, { byExamples, curve }] of Object.entries(methods)) {
    if (byExamples.mean.length !== examples.length) fault(['methods', name, 'byExamples'], counts);
    if (curve && curve.byExamples[headline]?.length !== curve.step.length)
      fault(['methods', name, 'curve', 'byExamples', headline], 'expected one value per step');
  }
});

// ---- recorded ----------------------------------------------------------------------------------------------------------------

const score = fields<MeanScore>({ mean: z.number(), low: z.number(), high: z.number() }).optional();
const along = columns('mean', 'low', 'high').optional();
const value = z.number().optional();
const measures = <T>(of: z.ZodType<T>) => ({ crossEntropy: of, accuracy: of, negativeLogLikelihood: of, squaredError: of });

const recordedMethod = fields<RecordedMethodResult>({
  ...measures(score),
  byEpisode: z.strictObject({ episode: z.array(z.number()).min(1), ...measures(along) }),
  perTask: z.array(fields<RecordedTask>({ task: text, steps: positive, ...measures(value) })),
});

const recorded = fields<RecordedResults>({
  ...COMMON,
  format: z.literal(RECORDED_FORMAT),
  environment: text,
  labels: text,
  tasks: positive,
  methods: methodsOf(recordedMethod),
  tables: byName(methodsOf(recordedMethod)).optional(),
}).superRefine(({ methods, tables }, context) => {
  for (const rows of [methods, ...Object.values(tables ?? {})]) {
    const [first] = Object.values(rows);
    const shape = ({ byEpisode, ...row }: RecordedMethodResult) =>
      [measuresIn(row), measuresIn(byEpisode), measuresIn(byEpisode).map(measure => byEpisode[measure]!.mean.length)].join();
    const [a, b] = measuresIn(first);
    const { length } = first.byEpisode.episode;
    for (const [name, row] of Object.entries(rows))
      if (!b || shape(row) !== [a, b, a, b, length, length].join())
        context.addIssue({
          code: 'custom',
          path: ['methods', name],
          message: 'expected the same two measures for every method, over the same number of episodes',
        });
  }
});

// ---- any ---------------------------------------------------------------------------------------------------------------------

/** Checks results of any kind of experiment. Throws `E_DATA` as `checkSealed` does. */
export function checkAnyResults(value: unknown, where: string): AnyResults {
  switch ((value as { format?: unknown } | null)?.format) {
    case SUPERVISED_FORMAT:
      return checkSealed(value, where, { what: whatOf(SUPERVISED_FORMAT), schema: supervised });
    case RECORDED_FORMAT:
      return checkSealed(value, where, { what: whatOf(RECORDED_FORMAT), schema: recorded });
    default:
      return checkSealed(value, where, { what: whatOf(RESULTS_FORMAT), schema: results });
  }
}

const KINDS = { [RESULTS_FORMAT]: 'reinforcement', [SUPERVISED_FORMAT]: 'supervised', [RECORDED_FORMAT]: 'recorded' };

/** Names the results of a format, with an article. */
export const whatOf = (format: AnyResults['format']): string => `the results of a ${KINDS[format]} experiment (${format})`;
