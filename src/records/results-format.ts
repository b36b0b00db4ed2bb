/**
 * @file The format of results.json, as types and as schemas, with what has to agree within a file beyond its fields. This room's index has the
 * types alone, so that a page which only plays does not carry the schemas.
 */

import { z } from 'zod';
import type { Latency } from '../play/latency.ts';
import type { Estimate, MeanScore } from '../statistics/bootstrap.ts';
import type { CodeUse } from '../statistics/codes.ts';
import type { ImitationScore, ImitationTable, Measures, ReliabilityBin } from '../statistics/imitation.ts';
import type { EpisodesTo } from '../statistics/learning.ts';
import type { CalibrationBin, ReturnError, ReturnTable } from '../statistics/return-errors.ts';
import { canonicalJson, type Json } from '../util/canonical.ts';
import { CadenzaError } from '../util/errors.ts';
import { byName, checkRecord, fields, fileNameSchema, nameSchema, type RecordFormat, sha256Schema } from '../util/formats.ts';
import { portableSha256 } from '../util/sha256.ts';
import { RESULTS_FORMAT, SELECTIONS } from './names.ts';
import { referenceFaults, rowReference, taskScore } from './reference-format.ts';

export type { RowReference, TaskScore } from './reference-format.ts';

const number = z.number();
const numbers = z.array(number).min(1);
const text = z.string();
const natural = z.int().min(0);
const positive = z.int().min(1);
const amount = number.min(0);
const share = number.min(0).max(1);
const json = z.json() as z.ZodType<unknown>;

const interval = { low: number, high: number };
const estimate = fields<Estimate>({ value: number, ...interval });
const meanScore = fields<MeanScore>({ mean: number, ...interval });
const score = z.strictObject({ mean: number, iqm: number, ...interval, meanLow: number, meanHigh: number });
/** Mean and interquartile mean of all runs. `low` and `high` bound the IQM, `meanLow` and `meanHigh` the mean. */
export type Score = z.output<typeof score>;

/** Schema of a table's columns: each name once. */
export const columns = <K extends string>(...names: K[]) =>
  z
    .strictObject(Object.fromEntries(names.map(name => [name, numbers])) as Record<K, typeof numbers>)
    .refine(
      lists => new Set(Object.values<unknown[]>(lists as Record<K, unknown[]>).map(({ length }) => length)).size === 1,
      'expected lists of equal length',
    );

// ---- a row of a table --------------------------------------------------------------------------------------------------------

const retrievalUse = z.strictObject({
  /** Contexts that it sees at most. */
  contexts: natural,
  /** Contexts that one stream could find. */
  stored: natural,
  /** Which contexts those are. */
  of: text,
  /** What it sees of a context that is near: the last one of the same stream, or that context itself. */
  shows: z.enum(['end', 'itself']),
});
/** What a policy that looks contexts up was given beside its own Z. */
export type RetrievalUse = z.output<typeof retrievalUse>;

/** What acting costs, field by field. */
export const METHOD_COST = {
  /** Floating-point operations for one action of one stream. */
  flopsPerAction: amount,
  /** Bytes that reach the policy for one stream: its latents or tokens of the past, and the running episode. */
  stateBytes: amount,
  /** Bytes of raw history that are kept beside that for the next compression. */
  historyBytes: amount,
  /** Bits that the latents of one context take: of float32 numbers, or of codes. Left out where nothing is carried. */
  bitsPerContext: amount.optional(),
  /** Use of the codes over all contexts of the evaluation, where latents are codes. */
  codes: fields<CodeUse>({ used: share, perplexity: amount }).optional(),
  /** Where contexts are looked up. */
  retrieval: retrievalUse.optional(),
};
/** What acting costs, counted from the inference graphs; zeros where a method has none. */
export type MethodCost = z.output<z.ZodObject<typeof METHOD_COST>>;

const regret = z.strictObject({
  mean: number,
  ...interval,
  /** The same for every part of an episode that the family tells apart, in order: a list, since files sort the keys of maps. */
  parts: z.array(z.strictObject({ name: text, mean: number, ...interval })).min(1),
});
/** Cumulative regret: Σ μ* − μ_a over the scored steps of a run, in raw expected reward. 0 is optimal. */
export type Regret = z.output<typeof regret>;

const stageBudget = z.strictObject({
  /** Its name, as its folder has it without the seed. */
  stage: text,
  /** Steps of the optimizer. */
  steps: natural,
  /** Sequences that these steps saw, each as often as it was seen. */
  examples: natural,
});
/** What one training stage took, for each seed. */
export type StageBudget = z.output<typeof stageBudget>;

const byEpisode = columns('mean', 'iqm', 'low', 'high', 'meanLow', 'meanHigh');
const profile = columns('threshold', 'share', 'low', 'high');
/** The performance profile: at each threshold the share of runs whose final score is above it, with a pointwise band. A column has a number a threshold. */
export type Profile = z.output<typeof profile>;

const orNever = positive.nullable();
const methodResult = z.strictObject({
  ...METHOD_COST,
  /** What it was given that rows without this entry did not have, as it ends "Given …". */
  given: text.optional(),
  /** The scores of every in-context episode in order; each column has one number an episode. */
  byEpisode,
  /** Of the last `FINAL_EPISODES` episodes. */
  final: score,
  /** The area under the learning curve: the mean over all episodes. Older results lack this and the next. */
  area: score.optional(),
  /** The episodes that it takes to come near a score of 1. */
  episodesTo: fields<EpisodesTo>({ share, episodes: orNever, low: orNever, high: orNever }).optional(),
  /** Of final scores, from 0 to 1. Older results lack it. */
  profile: profile.optional(),
  perTask: z.array(taskScore).min(1),
  /** What scores 0 and 1, on average over tasks; absent where the oracle does. */
  reference: rowReference.optional(),
  /** Raw return over the last episodes; absent where scores are fractions of the oracle's. */
  return: meanScore.optional(),
  /** Where the family declares it. */
  regret: regret.optional(),
  /** All training that went into it, in order; left out where nothing was trained. */
  budget: z.array(stageBudget).optional(),
});
/** One method. Every return is normalized by the reference of its own task: divided by the oracle's, or as `reference` says. */
export type MethodResult = z.output<typeof methodResult>;

const methodTable = byName(methodResult).superRefine((methods, context) => {
  const rows = Object.entries(methods);
  if (rows.length === 0) context.addIssue({ code: 'custom', message: 'expected at least one method' });
  const [first] = rows.map(([, row]) => row);
  for (const [name, row] of rows) {
    const { byEpisode, perTask } = row;
    const differ = (path: string, message: string) => context.addIssue({ code: 'custom', path: [name, path], message });
    const episodes = first.byEpisode.mean.length;
    if (byEpisode.mean.length !== episodes) differ('byEpisode', `expected ${episodes} episodes, as the other rows have`);
    const same = perTask.length === first.perTask.length && perTask.every(({ task }, t) => task === first.perTask[t].task);
    if (!same) differ('perTask', 'expected the tasks of the other rows, in the same order');
    else for (const [path, message] of referenceFaults(row, first)) differ(path, message);
  }
});
/** The methods of a table, by name. */
export type MethodTable = z.output<typeof methodTable>;

// ---- further parts -----------------------------------------------------------------------------------------------------------

const pairedDifference = z.strictObject({
  value: number,
  ...interval,
  /** What was subtracted: run from run of the same task, seed and stream; or, where those differ, task mean from task mean. */
  by: z.enum(['run', 'task']),
  pairs: positive,
  /** Training seeds of the pairs; where they are several, the interval draws them too. */
  seeds: positive,
  /** What the interval draws: pairs within each task, or whole tasks. */
  resampled: z.enum(['runs', 'tasks']),
});
/** By how much one row is above another, in scores. */
export type PairedDifference = z.output<typeof pairedDifference>;

const measureComparison = z.strictObject({
  before: number,
  after: number,
  difference: pairedDifference,
  /** The probability that a run of `after` is better than one of `before`. */
  improvement: estimate,
});
/** One measure of two rows. */
export type MeasureComparison = z.output<typeof measureComparison>;

const compared = measureComparison.optional();
const comparedBy = z.enum(['area', 'final', 'regret']);
/** How two rows are compared. */
export type ComparedBy = z.output<typeof comparedBy>;

const comparison = z
  .strictObject({
    /** Regret among them where the family declares it. */
    measures: z.strictObject({ area: compared, final: compared, regret: compared }),
    /** The measure that the verdict goes by. */
    measure: comparedBy,
    /** What `after` is beside `before`. */
    verdict: z.enum(['better', 'worse', 'not distinguishable']),
  })
  .refine(({ measures, measure }) => measures[measure] !== undefined, { error: 'expected the measure that the verdict goes by' });
/** Two rows by every measure, and what follows by one of them. */
export type Comparison = z.output<typeof comparison>;

const versus = z.strictObject({
  /** The row in question; differences are its scores less those of the others. */
  method: nameSchema,
  /** By the name of the other row: what `method` is beside it. Intervals are of one comparison each, not corrected for their number. */
  others: byName(comparison).refine(others => Object.keys(others).length > 0, { error: 'expected at least one other method' }),
});
/** One row held against every other row of its table. */
export type Versus = z.output<typeof versus>;

const measures = <T>(value: z.ZodType<T>) => ({
  accuracy: value,
  crossEntropy: value,
  excess: value,
  calibrationError: value,
  brier: value,
});
const imitation = fields<ImitationTable>({
  histories: positive,
  methods: byName(
    fields<ImitationScore>({
      ...measures(estimate),
      byEpisode: fields<Measures<{ [K in keyof Estimate]: number[] }>>(measures(columns('value', 'low', 'high'))),
      reliability: z.array(fields<ReliabilityBin>({ share, confidence: number.nullable(), agreement: number.nullable() })).min(1),
    }),
  ),
});

const errorLists = columns('absolute', 'squared');
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

const ratePoint = z.strictObject({
  /** Its row. */
  method: nameSchema,
  /** The line that it is a point of. */
  group: text,
  /** Bits of one Z. */
  bits: amount,
  /** Of the last `FINAL_EPISODES` episodes. */
  final: meanScore,
  /** Of all episodes: the area under the learning curve. */
  area: meanScore,
});
/** One agent on the curve; its scores are divided by those of the reference. */
export type RatePoint = z.output<typeof ratePoint>;

/** By the mean, or by the lower end of its interval. */
const by = z.enum(['mean', 'low']);
const smallestPoint = z.strictObject({ group: text, share, by, method: nameSchema.nullable() });
/** The agent of fewest bits in its group that keeps a share of the reference's final return, or none. */
export type SmallestPoint = z.output<typeof smallestPoint>;

const rate = z.strictObject({
  /** The row that the others are divided by. */
  reference: nameSchema,
  /** By group, then from few bits to many. */
  points: z.array(ratePoint).min(1),
  smallest: z.array(smallestPoint),
});
/** Return against the bits of Z. */
export type RateReturn = z.output<typeof rate>;

const options = byName(z.json() as z.ZodType<Json>);
const space = z.enum(['discrete', 'multi-discrete', 'box', 'image']);
/** Kind of a space. */
export type SpaceKind = z.output<typeof space>;

const settingFields = z.strictObject({
  environment: z.strictObject({
    /** All options of the family, defaults included; absent for one of which only recordings exist. */
    options: options.optional(),
    /** Steps of an episode at most. */
    horizon: positive,
    /** Tasks of the family, where they are listed. */
    tasks: positive.optional(),
    observation: space,
    action: space,
  }),
  /** Absent where histories were imported. */
  source: z.strictObject({ options }).optional(),
  /** Learning histories that are trained on; absent where they were imported. */
  histories: positive.optional(),
  /** The raw context X: transitions, tokens (N), tokens among which the compressor's blocks attend, and numbers in a token (F). */
  context: z.strictObject({ transitions: natural, tokens: natural, span: natural, numbers: natural }),
  /** The query Q: tokens at most (T), those of a prompt among them, and numbers in a token. */
  query: z.strictObject({ tokens: natural, promptTokens: natural, numbers: natural }),
  /** Z: its latents (m), their width, what R(Z) weighs at least, and tokens of a working memory beside them. */
  latents: z.strictObject({ count: natural, width: natural, leastCapacity: number, workingMemory: natural }),
  /** Contexts that the policy looks up (k). */
  retrieved: natural,
  /** Numbers of a distribution over actions. */
  distribution: natural,
  /** Trained numbers: of the networks of CAD by their part, and of every other trained row. */
  parameters: byName(natural),
  /** Training steps of each baseline, and the tokens (or latents) of the past that the policy of each sees. */
  baselines: z.strictObject({ steps: natural, tokens: byName(natural) }),
  optimizer: z.strictObject({ epsilon: amount }),
  /** Options of Monte-Carlo control, where a teacher or labels come from it. */
  monteCarlo: z.strictObject({ options }).optional(),
  /** Episodes at the end of a stream that its final score is taken over. */
  finalEpisodes: positive,
});
/** What follows from a configuration and is not written in it. A part of results.json, so that every number of a paper is in the run's own files. */
export interface Setting extends z.output<typeof settingFields> {
  /** Of the further tables of the experiment, by name. */
  tables?: Record<string, Setting>;
}
const setting: z.ZodType<Setting> = settingFields.extend({ tables: z.lazy(() => byName(setting)).optional() });

const sampling = z.enum(['sample', 'greedy']);
const splitCounts = { train: natural, test: natural, overlap: natural };
const selection = z.strictObject({
  by: z.enum(Object.keys(SELECTIONS) as (keyof typeof SELECTIONS)[]),
  /** Fingerprint of the settings that were so chosen. */
  settings: text.optional(),
  /** In the words of who chose them. */
  note: text.optional(),
  /** SHA-256 of the tune.json that recommended them. */
  study: sha256Schema.optional(),
  /** Keys of the tasks that they were chosen on, where that was recorded. */
  tasks: z.array(text).optional(),
});
/** How a trained version was selected. */
export type Selection = z.output<typeof selection>;

const protocol = z.strictObject({
  /** The family, with those of its options that are not the defaults. */
  env: z.strictObject({ id: text, options: byName(json).optional() }),
  /** Which tasks were played: those that are held out, or those that settings are chosen on. */
  side: z.enum(['test', 'validation']),
  episodes: positive,
  /** Streams of one task and training seed. */
  streams: positive,
  sampling,
  /** Tasks on either side of the split, and how many are on both, by content. */
  split: z.strictObject(splitCounts),
  selection,
});
/** What all rows of one table share, and what must be equal for rows of two tables to stand side by side. */
export type Protocol = z.output<typeof protocol>;

/** How long an action takes. */
export const LATENCY = fields<Latency>({ median: amount, p95: amount, worst: amount, actions: positive });

const methodTimes = z.strictObject({
  /** Seconds of all training that went into it, and of its evaluation; means over training seeds. An interrupted stage counts from where it went on. */
  training: amount.optional(),
  evaluation: amount,
  /** Of an action of a trained model. */
  action: LATENCY.optional(),
});
/** Wall-clock time of one row on the machine of the run. */
export type MethodTimes = z.output<typeof methodTimes>;

const run = z.strictObject({
  command: text,
  /** The fully resolved configuration; the schema of experiments checks it where a report needs it. */
  config: byName(json) as z.ZodType<unknown>,
  commit: text,
  version: text,
  node: text,
  machine: z.union([text, byName(z.union([text, number]))]),
  dataHashes: byName(text),
  /** What was imported in the place of rollouts, by table: the files with their hashes, and how many histories were left out. */
  imported: byName(json).optional(),
  /** Wall-clock seconds of each stage. */
  seconds: byName(amount),
  /** Times of every row, by the name of the experiment or of the table. */
  times: byName(byName(methodTimes)).optional(),
  /** SHA-256 of the canonical JSON of everything else in results.json, of which only this record differs between equal runs. Older results have none. */
  hash: sha256Schema.optional(),
});
/** Where the numbers come from, enough to run it again. */
export type RunRecord = z.output<typeof run>;

// ---- the whole file ----------------------------------------------------------------------------------------------------------

/** What results of every kind of experiment have, but for the rows. */
export const COMMON = {
  name: nameSchema,
  /** Training seeds. */
  seeds: positive,
  /** What the intervals are, in a sentence. */
  intervalNote: text,
  /** The audit of training against evaluated tasks, by content. */
  split: z.looseObject(splitCounts) as z.ZodType<Record<string, unknown>>,
  run,
};

/** Schema of results.json. */
export const results = z
  .strictObject({
    ...COMMON,
    format: z.literal(RESULTS_FORMAT),
    /** Mean raw return of the oracle over the test tasks, where scores are fractions of it. */
    oracle: z.strictObject({ mean: number.positive() }).optional(),
    /** In-context episodes of a stream. */
    episodes: positive,
    /** Streams of one seed. */
    streams: positive,
    sampling,
    methods: methodTable,
    /** Further tables of the same shape, by name. */
    tables: byName(methodTable).optional(),
    /** CAD, or an ablation's reference, held against every other row, by the name of the experiment or of the table; older results, and tables without that row, have none. */
    versus: byName(versus).optional(),
    /** How well future returns are predicted, by the name of the experiment or of the table; absent where no model predicts any. */
    returns: byName(returns).optional(),
    /** Rate against return, of an ablation that asks for it. */
    rate: rate.optional(),
    /** What follows from the configuration; absent in results that were written before it was kept, and of ablations. */
    setting: setting.optional(),
    /** How near action probabilities are to the source's, by the same names; absent where that was not measured. */
    imitation: byName(imitation).optional(),
    /** How the rows of each table were evaluated and chosen, by the name of the experiment or of the table; older results have none. */
    protocols: byName(protocol).optional(),
    /** The raw returns of all tables, in a file beside this one; results written before there was one have none. */
    raw: z.strictObject({ file: fileNameSchema, sha256: sha256Schema }).optional(),
  })
  .superRefine((all, context) => {
    const fault = (path: (string | number)[], message: string) => context.addIssue({ code: 'custom', path, message });
    const tables: Record<string, MethodTable> = { ...all.tables, [all.name]: all.methods };
    const [{ byEpisode, perTask, reference }] = Object.values(all.methods);
    if ((all.oracle === undefined) === (reference === undefined))
      fault(['oracle'], 'expected it exactly where the rows have no other reference');
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

/** The whole of results.json. */
export type Results = z.output<typeof results>;

const ADVICE = 'Run the same command again with the same folder: what is finished is not trained again.';

/** Results with the hash of their content, in the place of one that they had. */
export function sealResults<R extends { readonly run: RunRecord }>(results: R): R {
  const { hash: _, ...run } = results.run;
  return { ...results, run: { ...run, hash: portableSha256(canonicalJson({ ...results, run })) } };
}

/**
 * Results of a format whose content is what was sealed; older ones have no hash.
 *
 * @throws {CadenzaError} `E_DATA` for another format, or content that was altered.
 */
export function checkSealed<R extends { readonly run: RunRecord }>(
  value: unknown,
  where: string,
  format: Omit<RecordFormat<R>, 'advice'>,
): R {
  const found = checkRecord(value, where, { ...format, advice: ADVICE });
  const { hash } = found.run;
  const own = sealResults(found).run.hash!;
  if (hash === undefined || hash === own) return found;
  throw new CadenzaError(
    'E_DATA',
    `${where} was altered after it was written: its hash is ${hash.slice(0, 12)}…, but its content has ${own.slice(0, 12)}…. ${ADVICE}`,
  );
}

/** The whole of results.json as far as every kind of experiment has it; `M` is what was found of a method. */
export type CommonResults<M = unknown> = Pick<Results, 'name' | 'seeds' | 'intervalNote' | 'split' | 'run'> & {
  format: string;
  methods: Record<string, M>;
};
