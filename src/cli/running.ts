/** @file What commands have in common that run stages in a folder: their options, how they run, and how they show what was found. */

import { join } from 'node:path';
import type { Command } from 'commander';
import type { RunOptions } from '../pipeline/kind.ts';
import type { AnyResults } from '../records/index.ts';
import { terminalProgress } from '../util/progress.ts';
import { ending, type Next } from './ending.ts';
import { freshOption, jobsOption, jsonOption, outOption, print, printJson, resumeOption, setOption } from './options.ts';
import { continues, interruptSignal } from './signals.ts';

export interface RunFlags {
  set: string[];
  out?: string;
  fresh?: boolean;
  jobs: number;
  json?: boolean;
}

export const withRunFlags = (command: Command, folder: string): Command =>
  [setOption(), outOption(folder), freshOption(), resumeOption(), jobsOption(), jsonOption()].reduce(
    (all, option) => all.addOption(option),
    command,
  );

/** Runs what goes by a name, and shows its results and the commands that come next, which are given the settings beyond the file. */
export async function runAndShow<R extends AnyResults>(
  name: string,
  { set, out = join('runs', name), fresh, jobs, json = false }: RunFlags,
  run: (options: RunOptions) => Promise<R | undefined>,
  next: (out: string, set: readonly string[], results: R) => Next[],
): Promise<void> {
  const signal = interruptSignal(continues({ fresh }));
  const progress = terminalProgress();
  const command = `cadenza ${process.argv.slice(2).join(' ')}`;
  // A bar that broke off must be gone before the failure is printed.
  const results = await run({ out, fresh, jobs, progress, signal, command }).finally(progress.stop);
  // Before the last stage there is nothing to compare.
  if (!results) return json ? printJson({ out }) : print(`Everything is in ${out}\n`);
  // Loaded late: figures are not needed by whoever trains.
  const view = (await import('../reports/index.ts')).viewOf(results);
  view.write(out);
  if (json) return printJson(results);
  const given = set.flatMap(setting => ['--set', setting]);
  print(`${view.text().trimEnd()}\n${ending({ found: view.found(), out, next: next(out, given, results) })}`);
}
