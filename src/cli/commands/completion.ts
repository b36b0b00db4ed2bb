/** @file `cadenza completion`: scripts that ask cadenza itself for what may follow, by a command that help does not show. */

import { readFileSync } from 'node:fs';
import { Argument, type Command } from 'commander';
import { print } from '../options.ts';

const SHELLS = ['bash', 'zsh', 'fish'];

/** Three folders up from here both in `src` and in `dist`. */
const scriptOf = (shell: string) => readFileSync(new URL(`../../../templates/completion/cadenza.${shell}`, import.meta.url), 'utf8');

export function registerCompletion(program: Command): void {
  program
    .command('completion')
    .addArgument(new Argument('<shell>', 'shell that the script is for').choices(SHELLS))
    .description('print a script by which a shell completes commands, options, presets and settings')
    .action((shell: string) => print(scriptOf(shell)));
  program
    .command('__complete', { hidden: true })
    .argument('[words...]', 'words after cadenza, the last of which is being typed')
    .action(async (words: string[]) => {
      const { complete } = await import('../complete.ts');
      const found = await complete(program, words);
      print(found.map(([word, about]) => `${word}${about ? `\t${about.split('\n')[0]}` : ''}\n`).join(''));
    });
}
