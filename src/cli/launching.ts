/** @file `--launcher`: submits the jobs of a command, and follows them on request. */

import { setTimeout } from 'node:timers/promises';
import { isFinished } from '../cache/store.ts';
import type { RunOptions } from '../pipeline/kind.ts';
import { activeLaunch, launch, launchers } from '../pipeline/launchers/launch.ts';
import type { JobPlan } from '../pipeline/plan.ts';
import { CadenzaError } from '../util/errors.ts';
import { ending, type Next } from './ending.ts';
import type { Work } from './experiments.ts';
import { print, printJson } from './options.ts';
import { missingJobs } from './plan.ts';

/** How jobs are launched. */
export interface LaunchFlags {
  readonly launcher: string;
  readonly launchOption: readonly string[];
  readonly redis?: string;
  readonly wait?: boolean;
}

/** Where progress goes, and what ends the wait. */
type Watching = Pick<RunOptions, 'progress' | 'signal'>;

/** Milliseconds between two looks at the folder of a run, at its bucket, and between two questions to the launcher. */
const [LOOK, LOOK_FAR, ASK] = [1_000, 5_000, 15_000];

/** Submits the unfinished jobs of some work. With `wait`, returns whether all are finished; otherwise says how to go on. */
export async function launchWork(
  work: Work,
  {
    launcher,
    launchOption,
    redis,
    wait = false,
    ...run
  }: LaunchFlags & Watching & Pick<RunOptions, 'out' | 'until' | 'tensorboard' | 'shared'> & { json: boolean },
  given: readonly string[],
): Promise<boolean> {
  const { out, until, tensorboard, shared, json } = run;
  const plan = await work.plan({ out, until, shared });
  const submitted = await launch(plan, {
    launcher: launchers.get(launcher),
    settings: { options: launchOption, redis },
    until,
    tensorboard,
    shared,
  });
  if (submitted.length === 0) return true;
  if (wait) {
    await follow(plan, run).finally(run.progress.stop);
    return true;
  }
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

/** Waits until all jobs of a plan are finished. Throws `E_EXECUTOR` if some are not, and nothing of the launch waits or runs any more. */
async function follow({ name, out, jobs }: JobPlan, { progress, signal, shared }: Watching & Pick<RunOptions, 'shared'>): Promise<void> {
  let open = jobs.filter(job => !isFinished(out, job, shared));
  let asked = performance.now();
  progress.start(`${name}, jobs`, jobs.length, jobs.length - open.length);
  const look = async () => {
    await shared?.look();
    open = open.filter(job => !isFinished(out, job, shared));
    progress.update(jobs.length - open.length);
  };
  while (open.length > 0) {
    await setTimeout(shared ? LOOK_FAR : LOOK, undefined, { signal }).catch(() => {});
    if (signal.aborted) throw new CadenzaError('E_INTERRUPTED', `no longer waiting; the jobs go on. Stop them with cadenza cancel ${out}.`);
    await look();
    if (performance.now() - asked < ASK) continue;
    const over = (await activeLaunch(out)) === undefined;
    asked = performance.now();
    // What ended since the last look.
    await look();
    if (over && open.length > 0)
      throw new CadenzaError(
        'E_EXECUTOR',
        `no job waits or runs any more, but ${missingJobs(open, jobs.length)}. Read what they or their workers said, then launch again; finished jobs are kept.`,
      );
  }
  progress.finish();
}
