/** @file `cadenza config`: prints a resolved configuration, or the schema of experiment files. */

import { type Command, Option } from 'commander';
import { jsonOption, print, printJson, setOption, withExperiment } from '../options.ts';

/** Listed here so that `--help` does not load the schemas. A test compares this list with the registry. */
export const KIND_NAMES = ['reinforcement', 'supervised'];

export function registerConfig(program: Command): void {
  const config = program.command('config').description('show the settings of an experiment, or the schema of experiment files');
  withExperiment(config.command('print'))
    .description('print all settings of an experiment, including defaults and overrides')
    .addOption(setOption())
    .addOption(jsonOption())
    .action(async (file: string, options: { set: string[]; json?: boolean }) => {
      const [{ openExperiment }, { formatConfig }] = await Promise.all([import('../experiments.ts'), import('../../util/config.ts')]);
      const { config, kind } = await openExperiment(file, options.set);
      if (options.json) return printJson(config);
      const own = kind.fingerprint?.(config);
      const remark = `# Fingerprint of these settings, for selection.settings: ${own}\n`;
      print(formatConfig(config) + (own ? remark : ''));
    });
  config
    .command('schema')
    .description('print the JSON Schema of experiment files, for completion and validation in editors')
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
      // Required settings may come from the base file, except for the name.
      printJson({ ...schema, properties: { [BASE]: base, ...properties }, required: ['name'] });
    });
}
