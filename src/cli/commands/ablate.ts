/** @file `cadenza ablate`: one experiment varied along declared axes, one table. */

import type { Command } from 'commander';
import { nameOf, presetFile } from '../presets.ts';
import { type RunFlags, runAndShow, withRunFlags } from '../running.ts';

export function registerAblate(program: Command): void {
  const command = program
    .command('ablate')
    .argument('<ablation>', 'YAML file, or the name of a preset such as matrix', presetFile('ablation'))
    .description('train and evaluate every combination of declared settings, and compare them in one table');
  withRunFlags(command, 'folder of the run (default: runs/<name of the ablation>)').action(async (file: string, flags: RunFlags) => {
    const { loadAblation, runAblation } = await import('../../pipeline/ablate.ts');
    const opened = loadAblation(file, flags.set);
    await runAndShow(
      opened.ablation.name,
      flags,
      options => runAblation(opened, options),
      (out, set, { methods }) => [
        [['compare', out, '--method', Object.keys(methods).slice(0, 2).join()], 'two rows of the table'],
        [
          ['ablate', nameOf(file, 'ablation'), ...set, '--set', 'seeds=[0,1,2]', '--out', `${out}-mine`],
          'the same with settings of your own',
        ],
      ],
    );
  });
}
