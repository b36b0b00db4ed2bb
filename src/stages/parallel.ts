/**
 * @file Parts of an experiment made at once, each in a process of its own: the same stages in the same folder, so that the one process
 * that reports afterwards finds everything there. Equal settings give equal bytes, however many processes made them.
 */

import { extname } from 'node:path';
import { runPool } from '../distributed/pool.ts';
import type { ExperimentConfig } from './config.ts';
import type { RunOptions, Stage } from './run.ts';

/** One part: an experiment with a seed of its own. */
export interface Part {
  readonly heading: string;
  readonly config: ExperimentConfig;
}

/** A part as it goes over to a process. */
export interface PartJob extends Part {
  readonly out: string;
  readonly resume: boolean;
  readonly until: Stage;
}

/** An experiment as one part for each seed. */
export const partsOf = (heading: string, config: ExperimentConfig): Part[] =>
  config.seeds.map(seed => ({
    heading: config.seeds.length > 1 ? `${heading} seed ${seed}` : heading,
    config: { ...config, seeds: [seed] },
  }));

/** Makes all stages of all parts, `options.jobs` parts at a time; does nothing where that is one, since whoever reports makes what is missing. */
export async function makeAtOnce(name: string, parts: readonly Part[], options: Omit<RunOptions, 'command'>): Promise<void> {
  const { out, resume, until = 'evaluate', jobs: processes = 1, progress, signal } = options;
  if (Math.min(processes, parts.length) === 1) return;
  const jobs = parts.map((part): PartJob => ({ ...part, out, resume, until }));
  // Where the sources themselves run, there is no compiled module.
  const module = new URL(`./part${extname(import.meta.url)}`, import.meta.url);
  let finished = 0;
  progress.start(`${name}, ${processes} at once`, jobs.length);
  await runPool({
    module,
    jobs,
    processes,
    signal,
    onNote: ({ heading }, note) => progress.update(finished, `${heading}: ${note}`),
    onDone(done) {
      finished = done;
      progress.update(done);
    },
  });
  progress.finish();
}
