/**
 * @file The formats of results.json and returns.json, with what has to agree within a file beyond its fields. Not part of this room's index,
 * so that a page which only plays does not carry the schemas.
 */

import { z } from 'zod';
import type { Latency } from '../play/latency.ts';
import type { Estimate, MeanScore } from '../statistics/bootstrap.ts';
import type { CodeUse } from '../statistics/codes.ts';
import type { ImitationScore, ImitationTable, Measures, ReliabilityBin } from '../statistics/imitation.ts';
import type { EpisodesTo } from '../statistics/learning.ts';
import type { CalibrationBin, Errors, ReturnError, ReturnTable } from '../statistics/return-errors.ts';
import { canonicalJson } from '../util/canonical.ts';
import { CadenzaError } from '../util/errors.ts';
import { byName, checkRecord, fields, fileNameSchema, nameSchema, type RecordFormat, sha256Schema } from '../util/formats.ts';
import { portableSha256 } from '../util/sha256.ts';
import type { Comparison, MeasureComparison, PairedDifference, Versus } from './comparison.ts';
import type { Setting } from './description.ts';
import type { EpisodeScores, MethodResult, MethodTable, Profile, Regret, RetrievalUse, Score, StageBudget, TaskScore } from './method.ts';
import { type Protocol, SELECTIONS, type Selection } from './protocol.ts';
import type { RatePoint, RateReturn, SmallestPoint } from './rate-return.ts';
import { type MethodReturns, type RawReturns, RETURNS_FORMAT, type ReturnsTable } from './raw-returns.ts';
import { RESULTS_FORMAT, type Results } from './results.ts';
import type { MethodTimes, RunRecord } from './run-record.ts';

const number = z.number();
const numbers = z.array(number).min(1);
const text = z.string();
const natural = z.int().min(0);
const positive = z.int().min(1);
const amount = number.min(0);
const share = number.min(0).max(1);

const interval = { low: number, high: number };
const estimate = fields<Estimate>({ value: number, ...interval });
const meanScore = fields<MeanScore>({ mean: number, ...interval });
const score = fields<Score>({ mean: number, iqm: number, ...interval, meanLow: number, meanHigh: number });

// ---- a row of a table --------------------------------------------------------------------------------------------------------

const codeUse = fields<CodeUse>({ used: share, perplexity: amount });
const columnsAgree = (columns: object) => new Set(Object.values(columns).map(({ length }) => length)).size === 1;
const AGREE = { error: 'expected lists of equal length' };

/** What acting costs, field by field. */
export const METHOD_COST = {
  flopsPerAction: amount,
  stateBytes: amount,
  historyBytes: amount,
  bitsPerContext: amount.optional(),
  codes: codeUse.optional(),
  retrieval: fields<RetrievalUse>({ contexts: natural, stored: natural, of: text, shows: z.enum(['end', 'itself']) }).optional(),
};

const methodResult = fields<MethodResult>({
  ...METHOD_COST,
  given: text.optional(),
  byEpisode: fields<EpisodeScores>({
    mean: numbers,
    iqm: numbers,
    low: numbers,
    high: numbers,
    meanLow: numbers,
    meanHigh: numbers,
  }).refine(columnsAgree, AGREE),
  final: score,
  area: score.optional(),
  episodesTo: fields<EpisodesTo>({ share, episodes: positive.nullable(), low: positive.nullable(), high: positive.nullable() }).optional(),
  profile: fields<Profile>({ threshold: numbers, share: numbers, low: numbers, high: numbers }).refine(columnsAgree, AGREE).optional(),
  perTask: z.array(fields<TaskScore>({ task: text, oracle: number.positive(), mean: number })).min(1),
  regret: fields<Regret>({
    mean: number,
    ...interval,
    parts: z.array(fields<Regret['parts'][number]>({ name: text, mean: number, ...interval })).min(1),
  }).optional(),
  budget: z.array(fields<StageBudget>({ stage: text, steps: natural, examples: natural })).optional(),
});

const methodTable: z.ZodType<MethodTable> = byName(methodResult).superRefine((methods, context) => {
  const rows = Object.entries(methods);
  if (rows.length === 0) context.addIssue({ code: 'custom', message: 'expected at least one method' });
  const [first] = rows.map(([, row]) => row);
  for (const [name, { byEpisode, perTask }] of rows) {
    const differ = (path: string, message: string) => context.addIssue({ code: 'custom', path: [name, path], message });
    const episodes = first.byEpisode.mean.length;
    if (byEpisode.mean.length !== episodes) differ('byEpisode', `expected ${episodes} episodes, as the other rows have`);
    const same = perTask.length === first.perTask.length && perTask.every(({ task }, t) => task === first.perTask[t].task);
    if (!same) differ('perTask', 'expected the tasks of the other rows, in the same order');
  }
});

// ---- further parts -----------------------------------------------------------------------------------------------------------

const pairedDifference = fields<PairedDifference>({
  value: number,
  ...interval,
  by: z.enum(['run', 'task']),
  pairs: positive,
  seeds: positive,
  resampled: z.enum(['runs', 'tasks']),
});
const measureComparison = fields<MeasureComparison>({ before: number, after: number, difference: pairedDifference, improvement: estimate });
const COMPARED_BY = ['area', 'final', 'regret'] as const;
const comparison = fields<Comparison>({
  measures: fields<Comparison['measures']>({
    area: measureComparison.optional(),
    final: measureComparison.optional(),
    regret: measureComparison.optional(),
  }),
  measure: z.enum(COMPARED_BY),
  verdict: z.enum(['better', 'worse', 'not distinguishable']),
}).refine(({ measures, measure }) => measures[measure] !== undefined, { error: 'expected the measure that the verdict goes by' });
const versus = fields<Versus>({
  method: nameSchema,
  others: byName(comparison).refine(others => Object.keys(others).length > 0, { error: 'expected at least one other method' }),
});

const measures = <T>(value: z.ZodType<T>) => ({
  accuracy: value,
  crossEntropy: value,
  excess: value,
  calibrationError: value,
  brier: value,
});
const column = fields<{ [K in keyof Estimate]: number[] }>({ value: numbers, low: numbers, high: numbers }).refine(columnsAgree, AGREE);
const imitation = fields<ImitationTable>({
  histories: positive,
  methods: byName(
    fields<ImitationScore>({
      ...measures(estimate),
      byEpisode: fields<Measures<{ [K in keyof Estimate]: number[] }>>(measures(column)),
      reliability: z.array(fields<ReliabilityBin>({ share, confidence: number.nullable(), agreement: number.nullable() })).min(1),
    }),
  ),
});

const errorLists = fields<Errors<number[]>>({ absolute: numbers, squared: numbers }).refine(columnsAgree, AGREE);
const returns = fields<ReturnTable>({
  histories: positive,
  predictors: byName(
    fields<ReturnError>({
      absolute: meanScore,
      squared: meanScore,
      calibration: fields<NonNullable<ReturnError['calibration']>>({
        error: amount,
        bins: z.array(fields<CalibrationBin>({ share, predicted: number.nullable(), actual: number.nullable() })).min(1),
      }).optional(),
      byEpisode: errorLists,
      byAhead: errorLists,
    }),
  ),
});

const rate = fields<RateReturn>({
  reference: nameSchema,
  points: z.array(fields<RatePoint>({ method: nameSchema, group: text, bits: amount, final: meanScore, area: meanScore })).min(1),
  smallest: z.array(fields<SmallestPoint>({ group: text, share, by: z.enum(['mean', 'low']), method: nameSchema.nullable() })),
});

const space = z.enum(['discrete', 'multi-discrete', 'box', 'image']);
const options = byName(number);
const setting: z.ZodType<Setting> = fields<Setting>({
  environment: fields<Setting['environment']>({
    options: options.optional(),
    horizon: positive,
    tasks: positive.optional(),
    observation: space,
    action: space,
  }),
  source: fields<NonNullable<Setting['source']>>({ options }).optional(),
  histories: positive.optional(),
  context: fields<Setting['context']>({ transitions: natural, tokens: natural, span: natural, numbers: natural }),
  query: fields<Setting['query']>({ tokens: natural, promptTokens: natural, numbers: natural }),
  latents: fields<Setting['latents']>({ count: natural, width: natural, leastCapacity: number, workingMemory: natural }),
  retrieved: natural,
  distribution: natural,
  parameters: byName(natural),
  baselines: fields<Setting['baselines']>({ steps: natural, tokens: byName(natural) }),
  optimiser: fields<Setting['optimiser']>({ epsilon: amount }),
  monteCarlo: fields<NonNullable<Setting['monteCarlo']>>({ options }).optional(),
  finalEpisodes: positive,
  tables: z.lazy(() => byName(setting)).optional(),
});

const sampling = z.enum(['sample', 'greedy']);
const splitCounts = { train: natural, test: natural, overlap: natural };
const protocol = fields<Protocol>({
  env: fields<Protocol['env']>({ id: text, options: byName(z.json() as z.ZodType<unknown>).optional() }),
  side: z.enum(['test', 'validation']),
  episodes: positive,
  streams: positive,
  sampling,
  split: fields<Protocol['split']>(splitCounts),
  selection: fields<Selection>({
    by: z.enum(Object.keys(SELECTIONS) as [Selection['by'], ...Selection['by'][]]),
    settings: text.optional(),
    note: text.optional(),
    study: sha256Schema.optional(),
    tasks: z.array(text).optional(),
  }),
});

/** How long an action takes. */
export const LATENCY = fields<Latency>({ median: amount, p95: amount, worst: amount, actions: positive });
const run = fields<RunRecord>({
  command: text,
  // Checked by the schema of experiments where a report needs it.
  config: byName(z.json() as z.ZodType<unknown>),
  commit: text,
  version: text,
  node: text,
  machine: z.union([text, byName(z.union([text, number]))]),
  dataHashes: byName(text),
  imported: byName(z.json() as z.ZodType<unknown>).optional(),
  seconds: byName(amount),
  times: byName(byName(fields<MethodTimes>({ training: amount.optional(), evaluation: amount, action: LATENCY.optional() }))).optional(),
  hash: sha256Schema.optional(),
});

// ---- the files ---------------------------------------------------------------------------------------------------------------

const results = fields<Results>({
  format: z.literal(RESULTS_FORMAT),
  name: nameSchema,
  oracle: fields<Results['oracle']>({ mean: number.positive() }),
  episodes: positive,
  streams: positive,
  seeds: positive,
  sampling,
  bars: text,
  methods: methodTable,
  tables: byName(methodTable).optional(),
  versus: byName(versus).optional(),
  returns: byName(returns).optional(),
  rate: rate.optional(),
  setting: setting.optional(),
  imitation: byName(imitation).optional(),
  split: z.looseObject(splitCounts),
  protocols: byName(protocol).optional(),
  raw: fields<NonNullable<Results['raw']>>({ file: fileNameSchema, sha256: sha256Schema }).optional(),
  run,
}).superRefine((all, context) => {
  const fault = (path: (string | number)[], message: string) => context.addIssue({ code: 'custom', path, message });
  const tables: Record<string, MethodTable> = { ...all.tables, [all.name]: all.methods };
  const [{ byEpisode, perTask }] = Object.values(all.methods);
  if (byEpisode.mean.length !== all.episodes) fault(['episodes'], `expected ${byEpisode.mean.length}, as the rows have`);
  if (all.streams % perTask.length !== 0) fault(['streams'], `expected a multiple of the ${perTask.length} tasks`);
  if (Object.hasOwn(all.tables ?? {}, all.name)) fault(['tables', all.name], 'has the name of the experiment itself');
  for (const part of ['versus', 'returns', 'imitation', 'protocols'] as const)
    for (const table of Object.keys(all[part] ?? {}))
      if (!Object.hasOwn(tables, table)) fault([part, table], 'there is no table of this name');
  for (const [table, { episodes, split }] of Object.entries(all.protocols ?? {})) {
    const [row] = Object.values(tables[table] ?? {});
    if (row && row.byEpisode.mean.length !== episodes) fault(['protocols', table, 'episodes'], 'expected as many as the rows have');
    if (split.overlap > Math.min(split.train, split.test))
      fault(['protocols', table, 'split', 'overlap'], 'expected no more than the tasks of either side');
  }
  for (const [table, { method, others }] of Object.entries(all.versus ?? {}))
    for (const name of [method, ...Object.keys(others)])
      if (!Object.hasOwn(tables[table] ?? {}, name)) fault(['versus', table], 'names a method that the table does not have');
  for (const [i, { method }] of (all.rate?.points ?? []).entries())
    if (!Object.hasOwn(all.methods, method)) fault(['rate', 'points', i, 'method'], 'there is no method of this name');
  if (all.rate && !Object.hasOwn(all.methods, all.rate.reference)) fault(['rate', 'reference'], 'there is no method of this name');
});

/** Intervals of more draws than this take gigabytes, and no run asks for them. */
const MOST_RESAMPLES = 1_000_000;

const returnsTable = fields<ReturnsTable>({
  tasks: z.array(text).min(1),
  oracle: z.array(number.positive()),
  streams: positive,
  episodes: positive,
  regretParts: z.array(text).min(1).optional(),
  bootstrap: fields<ReturnsTable['bootstrap']>({
    seed: z.int(),
    resamples: positive.max(MOST_RESAMPLES),
    resampled: z.enum(['runs', 'tasks']),
  }),
  methods: byName(
    fields<MethodReturns>({ seeds: z.array(z.int()).min(1), returns: z.array(numbers), regret: z.array(numbers).optional() }),
  ),
}).superRefine(({ tasks, oracle, streams, episodes, regretParts, methods }, context) => {
  const fault = (path: (string | number)[], message: string) => context.addIssue({ code: 'custom', path, message });
  if (oracle.length !== tasks.length) fault(['oracle'], `expected one for each of ${tasks.length} tasks`);
  if (new Set(tasks).size !== tasks.length) fault(['tasks'], 'expected every task once');
  for (const [name, { seeds, returns, regret }] of Object.entries(methods)) {
    const lists = (key: string, values: number[][], width: number, what: string) => {
      const length = tasks.length * streams * width;
      if (values.length !== seeds.length) fault(['methods', name, key], `expected a list for each of ${seeds.length} seeds`);
      for (const [k, list] of values.entries())
        if (list.length !== length)
          fault(
            ['methods', name, key, k],
            `expected ${length} numbers (${tasks.length} tasks × ${streams} streams × ${width} ${what}), found ${list.length}`,
          );
    };
    lists('returns', returns, episodes, 'episodes');
    if ((regret !== undefined) !== (regretParts !== undefined))
      fault(['methods', name, 'regret'], 'expected regrets exactly where regretParts names their parts');
    else if (regret && regretParts) lists('regret', regret, regretParts.length, 'parts');
  }
});

/** results.json of an in-context run, an ablation included. */
export const RESULTS: RecordFormat<Results> = {
  what: `the results of an in-context run (${RESULTS_FORMAT})`,
  schema: results,
  advice: 'Run the same command again with the same folder: what is finished is not trained again.',
};

/** Results with the hash of their content, in the place of one that they had. */
export function sealResults<R extends { readonly run: RunRecord }>(results: R): R {
  const { hash: _, ...run } = results.run;
  return { ...results, run: { ...run, hash: portableSha256(canonicalJson({ ...results, run })) } };
}

/** Results of this format whose content is what was sealed; older ones have no hash. Throws `E_DATA`. */
export function checkResults(value: unknown, where: string): Results {
  const results = checkRecord(value, where, RESULTS);
  const { hash } = results.run;
  const found = sealResults(results).run.hash!;
  if (hash === undefined || hash === found) return results;
  throw new CadenzaError(
    'E_DATA',
    `${where} was altered after it was written: its hash is ${hash.slice(0, 12)}…, but its content has ${found.slice(0, 12)}…. ${RESULTS.advice}`,
  );
}

/** returns.json, beside it. */
export const RETURNS: RecordFormat<RawReturns> = {
  what: `a table of raw returns (${RETURNS_FORMAT})`,
  schema: fields<RawReturns>({ format: z.literal(RETURNS_FORMAT), tables: byName(returnsTable) }),
  advice: 'Run the same command again with the same folder: what is finished is not trained again.',
};
