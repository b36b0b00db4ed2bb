/** @file The page of the command line, from the help of every command. */

import type { Command } from 'commander';
import { wordsOf } from '../../src/cli/help.ts';
import { buildProgram } from '../../src/cli/program.ts';
import { page } from './markdown.ts';

/** Columns that a help text is laid out for. */
const WIDTH = 80;

export function commandsPage(): string {
  const program = buildProgram();
  return page(
    'Command line',
    'What `npx cadenza COMMAND --help` prints. Results go to stdout, progress and errors to stderr; every failure has ' +
      'its own [exit status](errors.md).',
    ...all(program).map(command => {
      const words = wordsOf(command);
      return `## ${words || 'cadenza'} {#${words.replace(/ /g, '-') || 'cadenza'}}\n\n\`\`\`text\n${helpOf(command)}\n\`\`\``;
    }),
  );
}

const all = (command: Command): Command[] => [command, ...command.commands.filter(each => !each.name().startsWith('_')).flatMap(all)];

/** The whole help text, examples included, as a terminal of `WIDTH` columns has it. */
function helpOf(command: Command): string {
  const written: string[] = [];
  command.configureOutput({
    writeOut: text => written.push(text),
    getOutHelpWidth: () => WIDTH,
    getOutHasColors: () => false,
  });
  command.outputHelp();
  return written.join('').trimEnd();
}
