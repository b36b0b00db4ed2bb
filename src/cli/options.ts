/** @file Options that several commands share. */

import { type Command, Option } from 'commander';
import { presetFile } from '../config/presets.ts';
import { wantsColor } from '../util/color.ts';
import { CadenzaError } from '../util/errors.ts';
import { expandHome } from '../util/files.ts';
import { terminalProgress } from '../util/progress.ts';
import { printable } from '../util/text.ts';
import { continues, interruptSignal } from './signals.ts';

/** Parses an option that may be given several times. */
export const collect = (value: string, before: string[]) => [...before, value];

/** `--set a.b=value`, as often as wanted. */
export const setOption = (more = '') =>
  new Option('--set <key=value>', `override a setting, such as model.width=32 (repeatable; the value is YAML, null for the default${more})`)
    .argParser(collect)
    .default([] as string[], 'none');

/** What a command was given beyond its file, for commands that come next: modules and settings, as options. */
export function givenTo(command: Command): string[] {
  const { import: modules = [], set = [] } = command.optsWithGlobals<{ import?: string[]; set?: string[] }>();
  return [...modules.flatMap(file => ['--import', file]), ...set.flatMap(setting => ['--set', setting])];
}

/** A path as the user meant it, with `~` for the home folder. Throws `E_USAGE` where it names nothing. */
export const pathOf = (option: string) => (text: string) => {
  const nul = text.includes('\0');
  const came = nul ? 'a path with a NUL character' : 'an empty text';
  if (nul || text.trim() === '')
    throw new CadenzaError('E_USAGE', `${option}: expected a path, came ${came}; leave the option out for the default, if it has one`);
  return expandHome(text);
};

/** `--out <folder>`. */
export const outOption = (description: string, flags = '--out <folder>') => new Option(flags, description).argParser(pathOf('--out'));

/** `--json`: machine-readable output, and errors too. Read again from the arguments when a failure is reported. */
export const jsonOption = () => new Option('--json', 'print JSON on stdout, errors included');

/** `--jobs n`: parts of the work at once. */
const JOBS = 'seeds and combinations that are made at once, each in a process of its own; more help where threads are fewer';
export const jobsOption = () => numberOption('--jobs <n>', JOBS, 1, 1024).default(1);

/** `--dry-run`: what the command would do. */
export const dryRunOption = () =>
  new Option('--dry-run', 'print its stages, which are finished, and what the others need (memory, operations, time); write nothing');

/** `--fresh`: nothing of what is there is used. */
export const freshOption = () =>
  new Option('--fresh', 'start over: make every stage again that the command needs, instead of continuing').conflicts('resume');

/** `--resume`, from the time when continuing had to be asked for: it is accepted and changes nothing. */
export const resumeOption = () => new Option('--resume').hideHelp();

/** What long work is given: where it says how far it is, what ends it, and the command, for the record. Call once a process. */
export const atWork = (flags: { fresh?: boolean } = {}) => ({
  progress: terminalProgress(),
  signal: interruptSignal(continues(flags)),
  command: `cadenza ${process.argv.slice(2).join(' ')}`,
});

/** Text for a person, on stdout. Here alone: what came from data must not act on the terminal. */
export function print(text: string): void {
  process.stdout.write(printable(text, { colors: wantsColor() }));
}

/** Data for the caller, on stdout. */
export function printJson(value: unknown): void {
  process.stdout.write(`${printable(JSON.stringify(value, null, 2))}\n`);
}

/** The argument that names the experiment. */
export const withExperiment = (command: Command) =>
  command.argument('<experiment>', 'YAML file, the name of a preset such as dark-room, or - for standard input', presetFile('experiment'));

/** `--flag <n>`: a whole number from `least` to `most`. Throws `E_USAGE` for anything else. */
export function numberOption(flags: string, description: string, least: number, most = 1_000_000): Option {
  return new Option(flags, description).argParser((text: string) => {
    const value = text.trim() === '' ? Number.NaN : Number(text);
    if (Number.isInteger(value) && value >= least && value <= most) return value;
    throw new CadenzaError('E_USAGE', `${flags.split(' ')[0]} ${text}: expected a whole number from ${least} to ${most}; see --help`);
  });
}

/** One of several words, by default `preset`. */
export const choiceOption = (flags: string, description: string, choices: readonly string[], preset: string) =>
  new Option(flags, description).choices(choices).default(preset);
