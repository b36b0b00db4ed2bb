/**
 * @file Runs parts of an experiment in parallel processes. They write the same stages to the same folder, where the main process then finds
 * them. Equal settings give equal bytes with any number of processes.
 */

import { extname } from 'node:path';
import { runPool } from '../distributed/pool.ts';
import type { CommonConfig, ExperimentKind, RunOptions, Variant } from './kind.ts';

/** The training stage whose parts are independent of earlier stages. */
export const BASELINES = 'baselines';

/** In place of a baseline id: the agent with the stages that it needs, and no baseline. */
export const AGENT = 'agent';

/** One part: an experiment with one seed and, if there are baselines, only the agent or one baseline. */
export type Part = { readonly heading: string; readonly config: CommonConfig; readonly only?: string };

/** A part as sent to a process. */
export type PartJob = Part & { readonly out: string; readonly fresh: boolean; readonly since: number; readonly until: string };

/** The independent parts of one seed: the agent and every trained baseline, or everything together without baselines. */
export function separateParts<C extends CommonConfig>({ training }: Pick<ExperimentKind<C, never>, 'training'>, config: C) {
  const stage = training.find(({ name }) => name === BASELINES);
  const trained = stage && stage.steps(config) > 0 ? (stage.parts?.(config) ?? []) : [];
  return trained.length === 0 ? [undefined] : [AGENT, ...trained.map(({ name }) => name)];
}

/** The independent parts of a variant. */
export function partsOf<C extends CommonConfig>(kind: Pick<ExperimentKind<C, never>, 'training'>, { name, config }: Variant<C>): Part[] {
  const { seeds } = config;
  return seeds.flatMap(seed =>
    separateParts(kind, config).map(only => ({
      heading: [name, ...(seeds.length > 1 ? [`seed ${seed}`] : []), ...(only ? [only] : [])].join(' '),
      config: { ...config, seeds: [seed] },
      only,
    })),
  );
}

/** Runs all stages of all parts, `options.jobs` parts in parallel. Does nothing for one job, because the main process runs missing stages. */
export async function runInParallel(
  name: string,
  parts: readonly Part[],
  options: Omit<RunOptions, 'command'> & { readonly since: number },
): Promise<void> {
  const { out, fresh = false, since, until = 'evaluate', jobs: processes = 1, progress, signal } = options;
  if (Math.min(processes, parts.length) === 1) return;
  const jobs = parts.map((part): PartJob => ({ ...part, out, fresh, since, until }));
  // When running from TypeScript sources, there is no compiled module.
  const module = new URL(`./part${extname(import.meta.url)}`, import.meta.url);
  let finished = 0;
  progress.start(`${name}, ${processes} processes`, jobs.length);
  await runPool({
    module,
    jobs,
    processes,
    signal,
    onNote({ heading }, note, stays) {
      if (stays) progress.say(`${heading}: ${note}`);
      else progress.update(finished, `${heading}: ${note}`);
    },
    onDone(done) {
      finished = done;
      progress.update(done);
    },
  });
  progress.finish();
}
