/** @file The last lines that a command prints: the result, where the files are, and useful next commands to copy. */

import { basename } from 'node:path';
import { terminalWidth, wrap } from '../util/text.ts';

/** A suggested next command, and what it does. */
export type Next = readonly [args: readonly string[], does: string];

export interface Ending {
  /** The result, in sentences. */
  readonly found: readonly string[];
  /** The folder or file that the command wrote. */
  readonly out: string;
  readonly next: readonly Next[];
}

/** The lines as one text: result, location, next commands. */
export function ending({ found, out, next }: Ending, width = terminalWidth()): string {
  const commands = next.flatMap(([args, does]) => [`  # ${does}`, `  ${commandLine(args)}`]);
  const after = commands.length > 0 ? ['Next:', ...commands] : [];
  return `\n${[...found.map(sentence => wrap(sentence, width)), `Files: ${out}`, ...after].join('\n')}\n`;
}

/** A command as typed in a shell. Commands of other programs start with the program. */
export const commandLine = (args: readonly string[]): string =>
  [...(PROGRAMS.includes(args[0]) ? [] : [program()]), ...withoutRepeats(args).map(quoted)].join(' ');

/** Keeps only the last value of each repeated setting, which is the one that applies. */
function withoutRepeats(args: readonly string[]): string[] {
  const key = (i: number) => (args[i] === '--set' ? args[i + 1]?.split('=', 1)[0] : undefined);
  const again = (i: number) => key(i) !== undefined && args.some((_, j) => j > i && key(j) === key(i));
  return args.filter((_, i) => !again(i) && !again(i - 1));
}

const PROGRAMS = ['latexmk', 'npm', 'cd'];

/** How cadenza was called: with `npx`, unless the command is on the path. */
const program = (): string =>
  basename(process.argv[1] ?? '') === 'cadenza' && process.env.npm_command !== 'exec' ? 'cadenza' : 'npx cadenza';

/** An argument as typed in a shell: quoted if a shell would change it. */
export const quoted = (arg: string): string => (/^[\p{L}\p{N}_./:@%+=,-]+$/u.test(arg) ? arg : `'${arg.replaceAll("'", "'\\''")}'`);
