/** @file Options that several commands share. */

import { type Command, Option } from 'commander';
import type { SharedStages } from '../cache/store.ts';
import { presetFile } from '../config/presets.ts';
import { wantsColor } from '../util/color.ts';
import { CadenzaError } from '../util/errors.ts';
import { expandHome } from '../util/files.ts';
import { terminalProgress } from '../util/progress.ts';
import { printable } from '../util/text.ts';
import { quoted } from './ending.ts';
import { continues, interruptSignal } from './signals.ts';

/** Collects the values of a repeatable option. */
export const collect = (value: string, before: string[]) => [...before, value];

/** `--set a.b=value`, repeatable. */
export const setOption = (more = '') =>
  new Option('--set <key=value>', `override a setting, such as model.width=32 (repeatable; YAML value; null restores the default${more})`)
    .argParser(collect)
    .default([] as string[], 'none');

/** The options --import and --set of a command, to repeat them in suggested next commands. */
export function givenTo(command: Command): string[] {
  const { import: modules = [], set = [] } = command.optsWithGlobals<{ import?: string[]; set?: string[] }>();
  return [...modules.flatMap(file => ['--import', file]), ...set.flatMap(setting => ['--set', setting])];
}

/** Parses a path, with `~` for the home folder. Throws `E_USAGE` if it is empty or contains a NUL character. */
export const pathOf = (option: string) => (text: string) => {
  const nul = text.includes('\0');
  const found = nul ? 'a NUL character in it' : 'an empty string';
  if (nul || text.trim() === '')
    throw new CadenzaError('E_USAGE', `${option}: expected a path, found ${found}. Give a path, or omit the option to use its default`);
  return expandHome(text);
};

/** `--out <folder>`. */
export const outOption = (description: string, flags = '--out <folder>') =>
  new Option(flags, description).argParser(pathOf(flags.split(' ')[0]));

/** `--json`: machine-readable output, including errors. `reportFailure` reads it from the arguments again. */
export const jsonOption = () => new Option('--json', 'print results and errors as JSON');

/** `--jobs n`: number of parallel processes. */
const JOBS = 'run up to n stages in parallel processes, each with executor.threads threads';
export const jobsOption = () => numberOption('--jobs <n>', JOBS, 1, 1024).default('auto', 'as many as cores and memory allow');

/** `--dry-run`: print what the command would do. */
export const dryRunOption = () => new Option('--dry-run', 'print the stages with their status, memory and time; write nothing');

/** `--verbose`: print everything that is known about the results. */
export const verboseOption = () => new Option('--verbose', 'print all tables and explanations, not only the main ones');

/** The launcher that is this machine. */
export const LOCAL = 'local';

/** `--redis <url>`. */
export const redisOption = () =>
  new Option('--redis <url>', 'bullmq: address of Redis, without a password (default: CADENZA_REDIS, or redis://127.0.0.1:6379)');

/** `--store <address>`. */
export const storeOption = () =>
  new Option('--store <address>', 'also keep stages in a bucket of S3 or a compatible store, such as s3://bucket/prefix');

/** The stages in the bucket of `--store`, after a look at what is finished there. */
export async function openShared(address: string | undefined): Promise<SharedStages | undefined> {
  if (address === undefined) return undefined;
  const { openStages } = await import('../cache/bucket/stages.ts');
  const shared = await openStages(address);
  await shared.look();
  return shared;
}

/** `--launcher` and what belongs to it. */
export const launchOptions = () => [
  new Option(
    '--launcher <name>',
    'where stages run: on this machine (local), as jobs of Slurm (slurm) or Kubernetes (kubernetes), or by workers of a queue (bullmq)',
  )
    .choices([LOCAL, 'slurm', 'bullmq', 'kubernetes'])
    .default(LOCAL),
  new Option(
    '--launch-option <option>',
    'pass an option to the launcher: slurm --partition=short, kubernetes metadata.namespace=lab (repeatable)',
  )
    .argParser(collect)
    .default([] as string[], 'none'),
  redisOption(),
];

/** `--wait`: stay until jobs are finished. */
export const waitOption = () =>
  new Option('--wait', 'with a launcher: follow the jobs and build the results at the end (default: return at once)');

/** `--tensorboard`: event files in addition to metrics.jsonl. */
export const tensorboardOption = () =>
  new Option('--tensorboard', 'also write training metrics as event files, next to each metrics.jsonl, for tensorboard --logdir');

/** `--fresh`: ignore existing stages. */
export const freshOption = () => new Option('--fresh', 'start over: rerun finished stages instead of reusing them').conflicts('resume');

/** `--resume`: accepted for compatibility, without effect, because runs always resume. */
export const resumeOption = () => new Option('--resume').hideHelp();

/** What long-running work receives: progress output, an interrupt signal, and the command line to record. Call once per process. */
export const atWork = (flags: { fresh?: boolean } = {}) => ({
  progress: terminalProgress(),
  signal: interruptSignal(continues(flags)),
  command: ['cadenza', ...process.argv.slice(2)].map(quoted).join(' '),
});

/** Prints text to stdout. All text goes through here, so that control characters from data cannot reach the terminal. */
export function print(text: string): void {
  process.stdout.write(printable(text, { colors: wantsColor() }));
}

/** Prints JSON to stdout. */
export function printJson(value: unknown): void {
  process.stdout.write(`${printable(JSON.stringify(value, null, 2))}\n`);
}

/** Adds the argument for the experiment. */
export const withExperiment = (command: Command) =>
  command.argument('<experiment>', 'YAML file, preset such as dark-room, or - for stdin', presetFile('experiment'));

/** `--flag <n>`: an integer from `least` to `most`. Throws `E_USAGE` for anything else. */
export function numberOption(flags: string, description: string, least: number, most = 1_000_000): Option {
  return new Option(flags, description).argParser((text: string) => {
    const value = text.trim() === '' ? Number.NaN : Number(text);
    if (Number.isInteger(value) && value >= least && value <= most) return value;
    throw new CadenzaError('E_USAGE', `${flags.split(' ')[0]} ${text}: expected an integer from ${least} to ${most}; see --help`);
  });
}

/** One of several words. The default is `preset`. */
export const choiceOption = (flags: string, description: string, choices: readonly string[], preset: string) =>
  new Option(flags, description).choices(choices).default(preset);
