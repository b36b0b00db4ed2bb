/** @file Options that several commands share. */

import { type Command, Option } from 'commander';
import { wantsColor } from '../util/color.ts';
import { CadenzaError } from '../util/errors.ts';
import { printable } from '../util/text.ts';

const collect = (value: string, before: string[]) => [...before, value];

/** `--set a.b=value`, as often as wanted. */
export const setOption = () =>
  new Option('--set <key=value>', 'override a setting, such as model.width=32 (repeatable; the value is YAML)')
    .argParser(collect)
    .default([] as string[], 'none');

/** `--json`: machine-readable output, and errors too. Read again from the arguments when a failure is reported. */
export const jsonOption = () => new Option('--json', 'print JSON on stdout, errors included');

/** `--jobs n`: parts of the work at once. */
export const jobsOption = () =>
  new Option('--jobs <n>', 'seeds and combinations that are made at once, each in a process of its own; more help where threads are fewer')
    .argParser(whole('--jobs', 1))
    .default(1);

/** `--fresh`: nothing of what is there is used. */
export const freshOption = () =>
  new Option('--fresh', 'start over: make every stage again that the command needs, instead of continuing').conflicts('resume');

/** `--resume`, from the time when continuing had to be asked for: it is accepted and changes nothing. */
export const resumeOption = () => new Option('--resume').hideHelp();

/** Text for a person, on stdout. Here alone: what came from data must not act on the terminal. */
export function print(text: string): void {
  process.stdout.write(printable(text, { colors: wantsColor() }));
}

/** Data for the caller, on stdout. */
export function printJson(value: unknown): void {
  process.stdout.write(`${printable(JSON.stringify(value, null, 2))}\n`);
}

/** The argument that names the experiment. */
export const withExperiment = (command: Command) => command.argument('<file>', 'experiment, such as experiments/dark-room.yaml');

/** Parses the whole number, of at least `least`, that an option takes. Throws `E_USAGE` for anything else. */
export const whole = (option: string, least: number) => (text: string) => {
  const value = Number(text);
  if (Number.isInteger(value) && value >= least) return value;
  throw new CadenzaError('E_USAGE', `${option} ${text}: expected a whole number of at least ${least}; see --help`);
};
