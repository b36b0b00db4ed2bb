/**
 * @file Parts of an experiment made at once, each in a process of its own: the same stages in the same folder, so that the one process
 * that reports afterwards finds everything there. Equal settings give equal bytes, however many processes made them.
 */

import { extname } from 'node:path';
import { runPool } from '../distributed/pool.ts';
import type { CommonConfig, ExperimentKind, RunOptions, Variant } from './kind.ts';

/** The training stage whose parts need nothing of the stages before it. */
export const BASELINES = 'baselines';

/** In the place of a baseline's id: the agent with whatever it learns from, and no baseline. */
export const AGENT = 'agent';

/** One part: an experiment with a seed of its own, and of that the agent or one baseline alone where there are baselines. */
export type Part = { readonly heading: string; readonly config: CommonConfig; readonly only?: string };

/** A part as it goes over to a process. */
export type PartJob = Part & { readonly out: string; readonly fresh: boolean; readonly since: number; readonly until: string };

/** What of one seed can have a process of its own: the agent, and every trained baseline; all of it together where there is no baseline. */
export function separateParts<C extends CommonConfig>({ training }: Pick<ExperimentKind<C, never>, 'training'>, config: C) {
  const stage = training.find(({ name }) => name === BASELINES);
  const trained = stage && stage.steps(config) > 0 ? (stage.parts?.(config) ?? []) : [];
  return trained.length === 0 ? [undefined] : [AGENT, ...trained.map(({ name }) => name)];
}

/** A variant as parts that need nothing of each other. */
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

/** Makes all stages of all parts, `options.jobs` parts at a time; does nothing where that is one, since whoever reports makes what is missing. */
export async function makeAtOnce(
  name: string,
  parts: readonly Part[],
  options: Omit<RunOptions, 'command'> & { readonly since: number },
): Promise<void> {
  const { out, fresh = false, since, until = 'evaluate', jobs: processes = 1, progress, signal } = options;
  if (Math.min(processes, parts.length) === 1) return;
  const jobs = parts.map((part): PartJob => ({ ...part, out, fresh, since, until }));
  // Where the sources themselves run, there is no compiled module.
  const module = new URL(`./part${extname(import.meta.url)}`, import.meta.url);
  let finished = 0;
  progress.start(`${name}, ${processes} at once`, jobs.length);
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
