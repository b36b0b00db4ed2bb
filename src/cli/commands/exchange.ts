/** @file `cadenza import` and `cadenza export`: learning histories from files of other tools, and to them. */

import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { type Command, Option } from 'commander';
import type { LabelKind } from '../../data/exchange.ts';
import type { Dataset } from '../../data/index.ts';
import { CadenzaError } from '../../util/errors.ts';
import { ending, type Next } from '../ending.ts';
import { jsonOption, numberOption, outOption, print, printJson } from '../options.ts';

/** Written out, so that `--help` need not load the layouts; a test compares them with the registries. */
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

const LABELS_HELP = "what is learned: the executed action, the expert's, or the distribution that our own files record";
const EXPORT_HELP = 'the file, such as histories.hdf5; minari has a metadata.json beside it. Other files are never replaced';

export function registerExchange(program: Command): void {
  program
    .command('import')
    .argument('<files...>', 'HDF5 files of one environment, or folders or ids of data sets of Minari')
    .description('make a data set of recorded learning histories, which source.dataset of an experiment then names')
    .addOption(new Option('--format <layout>', 'layout of the files (default: found out from them)').choices(LAYOUTS))
    .addOption(outOption('folder of the data set, empty or new').makeOptionMandatory())
    .addOption(new Option('--labels <what>', LABELS_HELP).choices(LABEL_KINDS).default('action'))
    .addOption(numberOption('--tasks <n>', 'most tasks, the first ones (default: all)', 1))
    .addOption(numberOption('--histories <n>', 'most histories of every task, the first ones (default: all)', 1))
    .option('--allow-rounding', 'accept fields whose values 32-bit numbers cannot tell apart')
    .addOption(jsonOption())
    .action(async (files: string[], { format, out, labels, tasks: most, histories: each, allowRounding, json = false }: ImportOptions) => {
      const { importDataset, registered } = await import('../../histories/imported.ts');
      const request = { files, layout: format, labels, most: { tasks: most, histories: each }, allowRounding, out };
      const { dataset, format: found } = await importDataset(request);
      const total = (of: 'histories' | 'transitions') => dataset.shards.reduce((sum, shard) => sum + shard[of], 0);
      const [histories, transitions] = [total('histories'), total('transitions')];
      const { environment, tasks, origin } = dataset;
      const one = `There is one task, so it cannot be split into tasks to train on and tasks to hold out. In the layout ${found.id} tasks are told apart by ${found.tasks}.`;
      const notes = tasks.length === 1 ? [...origin.notes, one] : origin.notes;
      const summary = { out, environment, layout: found.id, tasks: tasks.length, histories, transitions, labels, notes };
      if (json) return printJson(summary);
      const made = `${counted(histories, 'history', 'histories')} of ${counted(tasks.length, 'task', 'tasks')} of ${environment.id}, ${transitions} transitions, labels: ${labels}.`;
      const own = registered(environment.id) ? {} : await ownSettings(dataset);
      const given = Object.entries({ 'source.dataset': out, 'env.id': environment.id, name: 'mine', ...own });
      const settings = given.flatMap(([key, value]) => ['--set', `${key}=${value}`]);
      // A run needs tasks to hold out.
      const next: Next[] =
        tasks.length === 1
          ? [[['import', '--help'], 'how to import more files, so that there are several tasks']]
          : [
              [['config', 'print', 'tiny', ...settings], 'settings that train on them, to begin with'],
              [['run', 'tiny', ...settings], 'train on them'],
            ];
      print(ending({ found: [made, ...notes.map(note => `Note: ${note}`)], out, next }));
    });
  program
    .command('export')
    .argument('<folder>', 'a run, its stage that made histories, or a data set')
    .description('write learning histories as an HDF5 file that other tools read')
    .addOption(new Option('--format <layout>', 'layout of the HDF5 file').choices(WRITTEN_LAYOUTS).makeOptionMandatory())
    .addOption(outOption(EXPORT_HELP, '--out <file>').makeOptionMandatory())
    .addOption(jsonOption())
    .action(async (folder: string, { format, out, json = false }: { format: string; out: string; json?: boolean }) => {
      const { exportHistories } = await import('../../data/exchange.ts');
      const { exchangeFormat } = await import('../../data/formats/index.ts');
      const from = await historyFolder(folder);
      if (existsSync(join(from, 'stage.json'))) (await import('../../cache/store.ts')).readStage(from);
      const { histories, files } = await exportHistories(from, exchangeFormat(format), out);
      if (json) return printJson({ histories, files });
      print(`${histories} histories of ${folder} are in ${files.join(' and ')}\n`);
    });
}

/** Share of the tasks that a first experiment holds out, and pieces that it cuts an episode into where histories are one episode each. */
const [HELD_OUT, PIECES] = [1 / 4, 4];

/** Settings that fit a data set of an environment that is not here: few tasks, histories of one episode. */
async function ownSettings({ environment, tasks, origin }: Dataset): Promise<Record<string, number>> {
  const { NO_ENDS } = await import('../../data/exchange.ts');
  const pieces = { 'context.segment': Math.max(1, Math.floor(environment.horizon / PIECES)), 'context.segments': PIECES - 1 };
  return { 'split.heldOut': Math.max(1, Math.floor(HELD_OUT * tasks.length)), ...(origin.notes.includes(NO_ENDS) ? pieces : {}) };
}

/** The folder that holds the histories: the one given, or the stage of a run that made them. Throws `E_DATA` where a run has several. */
async function historyFolder(folder: string): Promise<string> {
  const stages = join(folder, 'stages');
  if (!existsSync(stages)) return folder;
  // Beside the folders lie the locks of running stages.
  const folders = readdirSync(stages, { withFileTypes: true }).filter(entry => entry.isDirectory());
  const made = folders.map(({ name }) => name).filter(name => name.startsWith('generate-'));
  if (made.length === 1) return join(stages, made[0]);
  const { makesAgain } = await import('../../cache/store.ts');
  const found = made.map(name => join(stages, name)).join(', ');
  const what = made.length === 0 ? `none. If it was deleted, ${makesAgain(folder)}` : `${found}. Name the folder of the one you mean`;
  throw new CadenzaError('E_DATA', `${folder}: expected one stage that made histories, found ${what}.`);
}
