/** @file `cadenza config`: look at a configuration without running it. */

import { type Command, Option } from 'commander';
import { configJsonSchema, formatConfig } from '../../util/config.ts';
import { KINDS, openExperiment } from '../experiments.ts';
import { jsonOption, print, printJson, setOption, withExperiment } from '../options.ts';

export function registerConfig(program: Command): void {
  const config = program.command('config').description('inspect configurations');
  withExperiment(config.command('print'))
    .description('print the experiment with every default and override filled in')
    .addOption(setOption())
    .addOption(jsonOption())
    .action((file: string, options: { set: string[]; json?: boolean }) => {
      const { config, kind } = openExperiment(file, options.set);
      if (options.json) return printJson(config);
      print(formatConfig(config) + (kind.remark?.(config) ?? ''));
    });
  config
    .command('schema')
    .description('print the JSON Schema of experiment files, for completion in editors')
    .addOption(new Option('--kind <kind>', 'kind of experiment').choices(KINDS.map(({ name }) => name)).default(KINDS[0].name))
    .addOption(jsonOption())
    .action((options: { kind: string }) => printJson(configJsonSchema(KINDS.find(({ name }) => name === options.kind)!.schema)));
}
