/** @file `cadenza run` and one command a stage: each runs its stage and whatever that needs and is not there yet. */

import type { Command } from 'commander';
import { STAGE_COMMANDS } from '../../training/stages/names.ts';
import { CadenzaError } from '../../util/errors.ts';
import type { TimedEstimate } from '../estimate.ts';
import { print, printJson, withExperiment } from '../options.ts';
import { nameOf } from '../presets.ts';
import { type RunFlags, runAndShow, withRunFlags } from '../running.ts';

interface Flags extends RunFlags {
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
  withRunFlags(command, 'folder of the run (default: runs/<name of the experiment>)')
    .option('--dry-run', 'print what it needs (memory, parameters, operations, time), and write nothing')
    .action(async (file: string, flags: Flags) => {
      const { openExperiment } = await import('../experiments.ts');
      const experiment = openExperiment(file, flags.set);
      const { config, kind } = experiment;
      const { until = stage } = flags;
      const stages = (await import('../../pipeline/kind.ts')).stagesOf(kind);
      if (until && !stages.includes(until))
        throw new CadenzaError(
          'E_USAGE',
          `${file} is a ${kind.name} experiment, which has no stage "${until}"; expected one of ${stages.join(', ')}`,
        );
      if (flags.dryRun) return showEstimate(await experiment.estimate(flags.jobs, until), flags.json ?? false);
      await runAndShow(
        config.name,
        flags,
        options => experiment.run({ ...options, until }),
        (out, set) => experiment.next(out, [nameOf(file, 'experiment'), ...set]),
      );
    });
}

async function showEstimate(found: TimedEstimate, json: boolean): Promise<void> {
  if (json) return printJson(found);
  print(`${(await import('../estimate.ts')).formatEstimate(found)}\n`);
}
