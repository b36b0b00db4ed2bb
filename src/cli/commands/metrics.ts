/** @file `cadenza metrics`: the training metrics of runs as a table, or for TensorBoard. */

import { extname } from 'node:path';
import { type Command, Option } from 'commander';
import { CadenzaError } from '../../util/errors.ts';
import { jsonOption, outOption, pathOf, print, printJson } from '../options.ts';

/** Listed here so that `--help` does not load the formats. A test compares this list with them. */
export const FORMATS = ['csv', 'parquet', 'tensorboard'] as const;

interface Options {
  format?: (typeof FORMATS)[number];
  out?: string;
  json?: boolean;
}

const OUT = 'file to write, or folder for event files; replaced if it exists (default: print CSV)';

export function registerMetrics(program: Command): void {
  program
    .command('metrics')
    .argument('[run]', 'a run, an ablation or a search, finished or not, or a folder that contains some', pathOf('run'), 'runs')
    .description('write training metrics as one table, in CSV or Parquet, or as event files for TensorBoard')
    .addOption(new Option('--format <name>', 'format to write (default: by the ending of --out)').choices(FORMATS))
    .addOption(outOption(OUT, '--out <path>'))
    .addOption(jsonOption())
    .action(async (folder: string, { out, json = false, ...options }: Options) => {
      const format = options.format ?? formatOf(out);
      if (out === undefined && format !== 'csv')
        throw new CadenzaError(
          'E_USAGE',
          `--format ${format}: expected --out with the place to write to, found none. Only CSV is printed.`,
        );
      const { csvOf, METRICS_FORMATS, metricsIn, rowsOf, tableOf } = await import('../metrics.ts');
      const stages = metricsIn(folder);
      if (out === undefined) return json ? printJson(rowsOf(tableOf(stages))) : print(csvOf(tableOf(stages)));
      await METRICS_FORMATS[format](stages, out);
      if (json) return printJson({ out, format, stages: stages.length });
      print(`Wrote the metrics of ${stages.length} training ${stages.length === 1 ? 'stage' : 'stages'} to ${out}\n`);
    });
}

/** The format by the name of the file. */
function formatOf(out: string | undefined): (typeof FORMATS)[number] {
  if (out === undefined) return 'csv';
  const found = FORMATS.find(format => extname(out).toLowerCase() === `.${format}` && format !== 'tensorboard');
  if (found) return found;
  throw new CadenzaError(
    'E_USAGE',
    `--out ${out}: expected a name that ends in .csv or .parquet, or one of --format ${FORMATS.join(', ')}.`,
  );
}
