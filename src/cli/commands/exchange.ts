/** @file `cadenza import` and `cadenza export`: learning histories from and to the file formats of other tools, and models of a run's methods. */

import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { type Command, Option } from 'commander';
import type { LabelKind } from '../../data/exchange.ts';
import type { Dataset } from '../../data/index.ts';
import { CadenzaError } from '../../util/errors.ts';
import { ending, type Next } from '../ending.ts';
import { jsonOption, numberOption, outOption, print, printJson } from '../options.ts';

/** Listed here so that `--help` does not load the formats. A test compares these lists with the registries. */
export const LAYOUTS = ['xland', 'minari', 'd4rl'];
export const WRITTEN_LAYOUTS = ['xland', 'minari'];
export const LABEL_KINDS = ['action', 'expert', 'recorded'];

const counted = (count: number, one: string, many: string): string => `${count} ${count === 1 ? one : many}`;

interface ImportOptions {
  format?: string;
  out: string;
  labels: LabelKind;
  tasks?: number;
  histories?: number;
  allowRounding?: boolean;
  json?: boolean;
}

const LABELS_HELP =
  "action labels: executed actions (action), the expert's actions (expert), or action distributions recorded by cadenza (recorded)";
const EXPORT_HELP =
  'new folder for the model; or new file for histories, such as histories.hdf5, next to which minari also writes metadata.json';

export function registerExchange(program: Command): void {
  program
    .command('import')
    .argument('<files...>', 'HDF5 files of one environment, or folders or ids of Minari data sets')
    .description('convert recorded learning histories to a data set for source.dataset')
    .addOption(new Option('--format <layout>', 'format of the files (default: detected)').choices(LAYOUTS))
    .addOption(outOption('new or empty folder for the data set').makeOptionMandatory())
    .addOption(new Option('--labels <what>', LABELS_HELP).choices(LABEL_KINDS).default('action'))
    .addOption(numberOption('--tasks <n>', 'maximum number of tasks; the first ones are used (default: all)', 1))
    .addOption(numberOption('--histories <n>', 'maximum number of histories per task; the first ones are used (default: all)', 1))
    .option('--allow-rounding', 'accept values that lose precision when rounded to 32 bits')
    .addOption(jsonOption())
    .action(async (files: string[], { format, out, labels, tasks: most, histories: each, allowRounding, json = false }: ImportOptions) => {
      const { importDataset, registered } = await import('../../histories/imported.ts');
      const request = { files, layout: format, labels, most: { tasks: most, histories: each }, allowRounding, out };
      const { dataset, format: found } = await importDataset(request);
      const total = (of: 'histories' | 'transitions') => dataset.shards.reduce((sum, shard) => sum + shard[of], 0);
      const [histories, transitions] = [total('histories'), total('transitions')];
      const { environment, tasks, origin } = dataset;
      const one = `The data set has only one task, so no task can be held out for evaluation. The format ${found.id} identifies tasks by ${found.tasks}.`;
      const notes = tasks.length === 1 ? [...origin.notes, one] : origin.notes;
      const summary = { out, environment, layout: found.id, tasks: tasks.length, histories, transitions, labels, notes };
      if (json) return printJson(summary);
      const imported = `Imported ${counted(histories, 'history', 'histories')} of ${counted(tasks.length, 'task', 'tasks')} of ${environment.id} with ${transitions} transitions; labels: ${labels}.`;
      const own = registered(environment.id) ? {} : await ownSettings(dataset);
      const given = Object.entries({ 'source.dataset': out, 'env.id': environment.id, name: 'mine', ...own });
      const settings = given.flatMap(([key, value]) => ['--set', `${key}=${value}`]);
      // A run needs held-out tasks.
      const next: Next[] =
        tasks.length === 1
          ? [[['import', '--help'], 'import more files, to get several tasks']]
          : [
              [['config', 'print', 'tiny', ...settings], 'show settings for a first experiment on this data set'],
              [['run', 'tiny', ...settings], 'train on this data set'],
            ];
      print(ending({ found: [imported, ...notes.map(note => `Note: ${note}`)], out, next }));
    });
  program
    .command('export')
    .argument('<folder>', 'a run; for histories also its stage folder with histories, or a data set')
    .description('write a trained method of a run as a model, or learning histories to an HDF5 file for other tools')
    .addOption(new Option('--method <name>', 'a method of the results, such as truncated: write its model').conflicts('format'))
    .addOption(new Option('--format <layout>', 'write histories in this format of HDF5 files').choices(WRITTEN_LAYOUTS))
    .addOption(outOption(EXPORT_HELP, '--out <path>').makeOptionMandatory())
    .addOption(jsonOption())
    .action(async (folder: string, { method, format, out, json = false }: ExportOptions) => {
      if (method !== undefined) {
        const { exportMethod } = await import('../../pipeline/export.ts');
        await exportMethod(folder, method, out);
        if (json) return printJson({ model: out });
        return print(`Wrote ${method} of ${folder} to ${out}\n`);
      }
      if (format === undefined)
        throw new CadenzaError(
          'E_USAGE',
          'expected --method for a model, or --format for histories, found neither. Give one, such as --method cad or --format minari.',
        );
      const { exportHistories } = await import('../../data/exchange.ts');
      const { exchangeFormat } = await import('../../data/formats/index.ts');
      const from = await historyFolder(folder);
      if (existsSync(join(from, 'stage.json'))) (await import('../../cache/store.ts')).readStage(from);
      const { histories, files } = await exportHistories(from, exchangeFormat(format), out);
      if (json) return printJson({ histories, files });
      print(`Wrote ${histories} histories of ${folder} to ${files.join(' and ')}\n`);
    });
}

interface ExportOptions {
  readonly method?: string;
  readonly format?: string;
  readonly out: string;
  readonly json?: boolean;
}

/** For a first experiment: the fraction of tasks to hold out, and the segments per episode if each history is one episode. */
const [HELD_OUT, PIECES] = [1 / 4, 4];

/** Settings for a data set whose environment is not installed: it may have few tasks and histories of one episode. */
async function ownSettings({ environment, tasks, origin }: Dataset): Promise<Record<string, number>> {
  const { NO_ENDS } = await import('../../data/exchange.ts');
  const pieces = { 'context.segment': Math.max(1, Math.floor(environment.horizon / PIECES)), 'context.segments': PIECES - 1 };
  return { 'split.heldOut': Math.max(1, Math.floor(HELD_OUT * tasks.length)), ...(origin.notes.includes(NO_ENDS) ? pieces : {}) };
}

/** The folder with the histories: the given one, or the stage of a run that generated them. Throws `E_DATA` unless a run has exactly one. */
async function historyFolder(folder: string): Promise<string> {
  const stages = join(folder, 'stages');
  if (!existsSync(stages)) return folder;
  // The folder also contains lock files of running stages.
  const folders = readdirSync(stages, { withFileTypes: true }).filter(entry => entry.isDirectory());
  const made = folders.map(({ name }) => name).filter(name => name.startsWith('generate-'));
  if (made.length === 1) return join(stages, made[0]);
  const { recreateAdvice } = await import('../../cache/store.ts');
  const found = made.map(name => join(stages, name)).join(', ');
  const what = made.length === 0 ? `none. If it was deleted, ${recreateAdvice(folder)}` : `${found}. Give one of these folders`;
  throw new CadenzaError('E_DATA', `${folder}: expected one stage with learning histories, found ${what}.`);
}
