/** @file `cadenza config`: look at a configuration without running it. */

import { type Command, Option } from 'commander';
import { jsonOption, print, printJson, setOption, withExperiment } from '../options.ts';

/** Written out, so that `--help` need not load the schemas; a test compares them with the kinds. */
export const KIND_NAMES = ['reinforcement', 'supervised'];

export function registerConfig(program: Command): void {
  const config = program.command('config').description('inspect configurations');
  withExperiment(config.command('print'))
    .description('print the experiment with every default and override filled in')
    .addOption(setOption())
    .addOption(jsonOption())
    .action(async (file: string, options: { set: string[]; json?: boolean }) => {
      const [{ openExperiment }, { formatConfig }] = await Promise.all([import('../experiments.ts'), import('../../util/config.ts')]);
      const { config, kind } = await openExperiment(file, options.set);
      if (options.json) return printJson(config);
      const own = kind.fingerprint?.(config);
      const remark = `# These settings have the fingerprint ${own}; selection.settings takes it, to state how they were chosen.\n`;
      print(formatConfig(config) + (own ? remark : ''));
    });
  config
    .command('schema')
    .description('print the JSON Schema of experiment files, for completion in editors')
    .addOption(new Option('--kind <kind>', 'kind of experiment').choices(KIND_NAMES).default(KIND_NAMES[0]))
    .addOption(jsonOption())
    .action(async (options: { kind: string }) => {
      const [{ BASE, baseField }, { KINDS }, { configJsonSchema }] = await Promise.all([
        import('../../config/bases.ts'),
        import('../../pipeline/kinds.ts'),
        import('../../util/config.ts'),
      ]);
      const { $schema: _, ...base } = configJsonSchema(baseField);
      const { properties, required, ...schema } = configJsonSchema(KINDS.find(({ name }) => name === options.kind)!.schema());
      // What a kind needs may stand in the base, but for the name.
      printJson({ ...schema, properties: { [BASE]: base, ...properties }, required: ['name'] });
    });
}
