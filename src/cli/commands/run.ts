/** @file `cadenza run` and one command a stage: each runs its stage and whatever that needs and is not there yet. */

import { join } from 'node:path';
import type { Command } from 'commander';
import { STAGE_COMMANDS } from '../../training/stages/names.ts';
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
  until?: string;
}

export function registerRun(program: Command): void {
  registerStage(program, 'run', 'run all stages of an experiment and report');
  for (const [stage, description] of Object.entries(STAGE_COMMANDS)) registerStage(program, stage, description, stage);
}

function registerStage(program: Command, name: string, description: string, stage?: string): void {
  const command = withExperiment(program.command(name)).description(description);
  if (!stage) command.option('--until <stage>', 'last stage to run, with whatever it needs (default: all of them)');
  command
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
      const { until = stage } = options;
      const stages = (await import('../../pipeline/kind.ts')).stagesOf(kind);
      if (until && !stages.includes(until))
        throw new CadenzaError(
          'E_USAGE',
          `${file} is a ${kind.name} experiment, which has no stage "${until}"; expected one of ${stages.join(', ')}`,
        );
      if (options.dryRun) return showEstimate(await experiment.estimate(options.jobs, until), options.json ?? false);
      const out = options.out ?? join('runs', config.name);
      const { fresh, jobs, json = false } = options;
      const signal = interruptSignal(continues(options));
      const progress = terminalProgress();
      const command = `cadenza ${process.argv.slice(2).join(' ')}`;
      // A bar that broke off must be gone before the failure is printed.
      const results = await experiment.run({ out, until, fresh, jobs, progress, signal, command }).finally(progress.stop);
      // Before the last stage there is nothing to compare.
      if (!results) return json ? printJson({ out }) : print(`Everything is in ${out}\n`);
      // Loaded late: figures are not needed by whoever trains.
      const view = (await import('../../reports/index.ts')).viewOf(results);
      view.write(out);
      if (json) return printJson(results);
      print(`${view.text().trimEnd()}\n`);
      const given = [nameOf(file, 'experiment'), ...options.set.flatMap(setting => ['--set', setting])];
      print(ending({ found: view.found(), out, next: experiment.next(out, given) }));
    });
}

async function showEstimate(found: TimedEstimate, json: boolean): Promise<void> {
  if (json) return printJson(found);
  print(`${(await import('../estimate.ts')).formatEstimate(found)}\n`);
}
