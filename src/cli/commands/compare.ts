/** @file `cadenza compare`: two runs, or two methods of one run, with confidence intervals and a verdict. */

import type { Command } from 'commander';
import { CadenzaError } from '../../util/errors.ts';
import { choiceOption, jsonOption, print, printJson } from '../options.ts';

interface Options {
  method: string;
  table?: string;
  score: 'area' | 'final' | 'regret';
  json?: boolean;
}

const SCORE = 'score for the verdict: return over the last episodes (final), over all episodes (area), or regret';

export function registerCompare(program: Command): void {
  program
    .command('compare')
    .argument('<run>', 'folder of a run, such as runs/dark-room')
    .argument('[other]', 'folder of a second run; omit it to compare two methods of one run')
    .description('test whether the second run or method is better than the first, with 95% intervals')
    .option('--method <name>', 'method to compare in both runs, or two as first,second', 'cad')
    .option('--table <name>', 'results table of the runs (default: the main table)')
    .addOption(choiceOption('--score <name>', SCORE, ['final', 'area', 'regret'], 'final'))
    .addOption(jsonOption())
    .action(async (first: string, second: string | undefined, { method, table, score, json }: Options) => {
      const [before, after = before, ...rest] = method.split(',');
      if (rest.length > 0 || before === '' || after === '')
        throw new CadenzaError(
          'E_USAGE',
          `--method ${method}: expected one method, or two separated by a comma, such as cad,teacher; see --help`,
        );
      const advice = 'Give a second run, or two methods of this run, such as --method cad,teacher.';
      if (second === undefined && before === after)
        throw new CadenzaError('E_USAGE', `expected two runs or two methods to compare, found one run and one method. ${advice}`);
      const { compareRuns, formatComparison, openRun } = await import('../../reports/index.ts');
      const run = openRun(first);
      const other = second === undefined ? run : openRun(second);
      const report = compareRuns({ run, table, method: before }, { run: other, table, method: after }, score);
      if (json) printJson(report);
      else print(formatComparison(report));
    });
}
