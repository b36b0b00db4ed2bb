/** @file `cadenza config`: look at a configuration without running it. */

import type { Command } from 'commander';
import { experimentSchema, loadExperiment } from '../../stages/config.ts';
import { configJsonSchema, formatConfig } from '../../util/config.ts';
import { jsonOption, printJson, setOption, withExperiment } from '../options.ts';

export function registerConfig(program: Command): void {
  const config = program.command('config').description('inspect configurations');
  withExperiment(config.command('print'))
    .description('print the experiment with every default and override filled in')
    .addOption(setOption())
    .addOption(jsonOption())
    .action((file: string, options: { set: string[]; json?: boolean }) => {
      const resolved = loadExperiment(file, options.set);
      if (options.json) printJson(resolved);
      else process.stdout.write(formatConfig(resolved));
    });
  config
    .command('schema')
    .description('print the JSON Schema of experiment files, for completion in editors')
    .addOption(jsonOption())
    .action(() => printJson(configJsonSchema(experimentSchema)));
}
