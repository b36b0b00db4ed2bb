/** @file `--launcher`: submits the jobs of a command, and follows them on request. */

import { setTimeout } from 'node:timers/promises';
import { isFinished } from '../cache/store.ts';
import type { RunOptions } from '../pipeline/kind.ts';
import { launch, launchers, launchStatus } from '../pipeline/launchers/launch.ts';
import type { JobPlan } from '../pipeline/plan.ts';
import { type Job, work } from '../pipeline/schedule.ts';
import { CadenzaError } from '../util/errors.ts';
import { ending, type Next } from './ending.ts';
import type { Work } from './experiments.ts';
import { print, printJson } from './options.ts';
import { activity, missingJobs } from './plan.ts';

/** How jobs are launched. */
export interface LaunchFlags {
  readonly launcher: string;
  readonly launchOption: readonly string[];
  readonly redis?: string;
}

/** Where progress goes, and what ends the wait. */
type Watching = Pick<RunOptions, 'progress' | 'signal'>;

/** Milliseconds between two looks at the folder of a run, at its bucket, and between two questions to the launcher. */
const [LOOK, LOOK_FAR, ASK] = [1_000, 5_000, 15_000];

/** What a launch needs besides its plan. */
type Run = Watching & Pick<RunOptions, 'until' | 'tensorboard' | 'shared'>;

const submit = (
  plan: JobPlan,
  { launcher, launchOption, redis, until, tensorboard, shared }: LaunchFlags & Omit<Run, keyof Watching>,
): Promise<readonly string[]> =>
  launch(plan, { launcher: launchers.get(launcher), settings: { options: launchOption, redis }, until, tensorboard, shared });

/** Submits the unfinished jobs of a plan, and waits until nothing of the launch waits or runs. Returns those that are not finished then. */
export async function launchAndFollow(plan: JobPlan, options: LaunchFlags & Run): Promise<readonly Job[]> {
  const submitted = await submit(plan, options);
  return submitted.length === 0 ? [] : follow(plan, options).finally(options.progress.stop);
}

/** Submits the unfinished jobs of some work. With `wait`, returns whether all are finished; otherwise says how to go on. */
export async function launchWork(
  work: Work,
  { wait = false, ...flags }: LaunchFlags & Run & Pick<RunOptions, 'out'> & { readonly wait?: boolean; readonly json: boolean },
  given: readonly string[],
): Promise<boolean> {
  const { launcher, out, until, shared, json } = flags;
  const plan = await work.plan({ out, until, shared });
  if (wait) {
    const missing = await launchAndFollow(plan, flags);
    if (missing.length === 0) return true;
    throw new CadenzaError(
      'E_EXECUTOR',
      `no job waits or runs any more, but ${missingJobs(missing, plan.jobs.length)}. Read what they or their workers said, then launch again; finished jobs are kept.`,
    );
  }
  const submitted = await submit(plan, flags);
  if (submitted.length === 0) return true;
  const jobs = plan.jobs.filter(({ finished }) => !finished).length;
  if (json) printJson({ out, launcher, submitted, jobs });
  else {
    const next: Next[] = [
      [['plan', ...given, ...(until ? ['--until', until] : [])], 'see which jobs are finished'],
      ...(until ? [] : [[['collect', ...given], 'build the results of what is finished'] satisfies Next]),
      [['cancel', out], 'stop all jobs; they save their state first'],
    ];
    print(
      ending({
        found: [`Submitted ${jobs} jobs to ${launcher}.`],
        out,
        next,
      }),
    );
  }
  return false;
}

/** Estimated operations of jobs, with the time to begin and end them. */
const workOf = (jobs: readonly Job[]) => work({ stages: jobs.length, flops: jobs.reduce((sum, { flops }) => sum + flops, 0) });

/** Waits until all jobs of a plan are finished, or nothing of the launch waits or runs any more. Returns those that are not finished. */
async function follow({ name, out, jobs }: JobPlan, { progress, signal, shared }: Run): Promise<readonly Job[]> {
  const all = workOf(jobs);
  let open = jobs.filter(job => !isFinished(out, job, shared));
  const percent = () => Math.floor((100 * (all - workOf(open))) / all);
  let asked = Number.NEGATIVE_INFINITY;
  let doing = '';
  /** What was said about the launch. */
  const said = new Set<string>();
  progress.start(`${name}, ${jobs.length} jobs`, 100, percent());
  const look = async () => {
    await shared?.look();
    open = open.filter(job => !isFinished(out, job, shared));
    progress.update(percent(), `${jobs.length - open.length} finished${doing}`);
  };
  /** Asks the launcher. Returns whether nothing waits or runs. */
  const ask = async () => {
    const status = await launchStatus(out).catch(error => {
      if (!(error instanceof CadenzaError && error.code === 'E_EXECUTOR')) throw error;
      // The jobs go on while the launcher cannot be reached.
      return { notes: [error.message], active: [out], running: 0, waiting: 0 };
    });
    doing = status && status.running + status.waiting > 0 ? `, ${activity(status)}` : '';
    for (const note of status?.notes ?? []) {
      if (!said.has(note)) progress.say(note);
      said.add(note);
    }
    return !status || status.active.length === 0;
  };
  while (open.length > 0) {
    await setTimeout(shared ? LOOK_FAR : LOOK, undefined, { signal }).catch(() => {});
    if (signal.aborted) throw new CadenzaError('E_INTERRUPTED', `no longer waiting; the jobs go on. Stop them with cadenza cancel ${out}.`);
    await look();
    if (performance.now() - asked < ASK) continue;
    const over = await ask();
    asked = performance.now();
    // What ended since the last look.
    await look();
    if (over) return open;
  }
  progress.finish();
  return [];
}
