/** @file Assembles results with their provenance and writes result files. */

import { join } from 'node:path';
import type { Evaluated } from '../analysis/evaluate.ts';
import { resampledOf } from '../analysis/protocol.ts';
import { madeBy } from '../cache/provenance.ts';
import type { ExperimentConfig } from '../config/experiment.ts';
import { auditTasks } from '../histories/tasks.ts';
import {
  type CommonResults,
  describeIntervals,
  type MethodTimes,
  type RateReturn,
  RESULTS_FORMAT,
  RETURNS_FILE,
  RETURNS_FORMAT,
  type Results,
  type Versus,
  versusOthersPieces,
} from '../records/index.ts';
import { sealResults } from '../records/seal.ts';
import { type ImitationTable, mean, type ReturnTable } from '../statistics/index.ts';
import { breathing } from '../util/breathe.ts';
import { canonicalJson, sha256, writeFileAtomic } from '../util/files.ts';
import { describeExperiment } from './describe.ts';
import type { CommonConfig } from './kind.ts';

/** Where the numbers of a run come from. */
export interface Provenance {
  readonly command: string;
  readonly dataHashes: Record<string, string>;
  readonly imported?: Record<string, unknown>;
  readonly seconds: Record<string, number>;
  readonly times?: Record<string, Record<string, MethodTimes>>;
}

/** The common parts of all results. `recorded` is the configuration to record. Default: the settings. */
export function commonResults(
  config: CommonConfig,
  { command, dataHashes, imported = {}, seconds, times }: Provenance,
  recorded: unknown = config,
): Pick<CommonResults, 'name' | 'seeds' | 'run'> {
  return {
    name: config.name,
    seeds: config.seeds.length,
    run: {
      command,
      config: recorded,
      ...madeBy(),
      dataHashes,
      ...(Object.keys(imported).length > 0 ? { imported } : {}),
      seconds,
      ...(times ? { times } : {}),
    },
  };
}

/** Writes results.json with a hash of its content. */
export function writeResults<R extends CommonResults>(out: string, results: R): R {
  const sealed = sealResults(results);
  // Not `writeJson`, which sorts: reports list stages, settings and methods in this order.
  writeFileAtomic(join(out, 'results.json'), `${JSON.stringify(sealed, null, 2)}\n`);
  return sealed;
}

/** The tables of a reinforcement learning experiment or an ablation. */
export interface Tables extends Evaluated, Provenance {
  readonly tables: Readonly<Record<string, Evaluated>>;
  readonly returns: Record<string, ReturnTable>;
  readonly imitation: Record<string, ImitationTable>;
  readonly rate?: RateReturn;
  /** The method to compare with all others. Default: `cad`. */
  readonly reference?: string;
}

/**
 * Assembles the results of tables and writes their raw returns to a separate file.
 *
 * @param options.recorded the configuration to record. Default: `config`.
 * @throws the reason of the signal, before anything is written.
 */
export async function resultsOf(
  out: string,
  config: ExperimentConfig,
  found: Tables,
  { signal, recorded = config }: { signal: AbortSignal; recorded?: unknown },
): Promise<Results> {
  const { methods, protocol, returns, imitation, rate, reference = 'cad' } = found;
  const tables = Object.entries(found.tables);
  const raw = Object.fromEntries([[config.name, found.raw], ...tables.map(([name, { raw }]) => [name, raw] as const)]);
  const versus: Record<string, Versus> = {};
  for (const [name, table] of Object.entries(raw)) {
    const compared = await breathing(versusOthersPieces(table, reference), signal);
    if (compared) versus[name] = compared;
  }
  // Without line breaks: one number per line would make the file several times larger.
  const text = `${canonicalJson({ format: RETURNS_FORMAT, tables: raw })}\n`;
  writeFileAtomic(join(out, RETURNS_FILE), text);
  const { streams, sampling, resamples } = config.evaluate;
  const tasks = found.raw.tasks.length;
  const drawn = { seeds: config.seeds.length, resampled: resampledOf(config) };
  return {
    format: RESULTS_FORMAT,
    ...commonResults(config, found, recorded),
    ...(found.raw.oracle && { oracle: { mean: mean(found.raw.oracle) } }),
    episodes: protocol.episodes,
    streams: streams * tasks,
    sampling,
    intervalNote: describeIntervals({ ...drawn, tasks, streams, resamples, side: config.evaluate.tasks }),
    methods,
    ...(tables.length > 0 ? { tables: Object.fromEntries(tables.map(([name, { methods }]) => [name, methods])) } : {}),
    ...(Object.keys(versus).length > 0 ? { versus } : {}),
    ...(Object.keys(returns).length > 0 ? { returns } : {}),
    ...(Object.keys(imitation).length > 0 ? { imitation } : {}),
    ...(rate ? { rate } : {}),
    // Each combination of an ablation has its own.
    ...(recorded === config ? { setting: describeExperiment(config).setting } : {}),
    split: auditTasks(config),
    protocols: { [config.name]: protocol, ...Object.fromEntries(tables.map(([name, { protocol }]) => [name, protocol])) },
    raw: { file: RETURNS_FILE, sha256: sha256(text) },
  };
}
