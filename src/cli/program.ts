/** @file All commands, as the files of `commands` register them. */

import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { CadenzaError } from '../util/errors.ts';
import { registerCompare } from './commands/compare.ts';
import { registerCompletion } from './commands/completion.ts';
import { registerConfig } from './commands/config.ts';
import { registerDoctor } from './commands/doctor.ts';
import { registerExchange } from './commands/exchange.ts';
import { registerInit } from './commands/init.ts';
import { registerInspect } from './commands/inspect.ts';
import { registerList } from './commands/list.ts';
import { registerReport } from './commands/report.ts';
import { registerAblate, registerRun } from './commands/run.ts';
import { registerStore } from './commands/store.ts';
import { registerTune } from './commands/tune.ts';
import { addHelp } from './help.ts';
import { collect } from './options.ts';

/** The version in package.json, which lies two folders up from here both in `src` and in `dist`. */
const VERSION: string = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')).version;

export function buildProgram(): Command {
  const program = new Command('cadenza')
    .description('Compressed-Context Algorithm Distillation: agents that learn in context, with their history carried as a few latents.')
    .version(VERSION)
    .option(
      '--import <module>',
      'module in TypeScript or JavaScript with kinds of your own, such as ./my-grid.ts (repeatable)',
      collect,
      [],
    )
    .showSuggestionAfterError()
    // Commander throws instead of exiting, and leaves its message to the one place that prints failures.
    .exitOverride()
    .configureOutput({ outputError: () => {} });
  program.hook('preAction', expectWorkingFolder);
  program.hook('preAction', async () => {
    const { import: files } = program.opts<{ import: string[] }>();
    // Loaded late: most commands import nothing.
    if (files.length > 0) await (await import('../util/modules.ts')).importModules(files);
  });
  registerRun(program);
  registerAblate(program);
  registerTune(program);
  registerList(program);
  registerCompare(program);
  registerReport(program);
  registerStore(program);
  registerInspect(program);
  registerExchange(program);
  registerConfig(program);
  registerInit(program, VERSION);
  registerDoctor(program, VERSION);
  registerCompletion(program);
  addHelp(program);
  return program;
}

/** Where the working folder is gone, relative paths lead nowhere, and making folders below it never ends. */
function expectWorkingFolder(): void {
  try {
    process.cwd();
  } catch (error) {
    const message = 'the folder in which this command was started does not exist any more. Change to another folder, and run it again.';
    throw new CadenzaError('E_DISK', message, { cause: error });
  }
}
