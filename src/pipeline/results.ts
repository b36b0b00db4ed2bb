/** @file What an experiment found, with everything that says where it comes from, and the files that it is written to. */

import { join } from 'node:path';
import type { Evaluated } from '../analysis/evaluate.ts';
import { resampledOf } from '../analysis/protocol.ts';
import { madeBy } from '../cache/provenance.ts';
import type { ExperimentConfig } from '../config/experiment.ts';
import { auditTasks } from '../histories/tasks.ts';
import {
  describeBars,
  type MethodTimes,
  type RateReturn,
  RESULTS_FORMAT,
  RETURNS_FILE,
  RETURNS_FORMAT,
  type Results,
  type ReturnsTable,
  type Versus,
  versusOthersPieces,
} from '../records/index.ts';
import { sealResults } from '../records/results-format.ts';
import { type ImitationTable, mean, type ReturnTable } from '../statistics/index.ts';
import { breathing } from '../util/breathe.ts';
import { canonicalJson, sha256, writeFileAtomic, writeJson } from '../util/files.ts';
import { describe } from './describe.ts';

export interface Found extends Evaluated {
  /** Further tables, by name. */
  readonly tables: Readonly<Record<string, Evaluated>>;
  readonly returns: Record<string, ReturnTable>;
  readonly imitation: Record<string, ImitationTable>;
  readonly rate?: RateReturn;
  /** The row that is held against every other; by default `cad`. */
  readonly reference?: string;
  readonly dataHashes: Record<string, string>;
  readonly imported?: Record<string, unknown>;
  readonly seconds: Record<string, number>;
  readonly times: Record<string, Record<string, MethodTimes>>;
  readonly command: string;
}

/**
 * Writes results.json and, beside it, the raw returns that its tables were computed from.
 *
 * @param options.recorded what the results say of the configuration, where that is more than `config`.
 * @throws the reason of the signal, before anything is written.
 */
export async function writeResults(
  out: string,
  config: ExperimentConfig,
  found: Found,
  { signal, recorded = config }: { signal: AbortSignal; recorded?: unknown },
): Promise<Results> {
  const { reference = 'cad' } = found;
  const raw = rawTables(config, found);
  const versus: Record<string, Versus> = {};
  for (const [name, table] of Object.entries(raw)) {
    const found = await breathing(versusOthersPieces(table, reference), signal);
    if (found) versus[name] = found;
  }
  // Without line breaks: one number a line would make the file several times as large.
  const text = `${canonicalJson({ format: RETURNS_FORMAT, tables: raw })}\n`;
  writeFileAtomic(join(out, RETURNS_FILE), text);
  const results = sealResults({ ...resultsOf(config, found, versus, recorded), raw: { file: RETURNS_FILE, sha256: sha256(text) } });
  writeJson(join(out, 'results.json'), results);
  return results;
}

/** The raw returns of all tables by name: of the experiment itself, and of further ones. */
const rawTables = ({ name }: ExperimentConfig, { raw, tables }: Found): Record<string, ReturnsTable> =>
  Object.fromEntries([[name, raw], ...Object.entries(tables).map(([other, { raw }]) => [other, raw] as const)]);

function resultsOf(config: ExperimentConfig, found: Found, versus: Record<string, Versus>, recorded: unknown): Results {
  const { methods, raw, protocol, returns, imitation, rate, imported = {} } = found;
  const tables = Object.entries(found.tables).map(([name, { methods }]) => [name, methods] as const);
  const protocols = Object.entries(found.tables).map(([name, { protocol }]) => [name, protocol] as const);
  const { episodes, streams, sampling, resamples } = config.evaluate;
  const tasks = raw.tasks.length;
  return {
    format: RESULTS_FORMAT,
    name: config.name,
    oracle: { mean: mean(raw.oracle) },
    episodes,
    streams: streams * tasks,
    seeds: config.seeds.length,
    sampling,
    bars: describeBars({
      tasks,
      streams,
      seeds: config.seeds.length,
      resamples,
      resampled: resampledOf(config),
      side: config.evaluate.tasks,
    }),
    methods,
    ...(tables.length > 0 ? { tables: Object.fromEntries(tables) } : {}),
    ...(Object.keys(versus).length > 0 ? { versus } : {}),
    ...(Object.keys(returns).length > 0 ? { returns } : {}),
    ...(Object.keys(imitation).length > 0 ? { imitation } : {}),
    ...(rate ? { rate } : {}),
    // The combinations of an ablation each have one of their own.
    ...(recorded === config ? { setting: describe(config).setting } : {}),
    split: auditTasks(config),
    protocols: Object.fromEntries([[config.name, protocol], ...protocols]),
    run: {
      command: found.command,
      config: recorded,
      ...madeBy(),
      dataHashes: found.dataHashes,
      ...(Object.keys(imported).length > 0 ? { imported } : {}),
      seconds: found.seconds,
      times: found.times,
    },
  };
}
