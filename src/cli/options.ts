/** @file Options that several commands share. */

import { type Command, Option } from 'commander';

const collect = (value: string, before: string[]) => [...before, value];

/** `--set a.b=value`, as often as wanted. */
export const setOption = () =>
  new Option('--set <key=value>', 'override a setting, such as model.width=32 (repeatable; the value is YAML)')
    .argParser(collect)
    .default([] as string[], 'none');

/** `--json`: machine-readable output, and errors too. Read again from the arguments when a failure is reported. */
export const jsonOption = () => new Option('--json', 'print JSON on stdout, errors included');

/** Data for the caller, on stdout. */
export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
}

/** The argument that names the experiment. */
export const withExperiment = (command: Command) => command.argument('<file>', 'experiment, such as experiments/dark-room.yaml');
