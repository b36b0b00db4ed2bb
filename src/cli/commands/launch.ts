/** @file `cadenza job`, which launchers call for each job, `cadenza worker` and `cadenza cancel`. */

import { homedir } from 'node:os';
import { join } from 'node:path';
import type { Command } from 'commander';
import { CadenzaError } from '../../util/errors.ts';
import { atWork, jsonOption, numberOption, outOption, pathOf, print, printJson, redisOption } from '../options.ts';

interface WorkerFlags {
  redis?: string;
  jobs: number;
  silence: number;
  cache: string;
  cacheSize: number;
}

interface JobFlags {
  ifReady?: boolean;
  cache: string;
}

/** `--cache <folder>`. */
const cacheOption = () =>
  outOption('where to keep stages from a bucket', '--cache <folder>').default(
    join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'cadenza'),
    '~/.cache/cadenza',
  );

export function registerJob(program: Command): void {
  program
    .command('job')
    .argument('<file>', 'jobs.json in the folder of a run, or its address in a bucket', pathOf('file'))
    .argument('<index>', 'number of the job in the file')
    .description('run a single job of a launch; launchers call this')
    .option('--if-ready', 'end with status 75 if a job that it reads is not finished (default: run that first)')
    .addOption(cacheOption())
    .action(async (file: string, index: string, { ifReady, cache }: JobFlags) => {
      if (!/^\d+$/.test(index)) throw new CadenzaError('E_USAGE', `expected the number of a job, found "${index}".`);
      const { readJob } = await import('../../pipeline/launchers/launch.ts');
      const { runStageJob } = await import('../../pipeline/launchers/job.ts');
      const { isAddress } = await import('../../cache/bucket/objects.ts');
      const { takeFolder } = await import('../../pipeline/launchers/folder.ts');
      const job = await readJob(file, Number(index));
      const { progress, signal } = atWork();
      // With an address, the folder of the run need not exist here.
      const own = isAddress(file) ? await takeFolder(cache) : undefined;
      await runStageJob({ ...job, out: own?.folder ?? job.out }, { progress, signal, ifReady }).finally(() => {
        own?.release();
        progress.stop();
      });
    });
}

export function registerWorker(program: Command): void {
  program
    .command('worker')
    .description('run jobs of a queue (bullmq) until it is stopped; running jobs then save their state and go back to the queue')
    .addOption(redisOption())
    .addOption(numberOption('--jobs <n>', 'number of jobs at a time', 1, 1024).default(1))
    .addOption(
      numberOption('--silence <seconds>', 'time without a sign of life after which another worker takes a job', 2, 3600).default(30),
    )
    .addOption(cacheOption())
    .addOption(numberOption('--cache-size <n>', 'GB of stages from buckets to keep there', 1).default(20))
    .action(async ({ redis, jobs, silence, cache, cacheSize }: WorkerFlags) => {
      const { redisAddress } = await import('../../pipeline/launchers/redis.ts');
      const { serveQueue } = await import('../../pipeline/launchers/worker.ts');
      const address = redisAddress(redis);
      const { progress, signal } = atWork();
      await serveQueue({
        address,
        jobs,
        silence: 1000 * silence,
        cache: { folder: cache, bytes: 1e9 * cacheSize },
        progress,
        signal,
      }).finally(progress.stop);
    });
}

export function registerCancel(program: Command): void {
  program
    .command('cancel')
    .argument('<run>', 'folder of a run that was launched', pathOf('run'))
    .description('stop the jobs of a launch; running jobs save their state first')
    .addOption(jsonOption())
    .action(async (folder: string, { json }: { json?: boolean }) => {
      const { cancelLaunch } = await import('../../pipeline/launchers/launch.ts');
      const canceled = await cancelLaunch(folder);
      if (json) return printJson({ out: folder, canceled });
      print(`Stopped the jobs of ${folder}. Launch them again to continue.\n`);
    });
}
