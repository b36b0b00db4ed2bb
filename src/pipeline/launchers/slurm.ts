/**
 * @file Slurm (slurm.schedmd.com): one array for each group of jobs with the same needs that wait for the same groups. A job is signaled
 * before its time limit or when it is preempted, saves its state, and queues again; it then continues to the same bytes.
 */

import { readFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CadenzaError } from '../../util/errors.ts';
import { makeFolder, writeFileAtomic } from '../../util/files.ts';
import { type JobArray, SAVING } from './arrays.ts';
import type { Launch, Launcher, LaunchStatus } from './launcher.ts';
import { call } from './program.ts';

/** The command line of cadenza on this machine. */
const PROGRAM = fileURLToPath(new URL(`../../cli/main${extname(import.meta.url)}`, import.meta.url));

/** What each script does, with places for its options and its command. */
const TEMPLATE = new URL('../../../templates/launchers/slurm.sh', import.meta.url);

const quoted = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;

/** The batch script of an array. */
export function scriptOf({ name, run: { out }, file }: Omit<Launch, 'arrays'>, array: JobArray, options: readonly string[]): string {
  const directives = [
    `--job-name=${name}-${array.name}`,
    `--array=${array.first}-${array.first + array.jobs.length - 1}`,
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
const slurmProgram = (program: string, args: readonly string[]) =>
  call(program, args, 'Run this command where Slurm is installed, such as a login node.');

export const slurm: Launcher = {
  id: 'slurm',
  description: 'job arrays of Slurm, with dependencies; stopped jobs queue again and continue',
  async submit({ arrays, ...launch }, { options = [] }) {
    const odd = options.find(option => !/^-\S/.test(option));
    if (odd !== undefined)
      throw new CadenzaError('E_USAGE', `--launch-option "${odd}": expected an option of sbatch, such as --partition=short.`);
    const folder = join(launch.run.out, 'slurm');
    makeFolder(folder);
    const ids: string[] = [];
    for (const [i, array] of arrays.entries()) {
      const script = join(folder, `${String(i).padStart(2, '0')}-${array.name}.sh`);
      writeFileAtomic(script, scriptOf(launch, array, options));
      const after = array.after.length > 0 ? [`--dependency=afterok:${array.after.map(a => ids[a]).join(':')}`] : [];
      try {
        // Job ids alone, in a cluster with ";cluster" after them.
        ids.push((await slurmProgram('sbatch', ['--parsable', ...after, script])).split(';')[0]);
      } catch (error) {
        // All or nothing.
        if (ids.length > 0) await slurmProgram('scancel', ids);
        throw error;
      }
    }
    return ids;
  },
  status,
  async cancel(ids) {
    const { active } = await status(ids);
    if (active.length > 0) await slurmProgram('scancel', active);
  },
};

/** Why jobs wait that will start by themselves. */
const ORDINARY = ['None', 'Priority', 'Resources', 'Dependency', 'BeginTime'];

/** States of jobs that failed, and of all that ended. */
const FAILED = ['FAILED', 'TIMEOUT', 'OUT_OF_MEMORY', 'NODE_FAIL', 'BOOT_FAIL', 'DEADLINE'];
const ENDED = [...FAILED, 'COMPLETED', 'CANCELLED', 'PREEMPTED', 'REVOKED'];

/** What became of these arrays. */
async function status(ids: readonly string[]): Promise<LaunchStatus> {
  // A line for each job: its array, its index there, its name, its state, and why it waits or ended.
  const options = ['--noheader', '--array', '--states=all', '--format=%F %K %j %T %r', '--jobs', ids.join(',')];
  const listed = await slurmProgram('squeue', options).catch(error => {
    // Slurm forgets jobs some minutes after they end.
    if (/Invalid job id/i.test((error as Error).message)) return '';
    throw error;
  });
  const jobs = listed.split('\n').flatMap(line => {
    const [, id, index, name, state, reason] = /^\s*(\S+) (\S+) (\S+) (\S+) (.*?)\s*$/.exec(line) ?? [];
    return id ? [{ id, index, name, state, reason }] : [];
  });
  const active = jobs.filter(({ state }) => !ENDED.includes(state));
  const found = new Set(active.map(({ id }) => id));
  const waiting = active.filter(({ state }) => state === 'PENDING');
  const reasons = new Set(waiting.map(({ reason }) => reason).filter(reason => !ORDINARY.includes(reason)));
  const failed = jobs.filter(({ state }) => FAILED.includes(state));
  return {
    active: ids.filter(id => found.has(id)),
    running: active.length - waiting.length,
    waiting: waiting.length,
    notes: [
      ...failed.map(
        ({ name, index, state }) => `${name} ended as ${state}. Read why in slurm/${name}-${index}.log in the folder of the run.`,
      ),
      ...[...reasons].map(reason => `Jobs wait, says Slurm: ${reason}.`),
    ],
  };
}
