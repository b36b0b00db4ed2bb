/** @file `cadenza compare`: two runs, or two rows of one, with intervals and a plain verdict. */

import type { Command } from 'commander';
import { CadenzaError } from '../../util/errors.ts';
import { choiceOption, jsonOption, print, printJson } from '../options.ts';

interface Options {
  method: string;
  table?: string;
  score: 'area' | 'final' | 'regret';
  json?: boolean;
}

const SCORE = 'what the verdict goes by: the last in-context episodes, all of them, or regret';

export function registerCompare(program: Command): void {
  program
    .command('compare')
    .argument('<run>', 'folder of a run, such as runs/dark-room')
    .argument('[other]', 'folder of the run that is held against it; left out for two rows of one run')
    .description('say whether the second run (or row) is better than the first, worse, or not distinguishable from it')
    .option('--method <name>', 'row to compare; or two as first,second', 'cad')
    .option('--table <name>', 'further table of the runs (default: the one of the experiment itself)')
    .addOption(choiceOption('--score <name>', SCORE, ['final', 'area', 'regret'], 'final'))
    .addOption(jsonOption())
    .action(async (first: string, second: string | undefined, { method, table, score, json }: Options) => {
      const [before, after = before, ...rest] = method.split(',');
      if (rest.length > 0 || before === '' || after === '')
        throw new CadenzaError('E_USAGE', `--method ${method}: expected one name, or two with a comma between them; see --help`);
      const advice = 'name a second run, or two rows of this one, as in --method cad,teacher';
      if (second === undefined && before === after) throw new CadenzaError('E_USAGE', `there is one run and one row; ${advice}`);
      const { compareRuns, formatComparison, openRun } = await import('../../reports/index.ts');
      const run = openRun(first);
      const other = second === undefined ? run : openRun(second);
      const report = compareRuns({ run, table, method: before }, { run: other, table, method: after }, score);
      if (json) printJson(report);
      else print(formatComparison(report));
    });
}
