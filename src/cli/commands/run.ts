/** @file `cadenza run` and one command a stage: each runs its stage and whatever that needs and is not there yet. */

import { join } from 'node:path';
import type { Command } from 'commander';
import { STAGE_HELP, type Stage } from '../../training/stages/names.ts';
import { CadenzaError } from '../../util/errors.ts';
import { terminalProgress } from '../../util/progress.ts';
import { ending } from '../ending.ts';
import type { TimedEstimate } from '../estimate.ts';
import { freshOption, jobsOption, jsonOption, outOption, print, printJson, resumeOption, setOption, withExperiment } from '../options.ts';
import { nameOf } from '../presets.ts';
import { continues, interruptSignal } from '../signals.ts';

interface Options {
  set: string[];
  out?: string;
  fresh?: boolean;
  jobs: number;
  json?: boolean;
  dryRun?: boolean;
}

const STAGE_COMMANDS: Record<Stage, string> = {
  generate: 'record learning histories of the source algorithm',
  ...STAGE_HELP,
  evaluate: 'let every method learn in context on the held-out tasks',
};

export function registerRun(program: Command): void {
  registerStage(program, 'run', 'run all stages of an experiment and report');
  for (const [stage, description] of Object.entries(STAGE_COMMANDS)) registerStage(program, stage, description, stage as Stage);
}

function registerStage(program: Command, name: string, description: string, until?: Stage): void {
  withExperiment(program.command(name))
    .description(description)
    .addOption(setOption())
    .addOption(outOption('folder of the run (default: runs/<name of the experiment>)'))
    .addOption(freshOption())
    .addOption(resumeOption())
    .option('--dry-run', 'print what it needs (memory, parameters, operations, time), and write nothing')
    .addOption(jobsOption())
    .addOption(jsonOption())
    .action(async (file: string, options: Options) => {
      const { openExperiment } = await import('../experiments.ts');
      const experiment = openExperiment(file, options.set);
      const { config, kind } = experiment;
      if (until && !kind.stages.includes(until))
        throw new CadenzaError(
          'E_USAGE',
          `${file} is a ${kind.name} experiment, which has no stage "${until}"; run all of it with "cadenza run ${file}"`,
        );
      if (options.jobs > 1 && !kind.parallel)
        throw new CadenzaError('E_USAGE', `${file} is a ${kind.name} experiment, which runs in one process; leave out --jobs`);
      if (options.dryRun) return showEstimate(await experiment.estimate(options.jobs), options.json ?? false);
      const out = options.out ?? join('runs', config.name);
      const { fresh, jobs, json = false } = options;
      const signal = interruptSignal(continues(options));
      const progress = terminalProgress();
      const command = `cadenza ${process.argv.slice(2).join(' ')}`;
      // A bar that broke off must be gone before the failure is printed.
      const report = await experiment.run({ out, until, fresh, jobs, progress, signal, command }).finally(progress.stop);
      if (report) await report.write(out);
      if (json) return printJson(report?.results ?? { out });
      // Before the last stage there is nothing to compare.
      if (!report) return print(`Everything is in ${out}\n`);
      print(`${(await report.text()).trimEnd()}\n`);
      const given = [nameOf(file, 'experiment'), ...options.set.flatMap(setting => ['--set', setting])];
      print(ending({ found: await report.found(), out, next: report.next(out, given) }));
    });
}

async function showEstimate(found: TimedEstimate, json: boolean): Promise<void> {
  if (json) return printJson(found);
  print(`${(await import('../estimate.ts')).formatEstimate(found)}\n`);
}
