/** @file `cadenza ablate`: one experiment varied along declared axes, one table. */

import { join } from 'node:path';
import type { Command } from 'commander';
import { terminalProgress } from '../../util/progress.ts';
import { ending, type Next } from '../ending.ts';
import { freshOption, jobsOption, jsonOption, outOption, print, printJson, resumeOption, setOption } from '../options.ts';
import { nameOf, presetFile } from '../presets.ts';
import { continues, interruptSignal } from '../signals.ts';

interface Options {
  set: string[];
  out?: string;
  fresh?: boolean;
  jobs: number;
  json?: boolean;
}

export function registerAblate(program: Command): void {
  program
    .command('ablate')
    .argument('<ablation>', 'YAML file, or the name of a preset such as matrix', presetFile('ablation'))
    .description('train and evaluate every combination of declared settings, and compare them in one table')
    .addOption(setOption())
    .addOption(outOption('folder of the run (default: runs/<name of the ablation>)'))
    .addOption(freshOption())
    .addOption(resumeOption())
    .addOption(jobsOption())
    .addOption(jsonOption())
    .action(async (file: string, options: Options) => {
      const { loadAblation, runAblation } = await import('../../pipeline/ablate.ts');
      const opened = loadAblation(file, options.set);
      const out = options.out ?? join('runs', opened.ablation.name);
      const progress = terminalProgress();
      const command = `cadenza ${process.argv.slice(2).join(' ')}`;
      const { fresh, jobs } = options;
      const signal = interruptSignal(continues(options));
      const results = await runAblation(opened, { out, fresh, jobs, progress, signal, command }).finally(progress.stop);
      const { writeReports, formatResults, summarize } = await import('../../reports/index.ts');
      writeReports(out, results);
      if (options.json) return printJson(results);
      const [first, second] = Object.keys(results.methods);
      const given = options.set.flatMap(setting => ['--set', setting]);
      const next: Next[] = [
        [['compare', out, '--method', `${first},${second}`], 'two rows of the table'],
        [
          ['ablate', nameOf(file, 'ablation'), ...given, '--set', 'seeds=[0,1,2]', '--out', `${out}-mine`],
          'the same with settings of your own',
        ],
      ];
      print(`${formatResults(results).trimEnd()}\n${ending({ found: summarize(results), out, next })}`);
    });
}
