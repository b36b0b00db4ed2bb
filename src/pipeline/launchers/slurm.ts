/**
 * @file Slurm (slurm.schedmd.com): one array for each group of jobs with the same needs that wait for the same groups. A job is signaled
 * before its time limit or when it is preempted, saves its state, and queues again; it then continues to the same bytes.
 */

import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { CadenzaError } from '../../util/errors.ts';
import { makeFolder, writeFileAtomic } from '../../util/files.ts';
import { groupBy } from '../../util/groups.ts';
import { kindOfStage, type ScheduledStage } from '../schedule.ts';
import type { Launch, Launcher } from './launcher.ts';

/** Jobs that are one array. */
interface JobArray {
  readonly name: string;
  /** Numbers of its jobs. */
  readonly indices: readonly number[];
  readonly cores: number;
  /** Memory in MiB. */
  readonly memory: number;
  /** Indices of the arrays that it waits for. */
  readonly after: readonly number[];
}

/** Memory estimates may be too low by this factor; Slurm kills what needs more than it asked for. */
const SPARE = 1.5;

/** Seconds before its time limit at which a job is asked to save its state. */
const SAVING = 120;

/** Divides jobs into arrays: the same stage, needs and place in the order. */
export function arraysOf(jobs: readonly ScheduledStage[]): JobArray[] {
  const index = new Map(jobs.map(({ key }, i) => [key, i]));
  const depth: number[] = [];
  for (const { after } of jobs) depth.push(Math.max(-1, ...after.map(key => depth[index.get(key)!])) + 1);
  const memoryOf = ({ bytes }: ScheduledStage) => Math.ceil((SPARE * bytes) / 2 ** 20 / 100) * 100;
  const groups = [
    ...groupBy([...jobs.keys()], i => JSON.stringify([depth[i], kindOfStage(jobs[i].stage), jobs[i].cores, memoryOf(jobs[i])])).values(),
  ].sort(([a], [b]) => depth[a] - depth[b]);
  const groupOf = new Map(groups.flatMap((own, g) => own.map(i => [jobs[i].key, g])));
  return groups.map(indices => {
    const [first] = indices;
    const after = [...new Set(indices.flatMap(i => jobs[i].after.map(key => groupOf.get(key)!)))].sort((a, b) => a - b);
    return { name: kindOfStage(jobs[first].stage), indices, cores: jobs[first].cores, memory: memoryOf(jobs[first]), after };
  });
}

/** Numbers as Slurm writes them: 0-3,7. */
export function ranges(numbers: readonly number[]): string {
  const parts: [number, number][] = [];
  for (const n of numbers.toSorted((a, b) => a - b)) {
    const last = parts.at(-1);
    if (last && n === last[1] + 1) last[1] = n;
    else parts.push([n, n]);
  }
  return parts.map(([from, to]) => (from === to ? `${from}` : `${from}-${to}`)).join(',');
}

/** The command line of cadenza on this machine. */
const PROGRAM = fileURLToPath(new URL(`../../cli/main${extname(import.meta.url)}`, import.meta.url));

/** What each script does, with places for its options and its command. */
const TEMPLATE = new URL('../../../templates/launchers/slurm.sh', import.meta.url);

const quoted = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;

/** The batch script of an array. */
export function scriptOf({ name, run: { out }, file }: Omit<Launch, 'jobs'>, array: JobArray, options: readonly string[]): string {
  const directives = [
    `--job-name=${name}-${array.name}`,
    `--array=${ranges(array.indices)}`,
    `--cpus-per-task=${array.cores}`,
    `--mem=${array.memory}M`,
    '--requeue',
    `--signal=B:TERM@${SAVING}`,
    '--open-mode=append',
    `--output=${join(out, 'slurm', '%x-%a.log')}`,
    '--kill-on-invalid-dep=yes',
    ...options,
  ];
  const command = [process.execPath, ...process.execArgv, PROGRAM, 'job', file].map(quoted).join(' ');
  const values: Readonly<Record<string, string>> = { directives: directives.map(directive => `#SBATCH ${directive}`).join('\n'), command };
  return readFileSync(TEMPLATE, 'utf8').replaceAll(/\{\{(\w+)\}\}/g, (_, name: string) => values[name]);
}

/** Calls a program of Slurm. */
async function call(program: string, args: readonly string[]): Promise<string> {
  try {
    return (await promisify(execFile)(program, [...args])).stdout.trim();
  } catch (error) {
    const { code, stderr, message } = error as NodeJS.ErrnoException & { stderr?: string };
    if (code === 'ENOENT')
      throw new CadenzaError('E_INSTALL', `${program} was not found. Run this command where Slurm is installed, such as a login node.`);
    const said = (stderr || message).trim().split('\n').at(-1);
    throw new CadenzaError('E_EXECUTOR', `${program} failed: ${said}. Check the options that are passed to it with --launch-option.`);
  }
}

export const slurm: Launcher = {
  id: 'slurm',
  description: 'job arrays of Slurm, with dependencies; stopped jobs queue again and continue',
  async submit({ jobs, ...launch }, { options = [] }) {
    const folder = join(launch.run.out, 'slurm');
    makeFolder(folder);
    const ids: string[] = [];
    for (const [i, array] of arraysOf(jobs).entries()) {
      const script = join(folder, `${String(i).padStart(2, '0')}-${array.name}.sh`);
      writeFileAtomic(script, scriptOf(launch, array, options));
      const after = array.after.length > 0 ? [`--dependency=afterok:${array.after.map(a => ids[a]).join(':')}`] : [];
      try {
        // Job ids alone, in a cluster with ";cluster" after them.
        ids.push((await call('sbatch', ['--parsable', ...after, script])).split(';')[0]);
      } catch (error) {
        // All or nothing.
        if (ids.length > 0) await call('scancel', ids);
        throw error;
      }
    }
    return ids;
  },
  active,
  async cancel(ids) {
    const left = await active(ids);
    if (left.length > 0) await call('scancel', left);
  },
};

/** Which of these arrays still wait or run. */
async function active(ids: readonly string[]): Promise<readonly string[]> {
  if (ids.length === 0) return [];
  const listed = await call('squeue', ['--noheader', '--format=%F', '--jobs', ids.join(',')]).catch(error => {
    // Slurm forgets jobs some minutes after they end.
    if (/Invalid job id/i.test((error as Error).message)) return '';
    throw error;
  });
  const found = new Set(listed.split('\n').map(line => line.trim()));
  return ids.filter(id => found.has(id));
}
