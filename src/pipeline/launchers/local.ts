/**
 * @file Runs stages in parallel processes. They write to the same folder, where the main process then finds them. Equal settings give equal
 * bytes with any number of processes.
 */

import { type Note, runPool } from '../../distributed/pool.ts';
import type { RunOptions } from '../kind.ts';
import type { ScheduledStage } from '../schedule.ts';
import { JOB_PROCESS, type StageJob } from './job.ts';

type Scheduled = StageJob & ScheduledStage;

/** Runs stages, first those that come first, each after the stages that it reads. */
export async function runInParallel(
  name: string,
  stages: readonly ScheduledStage[],
  options: Omit<RunOptions, 'command' | 'jobs'> & { readonly since: number; readonly processes: number },
): Promise<void> {
  const { out, fresh = false, since, until = 'evaluate', tensorboard = false, shared, processes, progress, signal } = options;
  const store = shared?.address;
  // The main process runs a single stage faster than a new one.
  if (stages.length < 2) return;
  const jobs = stages.map((stage): Scheduled => ({ ...stage, out, fresh, since, until, tensorboard, store }));
  const titled = ({ heading }: Scheduled, text: string) => (heading ? `${heading}: ${text}` : text);
  const finished = new Set<string>();
  /** The latest progress of every running stage. */
  const running = new Map<Scheduled, Note>();
  const all = jobs.reduce((sum, { work }) => sum + work, 0);
  let done = 0;
  const show = () => {
    const begun = [...running].reduce((sum, [{ work }, { share }]) => sum + work * share, done);
    progress.update(Math.floor((100 * begun) / all), Array.from(running.values(), ({ text }) => text).join('; '));
  };
  progress.start(`${name}, ${jobs.length} stages in ${processes} processes`, 100);
  await runPool({
    module: JOB_PROCESS,
    jobs,
    processes,
    signal,
    isReady: ({ after }) => after.every(key => finished.has(key)),
    onNote(job, note) {
      const text = titled(job, note.text);
      if (note.stays) return progress.say(text);
      running.set(job, { ...note, text });
      show();
    },
    onDone(job) {
      finished.add(job.key);
      done += job.work;
      running.delete(job);
      show();
    },
    onFailed: job => progress.say(titled(job, `${job.stage} failed`)),
  });
  progress.finish();
}
