/**
 * @file `cadenza plan` and `cadenza collect`: the jobs of an experiment, sweep or ablation, what each waits for and needs, and which are
 * finished; and the results of what is finished.
 */

import { join } from 'node:path';
import { type Command, Option } from 'commander';
import { presetFile } from '../../config/presets.ts';
import { attempt, CadenzaError } from '../../util/errors.ts';
import {
  atWork,
  freshOption,
  givenTo,
  jsonOption,
  openShared,
  outOption,
  print,
  printJson,
  setOption,
  storeOption,
  verboseOption,
} from '../options.ts';
import { showResults } from './run.ts';

interface WorkFlags {
  set: string[];
  out?: string;
  store?: string;
}

interface PlanFlags extends WorkFlags {
  until?: string;
  fresh?: boolean;
  each?: boolean;
  mermaid?: boolean;
  json?: boolean;
}

interface CollectFlags extends WorkFlags {
  verbose?: boolean;
  json?: boolean;
}

/** Finds the file of an ablation or an experiment. Throws `E_CONFIG` like that of an experiment. */
const workFile = (name: string): string => attempt(() => presetFile('ablation')(name)) ?? presetFile('experiment')(name);

/** Opens the work of a command and its folder. */
async function opened(name: string, { set, out, store }: WorkFlags) {
  const { openWork } = await import('../experiments.ts');
  const work = await openWork(workFile(name), set);
  const shared = await openShared(store);
  return { work, out: out ?? join('runs', work.name), shared };
}

const withWork = (command: Command): Command =>
  command
    .argument('<experiment>', 'YAML file of an experiment or an ablation, or a preset such as dark-room or matrix')
    .addOption(setOption('; comma-separated values make a sweep'))
    .addOption(outOption('folder of the run (default: runs/<experiment name>)'))
    .addOption(storeOption());

export function registerPlan(program: Command): void {
  withWork(program.command('plan'))
    .description('show the jobs of an experiment, what each waits for and needs, and which are finished')
    .option('--until <stage>', 'stop after this stage (default: all stages)')
    .addOption(freshOption())
    .option('--each', 'show each job, not one line for each stage')
    .addOption(new Option('--mermaid', 'print a diagram for Mermaid').conflicts('json'))
    .addOption(jsonOption())
    .action(async (name: string, { until, fresh, each, mermaid, json, ...flags }: PlanFlags) => {
      const { work, out, shared } = await opened(name, flags);
      const plan = await work.plan({ out, until, fresh, shared });
      const { formatLaunch, formatPlan, planDiagram, planJson } = await import('../plan.ts');
      if (mermaid) return print(planDiagram(plan));
      const launch = await launchOf(out);
      if (json) return printJson({ ...planJson(plan), ...(launch ? { launch } : {}) });
      print(`${[formatPlan(plan, { each }), ...(launch ? [formatLaunch(launch)] : [])].join('\n')}\n`);
    });
}

/** What became of the latest launch of a folder, or why its launcher cannot be asked; undefined if there was none. */
async function launchOf(out: string) {
  const { launchStatus } = await import('../../pipeline/launchers/launch.ts');
  return launchStatus(out).catch((error: Error) => ({ unknown: error.message }));
}

export function registerCollect(program: Command): void {
  withWork(program.command('collect'))
    .description('build the results of the seeds that are finished, and say what is missing; train nothing')
    .addOption(verboseOption())
    .addOption(jsonOption())
    .action(async (name: string, { verbose, json, ...flags }: CollectFlags, command: Command) => {
      const { work, out, shared } = await opened(name, flags);
      const { finishedSeeds } = await import('../../pipeline/plan.ts');
      const { missingJobs } = await import('../plan.ts');
      const plan = await work.plan({ out, shared });
      const open = plan.jobs.filter(({ finished }) => !finished);
      const missing = open.length > 0 && missingJobs(open, plan.jobs.length);
      const seeds = finishedSeeds(plan);
      if (seeds.length === 0)
        throw new CadenzaError('E_DATA', `${out} has no seed with all its stages: ${missing}. Run them, then collect again.`);
      const at = atWork();
      if (missing) at.progress.say(`Results of seed${seeds.length > 1 ? 's' : ''} ${seeds.join(', ')} only: ${missing}.`);
      const part = missing ? work.ofSeeds(seeds) : work;
      const results = await part.run({ out, jobs: 1, shared, ...at }).finally(at.progress.stop);
      await showResults(results, { work: part, out, given: givenTo(command), verbose, json });
    });
}
