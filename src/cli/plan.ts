/** @file How a plan is shown: a table, JSON, or a diagram for Mermaid. */

import { stageFolder } from '../cache/store.ts';
import type { LaunchStatus } from '../pipeline/launchers/launcher.ts';
import { criticalPath, makespan, type TimedJob } from '../pipeline/makespan.ts';
import { formatBytes, SECOND_FLOPS } from '../pipeline/needs.ts';
import type { JobPlan } from '../pipeline/plan.ts';
import { type Job, kindOfStage, schedule } from '../pipeline/schedule.ts';
import { painter, table } from '../reports/terminal/results.ts';
import { wantsColor } from '../util/color.ts';
import { groupBy } from '../util/groups.ts';
import { terminalWidth, wrap } from '../util/text.ts';
import { formatTime } from './estimate.ts';

/** Jobs that a row stands for: the same stage of all seeds and variants. */
interface Row {
  readonly title: string;
  readonly jobs: readonly Job[];
  /** Titles of the rows that it waits for. */
  readonly after: readonly string[];
}

/** The jobs by stage, in order. */
function rowsOf({ jobs }: JobPlan): Row[] {
  const titled = ({ stage }: Job) => kindOfStage(stage);
  const byKey = new Map(jobs.map(job => [job.key, job]));
  return Array.from(groupBy(jobs, titled), ([title, own]) => ({
    title,
    jobs: own,
    after: [...new Set(own.flatMap(({ after }) => after.map(key => titled(byKey.get(key)!))))],
  }));
}

/** Rough seconds of a job, for a core that trains at `SECOND_FLOPS`. */
const secondsOf = ({ flops, cores }: Pick<Job, 'flops' | 'cores'>) => 1 + flops / SECOND_FLOPS / cores;

/** One line per stage, of all seeds and variants, and a sum. With `each`, one line per job. */
export function formatPlan(plan: JobPlan, { each = false, width = terminalWidth() } = {}): string {
  const { name, jobs, out, store } = plan;
  const where = store ? `${out} or ${store}` : out;
  const byKey = new Map(jobs.map(job => [job.key, job]));
  const rows = each
    ? jobs.map(job => {
        const after = job.after.map(key => byKey.get(key)!.stage);
        return rowOf({ title: job.heading ? `${job.heading}: ${job.stage}` : job.stage, jobs: [job], after }, job.key.slice(0, 12));
      })
    : rowsOf(plan).map(row => rowOf(row, String(row.jobs.length)));
  const open = schedule(jobs).map(job => ({ ...job, seconds: secondsOf(job) }));
  const notes = [
    open.length === 0
      ? `All ${jobs.length} jobs are finished in ${where}.`
      : `${jobs.length} jobs, of which ${jobs.length - open.length} are finished in ${where}. ${withWorkers(open)}`,
    `Times are rough: they assume ${SECOND_FLOPS.toExponential(0)} operations a second and core. Memory is estimated from the data and the training graphs.`,
  ];
  const head = ['stage', each ? 'key' : 'jobs', 'status', 'cores', 'memory', 'time', 'after'];
  return [`${name}: jobs`, table(head, rows, painter(wantsColor())), notes.map(note => wrap(note, width)).join('\n')].join('\n\n');
}

/** The times with 1, 2, 4 … workers, until more do not help. */
function withWorkers(jobs: readonly TimedJob[]): string {
  const least = criticalPath(jobs);
  const times: string[] = [];
  for (let workers = 1; ; workers *= 2) {
    const time = makespan(jobs, workers);
    times.push(`${workers}: ${formatTime(time)}`);
    if (time <= ENOUGH * least || workers >= jobs.length)
      return `Time by the number of workers: ${times.join(', ')}; with any number, no less than ${formatTime(least)}.`;
  }
}

/** More workers do not help when the time is at most this many times that of the longest chain of jobs. */
const ENOUGH = 1.05;

function rowOf({ title, jobs, after }: Row, second: string): string[] {
  const finished = jobs.filter(job => job.finished).length;
  const status = finished === 0 ? 'to run' : finished === jobs.length ? 'finished' : `${finished} finished`;
  const most = (pick: (job: Job) => number) => Math.max(...jobs.map(pick));
  return [
    title,
    second,
    status,
    String(most(({ cores }) => cores)),
    formatBytes(most(({ bytes }) => bytes)),
    formatTime(most(secondsOf)),
    after.join(', '),
  ];
}

/** What became of the latest launch, or why that is not known. */
export function formatLaunch(
  launch: (LaunchStatus & { readonly launcher: string }) | { readonly unknown: string },
  width = terminalWidth(),
): string {
  if ('unknown' in launch) return wrap(`It was launched, but what became of that is not known: ${launch.unknown}`, width);
  const { launcher, running, waiting, notes } = launch;
  const state =
    running + waiting === 0 ? `Nothing of its launch with ${launcher} waits or runs.` : `With ${launcher}, ${activity(launch)}.`;
  return [state, ...notes].map(note => wrap(note, width)).join('\n');
}

/** Such as `3 jobs run, 5 wait`. */
export const activity = ({ running, waiting }: Pick<LaunchStatus, 'running' | 'waiting'>): string =>
  `${running} ${running === 1 ? 'job runs' : 'jobs run'}, ${waiting} ${waiting === 1 ? 'waits' : 'wait'}`;

/** Maximum number of missing jobs that are named. */
const NAMED = 8;

/** Says which of all jobs are missing. */
export function missingJobs(missing: readonly Job[], all: number): string {
  const names = missing.slice(0, NAMED).map(({ heading, stage }) => (heading ? `${heading}: ${stage}` : stage));
  const more = missing.length > NAMED ? ` and ${missing.length - NAMED} others` : '';
  return `${missing.length} of ${all} jobs are missing (${names.join(', ')}${more})`;
}

/** The plan as plain data: every job with its key, inputs, expected output, cores, memory and state. */
export const planJson = ({ jobs, ...plan }: JobPlan) => ({
  ...plan,
  jobs: jobs.map(({ config: _, heading, ...job }) => ({
    ...job,
    ...(heading ? { variant: heading } : {}),
    output: `stages/${stageFolder(job)}`,
  })),
});

/** The plan as a flowchart, one node per stage. */
export function planDiagram(plan: JobPlan): string {
  const rows = rowsOf(plan);
  const ids = new Map(rows.map(({ title }, i) => [title, `j${i}`]));
  const lines = rows.flatMap(({ title, jobs, after }) => {
    const finished = jobs.filter(job => job.finished).length;
    const state = finished === jobs.length ? 'finished' : finished > 0 ? 'part' : 'open';
    const label = `${title}${jobs.length > 1 ? ` × ${jobs.length}` : ''}`.replaceAll('"', '#quot;');
    return [
      `  ${ids.get(title)}["${label}"]:::${state}`,
      ...after.filter(other => other !== title).map(other => `  ${ids.get(other)} --> ${ids.get(title)}`),
    ];
  });
  return `${['flowchart LR', ...lines, '  classDef finished fill:#cfe8cf,stroke:#2a6b2a,color:#143d14', '  classDef part fill:#fbe9c0,stroke:#8a6a12,color:#4a3808', '  classDef open fill:#ffffff,stroke:#666666,color:#222222'].join('\n')}\n`;
}
