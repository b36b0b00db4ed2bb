/** @file The last lines of a command: what was found, where it is, and commands that come next, to be copied. */

import { basename } from 'node:path';
import { wrap } from '../util/text.ts';

/** A command that comes next, and what it does. */
export type Next = readonly [args: readonly string[], does: string];

export interface Ending {
  /** Sentences. */
  readonly found: readonly string[];
  /** The folder or file. */
  readonly out: string;
  readonly next: readonly Next[];
}

/** The lines, the commands last. */
export function ending({ found, out, next }: Ending, width = process.stdout.columns ?? 80): string {
  const commands = next.flatMap(([args, does]) => [`  # ${does}`, `  ${commandLine(args)}`]);
  const after = commands.length > 0 ? ['Next:', ...commands] : [];
  return `\n${[...found.map(sentence => wrap(sentence, width)), `Everything is in ${out}`, ...after].join('\n')}\n`;
}

/** A command as a shell takes it; one that is not of cadenza begins with its own program. */
export const commandLine = (args: readonly string[]): string =>
  [...(PROGRAMS.includes(args[0]) ? [] : [program()]), ...withoutRepeats(args).map(quoted)].join(' ');

/** Of several settings of one key, the last, which is the one that counts. */
function withoutRepeats(args: readonly string[]): string[] {
  const key = (i: number) => (args[i] === '--set' ? args[i + 1]?.split('=', 1)[0] : undefined);
  const again = (i: number) => key(i) !== undefined && args.some((_, j) => j > i && key(j) === key(i));
  return args.filter((_, i) => !again(i) && !again(i - 1));
}

const PROGRAMS = ['latexmk', 'npm', 'cd'];

/** As it was called: `npx` where there is no command of its own on the path. */
const program = (): string =>
  basename(process.argv[1] ?? '') === 'cadenza' && process.env.npm_command !== 'exec' ? 'cadenza' : 'npx cadenza';

const quoted = (arg: string): string => (/^[\p{L}\p{N}_./:@%+=,-]+$/u.test(arg) ? arg : `'${arg.replaceAll("'", "'\\''")}'`);
