/**
 * @file The format of results.json, as types and schemas, with checks across fields. This room's index has the types only, so that web pages which only
 * run an agent do not load the schemas.
 */

import { z } from 'zod';
import type { Latency } from '../play/latency.ts';
import type { Estimate } from '../statistics/bootstrap.ts';
import type { CodeUse } from '../statistics/codes.ts';
import type { ImitationScore, ImitationTable, Measures, ReliabilityBin } from '../statistics/imitation.ts';
import type { EpisodesTo } from '../statistics/learning.ts';
import type { CalibrationBin, ReturnError, ReturnTable } from '../statistics/return-errors.ts';
import type { Json } from '../util/canonical.ts';
import { byName, fields, fileNameSchema, nameSchema, sha256Schema } from '../util/formats.ts';
import { columns, estimate, interval, meanScore } from './columns-format.ts';
import { recovery, window } from './life-format.ts';
import { RESULTS_FORMAT, SELECTIONS } from './names.ts';
import { methodReference, referenceFaults, taskScore } from './reference-format.ts';

export type { RecoveryCurve, RecoveryCurves, Window } from './life-format.ts';
export type { MethodReference, TaskScore } from './reference-format.ts';

const number = z.number();
const text = z.string();
const natural = z.int().min(0);
const positive = z.int().min(1);
const amount = number.min(0);
const share = number.min(0).max(1);
const json = z.json() as z.ZodType<unknown>;

const score = z.strictObject({
  /** Mean over all runs. */
  mean: number,
  /** Interquartile mean: the mean of the middle half of all runs. */
  iqm: number,
  ...interval,
  /** Ends of the 95% interval of the mean. */
  meanLow: number,
  meanHigh: number,
});
/** Mean and interquartile mean (IQM) of all runs. `low` and `high` are the interval of the IQM, `meanLow` and `meanHigh` that of the mean. */
export type Score = z.output<typeof score>;

// ---- a method of a table --------------------------------------------------------------------------------------------------------

const retrievalUse = z.strictObject({
  /** Largest number of contexts that the policy sees. */
  contexts: natural,
  /** Contexts that a stream can find. */
  stored: natural,
  /** Description of these contexts. */
  of: text,
  /** What the policy sees for a near context: the last context of the same stream, or the context itself. */
  shows: z.enum(['end', 'itself']),
});
/** The retrieved contexts that a policy sees in addition to its own Z. */
export type RetrievalUse = z.output<typeof retrievalUse>;

/** Schema of the costs of acting. */
export const METHOD_COST = {
  /** Floating-point operations per action of one stream. */
  flopsPerAction: amount,
  /** Bytes of input to the policy for one stream: latents or tokens of the past, and the current episode. */
  stateBytes: amount,
  /** Bytes of raw history that are stored in addition, for the next compression. */
  historyBytes: amount,
  /** Bits of the latents of one context: of float32 numbers, or of codes. Absent without latents. */
  bitsPerContext: amount.optional(),
  /** Use of the codes over all contexts of the evaluation, if latents are codes. */
  codes: fields<CodeUse>({ used: share, perplexity: amount }).optional(),
  /** Present with retrieval. */
  retrieval: retrievalUse.optional(),
};
/** Costs of acting, counted from the inference graphs; zeros for a method without graphs. */
export type MethodCost = z.output<z.ZodObject<typeof METHOD_COST>>;

const regret = z.strictObject({
  mean: number,
  ...interval,
  /** The same for every part of an episode that the environment declares, in order: a list, because files sort the keys of maps. */
  parts: z.array(z.strictObject({ name: text, mean: number, ...interval })).min(1),
});
/** Cumulative regret: Σ μ* − μ_a over the scored steps of a run, in raw expected reward. 0 is optimal. */
export type Regret = z.output<typeof regret>;

const stageBudget = z.strictObject({
  /** Name of the stage, without the seed. */
  stage: text,
  /** Optimizer steps. */
  steps: natural,
  /** Sequences seen in these steps, with repetitions. */
  examples: natural,
});
/** Training budget of one stage, per seed. */
export type StageBudget = z.output<typeof stageBudget>;

const byEpisode = columns('mean', 'iqm', 'low', 'high', 'meanLow', 'meanHigh');
const profile = columns('threshold', 'share', 'low', 'high');
/** The performance profile: at each threshold, the share of runs whose final score is above it, with a pointwise band. Columns have one value per threshold. */
export type Profile = z.output<typeof profile>;

const orNever = positive.nullable();
const methodResult = z.strictObject({
  ...METHOD_COST,
  /** Information that methods without this entry did not have; completes "Given …". */
  given: text.optional(),
  /** Scores by in-context episode, or by window; columns have one value for each. */
  byEpisode,
  /** Present if scores are by windows of calls instead of episodes. In the other fields, an episode is a window then. */
  window: window.optional(),
  /** Present with windows if the task changes. */
  recovery: recovery.optional(),
  /** Score over the last `FINAL_EPISODES` episodes. */
  final: score,
  /** Area under the learning curve: the mean over all episodes. Absent in old results, as is the next field. */
  area: score.optional(),
  /** The first episode near a score of 1. This and the profile are also absent for scores that are not normalized. */
  episodesTo: fields<EpisodesTo>({ share, episodes: orNever, low: orNever, high: orNever }).optional(),
  /** Profile of final scores, from 0 to 1. Absent in old results. */
  profile: profile.optional(),
  /** Each task by itself. */
  perTask: z.array(taskScore).min(1),
  /** Raw returns that score 0 and 1, averaged over tasks; absent if the oracle is the reference. */
  reference: methodReference.optional(),
  /** Raw return over the last episodes; absent if the oracle is the reference. */
  return: meanScore.optional(),
  /** Present if the environment declares regret. */
  regret: regret.optional(),
  /** All training that the method needs, in order; absent without training. */
  budget: z.array(stageBudget).optional(),
});
/** The result of one method. Returns are normalized by the reference of their task: divided by the oracle's return, or as `reference` says. */
export type MethodResult = z.output<typeof methodResult>;

/** What must be equal in all methods of a table: the window itself, and the bins of recovery curves. */
const shapeOf = (part: MethodResult['window'] | MethodResult['recovery']): string =>
  JSON.stringify(
    part && 'bin' in part ? [part.bin, part.first.byBin.mean.length, part.later.byBin.mean.length] : [part?.calls, part?.outcome],
  );

const methodTable = byName(methodResult).superRefine((methods, context) => {
  const rows = Object.entries(methods);
  if (rows.length === 0) context.addIssue({ code: 'custom', message: 'expected at least one method' });
  const [first] = rows.map(([, row]) => row);
  for (const [name, row] of rows) {
    const { byEpisode, perTask } = row;
    const differ = (path: string, message: string) => context.addIssue({ code: 'custom', path: [name, path], message });
    const episodes = first.byEpisode.mean.length;
    if (byEpisode.mean.length !== episodes) differ('byEpisode', `expected ${episodes} episodes, as for the other methods`);
    for (const part of ['window', 'recovery'] as const)
      if (shapeOf(row[part]) !== shapeOf(first[part])) differ(part, 'expected the same as for the other methods');
    const same = perTask.length === first.perTask.length && perTask.every(({ task }, t) => task === first.perTask[t].task);
    if (!same) differ('perTask', 'expected the tasks of the other methods, in the same order');
    else for (const [path, message] of referenceFaults(row, first)) differ(path, message);
  }
});
/** The methods of a table, by name. */
export type MethodTable = z.output<typeof methodTable>;

// ---- further parts -----------------------------------------------------------------------------------------------------------

const pairedDifference = z.strictObject({
  value: number,
  ...interval,
  /** How pairs are formed: runs with the same task, seed and stream; or task means, if these differ. */
  by: z.enum(['run', 'task']),
  pairs: positive,
  /** Training seeds of the pairs; if there are several, the bootstrap resamples them too. */
  seeds: positive,
  /** What the bootstrap resamples: pairs within each task, or whole tasks. */
  resampled: z.enum(['runs', 'tasks']),
});
/** The difference of scores between two methods. */
export type PairedDifference = z.output<typeof pairedDifference>;

const measureComparison = z.strictObject({
  before: number,
  after: number,
  difference: pairedDifference,
  /** The probability that a run of `after` is better than one of `before`. */
  improvement: estimate,
});
/** One measure of two methods. */
export type MeasureComparison = z.output<typeof measureComparison>;

const compared = measureComparison.optional();
const comparedBy = z.enum(['area', 'final', 'regret']);
/** How two rows are compared. */
export type ComparedBy = z.output<typeof comparedBy>;

const comparison = z
  .strictObject({
    /** With regret if the environment declares it. */
    measures: z.strictObject({ area: compared, final: compared, regret: compared }),
    /** The measure of the verdict. */
    measure: comparedBy,
    /** Whether `after` is better or worse than `before`. */
    verdict: z.enum(['better', 'worse', 'not distinguishable']),
  })
  .refine(({ measures, measure }) => measures[measure] !== undefined, { error: 'expected the measure of the verdict among measures' });
/** The comparison of two methods by every measure, with the verdict by one of them. */
export type Comparison = z.output<typeof comparison>;

const versus = z.strictObject({
  /** The compared method; differences are its scores minus those of the others. */
  method: nameSchema,
  /** By the name of the other method. Intervals are not corrected for multiple comparisons. */
  others: byName(comparison).refine(others => Object.keys(others).length > 0, { error: 'expected at least one other method' }),
});
/** One method compared with every other method of its table. */
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
  /** Name of the agent among the methods. */
  method: nameSchema,
  /** The line that the point belongs to. */
  group: text,
  /** Bits of one Z. */
  bits: amount,
  /** Ratio over the last `FINAL_EPISODES` episodes. */
  final: meanScore,
  /** Ratio over all episodes (area under the learning curve). */
  area: meanScore,
});
/** One agent on the curve, with its scores divided by those of the reference. */
export type RatePoint = z.output<typeof ratePoint>;

/** Whether the mean or the lower end of its interval reaches the share. */
const by = z.enum(['mean', 'low']);
const smallestPoint = z.strictObject({ group: text, share, by, method: nameSchema.nullable() });
/** The agent with the fewest bits in its group that keeps a share of the reference's final return; null if there is none. */
export type SmallestPoint = z.output<typeof smallestPoint>;

const rate = z.strictObject({
  /** The method whose scores are the denominators. */
  reference: nameSchema,
  /** Sorted by group, then by bits. */
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
    /** All options of the environment, with defaults; absent if only recordings exist. */
    options: options.optional(),
    /** Longest episode in steps. */
    horizon: positive,
    /** Number of tasks, if they are listed. */
    tasks: positive.optional(),
    observation: space,
    action: space,
  }),
  /** Absent if histories were imported. */
  source: z.strictObject({ options }).optional(),
  /** Learning histories for training; absent if they were imported. */
  histories: positive.optional(),
  /** The raw context X: transitions, tokens (N), tokens within which the compressor's blocks attend, and numbers per token (F). */
  context: z.strictObject({ transitions: natural, tokens: natural, span: natural, numbers: natural }),
  /** The query Q: largest number of tokens (T), prompt tokens among them, and numbers per token. */
  query: z.strictObject({ tokens: natural, promptTokens: natural, numbers: natural }),
  /** Z: number of latents (m), their width, the smallest weight of R(Z), and tokens of the working memory. */
  latents: z.strictObject({ count: natural, width: natural, leastCapacity: number, workingMemory: natural }),
  /** Retrieved contexts (k). */
  retrieved: natural,
  /** Numbers of an action distribution. */
  distribution: natural,
  /** Trained parameters: of each network of CAD, and of every other trained method. */
  parameters: byName(natural),
  /** Training steps per baseline, and the tokens (or latents) of the past that the policy of each baseline sees. */
  baselines: z.strictObject({ steps: natural, tokens: byName(natural) }),
  optimizer: z.strictObject({ epsilon: amount }),
  /** Options of Monte Carlo control, if a teacher or labels come from it. */
  monteCarlo: z.strictObject({ options }).optional(),
  /** Number of last episodes in the final score. */
  finalEpisodes: positive,
});
/** Values derived from a configuration. Part of results.json, so that every number of a paper is in the files of the run. */
export interface Setting extends z.output<typeof settingFields> {
  /** Those of the further tables, by name. */
  tables?: Record<string, Setting>;
}
const setting: z.ZodType<Setting> = settingFields.extend({ tables: z.lazy(() => byName(setting)).optional() });

const sampling = z.enum(['sample', 'greedy']);
const splitCounts = { train: natural, test: natural, overlap: natural };
const selection = z.strictObject({
  by: z.enum(Object.keys(SELECTIONS) as (keyof typeof SELECTIONS)[]),
  /** Fingerprint of the selected settings. */
  settings: text.optional(),
  /** The user's reason. */
  note: text.optional(),
  /** SHA-256 of the tune.json that recommended them. */
  study: sha256Schema.optional(),
  /** Keys of the tasks that they were selected on, if recorded. */
  tasks: z.array(text).optional(),
});
/** How a trained version was selected. */
export type Selection = z.output<typeof selection>;

const protocol = z.strictObject({
  /** The environment, with options that differ from the defaults. */
  env: z.strictObject({ id: text, options: byName(json).optional() }),
  /** Evaluated tasks: test, or validation for the selection of settings. */
  side: z.enum(['test', 'validation']),
  /** In-context episodes of a stream, or windows. */
  episodes: positive,
  /** Present if scores are by windows of calls instead of episodes. */
  window: window.optional(),
  /** Streams per task and training seed. */
  streams: positive,
  sampling,
  /** Tasks on either side of the split, and in both, by content. */
  split: z.strictObject(splitCounts),
  selection,
});
/** The protocol of all methods of one table; tables are comparable only with equal protocols. */
export type Protocol = z.output<typeof protocol>;

/** Schema of the time per action. */
export const LATENCY = fields<Latency>({ median: amount, p95: amount, worst: amount, actions: positive });

const methodTimes = z.strictObject({
  /** Seconds of all training that the method needs, and of its evaluation; means over training seeds. For an interrupted stage, only the time since it was resumed. */
  training: amount.optional(),
  evaluation: amount,
  /** Time per action of a trained model. */
  action: LATENCY.optional(),
});
/** Wall-clock time of one method on the machine of the run. */
export type MethodTimes = z.output<typeof methodTimes>;

const run = z.strictObject({
  command: text,
  /** The fully resolved configuration; reports that need it check it by the schema of experiments. */
  config: byName(json) as z.ZodType<unknown>,
  commit: text,
  version: text,
  node: text,
  machine: z.union([text, byName(z.union([text, number]))]),
  dataHashes: byName(text),
  /** Imported histories by table: the files with their hashes, and the number of excluded histories. */
  imported: byName(json).optional(),
  /** Wall-clock seconds of each stage. */
  seconds: byName(amount),
  /** Times of every method, by the name of the experiment or of the table. */
  times: byName(byName(methodTimes)).optional(),
  /** SHA-256 of the canonical JSON of everything else in results.json. Absent in old results. */
  hash: sha256Schema.optional(),
});
/** The provenance of the numbers, sufficient to reproduce the run. */
export type RunRecord = z.output<typeof run>;

// ---- the whole file ----------------------------------------------------------------------------------------------------------

/** Fields of the results of every kind of experiment, except methods. */
export const COMMON = {
  name: nameSchema,
  /** Training seeds. */
  seeds: positive,
  /** Explains the intervals in a sentence. */
  intervalNote: text,
  /** The audit of training and evaluated tasks, by content. */
  split: z.looseObject(splitCounts) as z.ZodType<Record<string, unknown>>,
  run,
};

/** Schema of results.json. */
export const results = z
  .strictObject({
    ...COMMON,
    format: z.literal(RESULTS_FORMAT),
    /** Mean raw return of the oracle over the test tasks, if it is the reference. */
    oracle: z.strictObject({ mean: number.positive() }).optional(),
    /** In-context episodes of a stream, or its windows if the methods have windows. */
    episodes: positive,
    /** Streams per seed. */
    streams: positive,
    /** Whether actions are drawn from the policy, or the likeliest is taken. */
    sampling,
    /** The table of results: each method by its name. */
    methods: methodTable,
    /** Further tables of the same shape, by name. */
    tables: byName(methodTable).optional(),
    /** CAD, or the reference of an ablation, compared with every other method, by the name of the experiment or of the table; absent in old results and for tables without that method. */
    versus: byName(versus).optional(),
    /** Errors of predicted returns, by the name of the experiment or of the table; absent if no model predicts returns. */
    returns: byName(returns).optional(),
    /** Return versus rate, if the ablation requests it. */
    rate: rate.optional(),
    /** Values derived from the configuration; absent in old results and for ablations. */
    setting: setting.optional(),
    /** Imitation of the source, by the same names; absent if it was not measured. */
    imitation: byName(imitation).optional(),
    /** The evaluation protocol of each table, by the name of the experiment or of the table; absent in old results. */
    protocols: byName(protocol).optional(),
    /** The file with the raw returns of all tables, next to this one; absent in old results. */
    raw: z.strictObject({ file: fileNameSchema, sha256: sha256Schema }).optional(),
  })
  .superRefine((all, context) => {
    const fault = (path: (string | number)[], message: string) => context.addIssue({ code: 'custom', path, message });
    const tables: Record<string, MethodTable> = { ...all.tables, [all.name]: all.methods };
    const [{ byEpisode, perTask, reference }] = Object.values(all.methods);
    if ((all.oracle === undefined) === (reference === undefined))
      fault(['oracle'], 'expected it if and only if the methods have no other reference');
    if (byEpisode.mean.length !== all.episodes) fault(['episodes'], `expected ${byEpisode.mean.length}, as for the methods`);
    if (all.streams % perTask.length !== 0) fault(['streams'], `expected a multiple of the ${perTask.length} tasks`);
    if (Object.hasOwn(all.tables ?? {}, all.name)) fault(['tables', all.name], 'has the same name as the experiment');
    for (const part of ['versus', 'returns', 'imitation', 'protocols'] as const)
      for (const table of Object.keys(all[part] ?? {}))
        if (!Object.hasOwn(tables, table)) fault([part, table], 'there is no table of this name');
    for (const [table, { episodes, split }] of Object.entries(all.protocols ?? {})) {
      const [row] = Object.values(tables[table] ?? {});
      if (row && row.byEpisode.mean.length !== episodes) fault(['protocols', table, 'episodes'], 'expected as many as for the methods');
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

/** The content of results.json. */
export type Results = z.output<typeof results>;

/** The fields of results.json that every kind of experiment has; `M` is the result of a method. */
export type CommonResults<M = unknown> = Pick<Results, 'name' | 'seeds' | 'intervalNote' | 'split' | 'run'> & {
  format: string;
  methods: Record<string, M>;
};
