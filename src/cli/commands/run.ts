/** @file `cadenza run` and one command a stage: each runs its stage and whatever that needs and is not there yet. */

import { join } from 'node:path';
import type { Command } from 'commander';
import { loadExperiment } from '../../stages/config.ts';
import type { Stage } from '../../stages/run.ts';
import { terminalProgress } from '../../util/progress.ts';
import { jsonOption, printJson, setOption, withExperiment } from '../options.ts';
import { interruptSignal } from '../signals.ts';

interface Options {
  set: string[];
  out?: string;
  resume?: boolean;
  json?: boolean;
}

const STAGE_COMMANDS: Record<Stage, string> = {
  generate: 'record learning histories of the source algorithm',
  teacher: 'train the full-context teacher',
  pretrain: 'pretrain the compressor by reconstruction',
  distil: 'distil into the policy with the compressor frozen',
  finetune: 'fine-tune compressor and policy together',
  baselines: 'train the models that CAD is compared with',
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
    .option('--out <folder>', 'folder of the run (default: runs/<name of the experiment>)')
    .option('--resume', 'continue an interrupted run from its checkpoints')
    .addOption(jsonOption())
    .action(async (file: string, options: Options) => {
      const config = loadExperiment(file, options.set);
      const out = options.out ?? join('runs', config.name);
      const { resume = false, json = false } = options;
      const signal = interruptSignal();
      // Loaded late: it brings the executors, which a mistyped key should not wait for.
      const { runExperiment } = await import('../../stages/run.ts');
      const progress = terminalProgress();
      // A bar that broke off must be gone before the failure is printed.
      const command = `cadenza ${process.argv.slice(2).join(' ')}`;
      const results = await runExperiment(config, { out, until, resume, progress, signal, command }).finally(progress.stop);
      if (results) (await import('../../reports/index.ts')).writeReports(out, results);
      if (json) return printJson(results ?? { out });
      // Before the last stage there is nothing to compare.

      if (results) process.stdout.write(`${(await import('../../reports/terminal.ts')).formatResults(results).trimEnd()}\n`);
      process.stdout.write(`Everything is in ${out}\n`);
    });
}
