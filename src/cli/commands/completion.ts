/** @file `cadenza completion`: scripts for shell completion. They call the hidden command `__complete` for the candidates. */

import { readFileSync } from 'node:fs';
import { Argument, type Command } from 'commander';
import { print } from '../options.ts';

const SHELLS = ['bash', 'zsh', 'fish'];

/** The package root is three folders up, both from `src` and from `dist`. */
const scriptOf = (shell: string) => readFileSync(new URL(`../../../templates/completion/cadenza.${shell}`, import.meta.url), 'utf8');

export function registerCompletion(program: Command): void {
  program
    .command('completion')
    .addArgument(new Argument('<shell>', 'shell to print the script for').choices(SHELLS))
    .description('print a shell script that completes commands, options, presets and settings')
    .action((shell: string) => print(scriptOf(shell)));
  program
    .command('__complete', { hidden: true })
    .argument('[words...]', 'the words after cadenza; the last one is incomplete')
    .action(async (words: string[]) => {
      const { complete } = await import('../complete.ts');
      const found = await complete(program, words);
      print(found.map(([word, about]) => `${word}${about ? `\t${about.split('\n')[0]}` : ''}\n`).join(''));
    });
}
