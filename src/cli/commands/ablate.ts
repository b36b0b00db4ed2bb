/** @file `cadenza ablate`: one experiment varied along declared axes, one table. */

import { join } from 'node:path';
import type { Command } from 'commander';
import { terminalProgress } from '../../util/progress.ts';
import { jobsOption, jsonOption, printJson, setOption } from '../options.ts';
import { interruptSignal } from '../signals.ts';

interface Options {
  set: string[];
  out?: string;
  resume?: boolean;
  jobs: number;
  json?: boolean;
}

export function registerAblate(program: Command): void {
  program
    .command('ablate')
    .argument('<file>', 'ablation, such as experiments/ablations/matrix.yaml')
    .description('train and evaluate every combination of declared settings, and compare them in one table')
    .addOption(setOption())
    .option('--out <folder>', 'folder of the run (default: runs/<name of the ablation>)')
    .option('--resume', 'continue an interrupted run from its checkpoints; what is finished is never done again')
    .addOption(jobsOption())
    .addOption(jsonOption())
    .action(async (file: string, options: Options) => {
      const { loadAblation, runAblation } = await import('../../stages/ablate.ts');
      const opened = loadAblation(file, options.set);
      const out = options.out ?? join('runs', opened.ablation.name);
      const progress = terminalProgress();
      const command = `cadenza ${process.argv.slice(2).join(' ')}`;
      const { resume = false, jobs } = options;
      const results = await runAblation(opened, { out, resume, jobs, progress, signal: interruptSignal(), command }).finally(progress.stop);
      const { writeReports, formatResults } = await import('../../reports/index.ts');
      writeReports(out, results);
      if (options.json) return printJson(results);
      process.stdout.write(`${formatResults(results).trimEnd()}\nEverything is in ${out}\n`);
    });
}
