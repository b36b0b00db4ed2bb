/** @file The program with all commands, registered by the files in `commands`. */

import { readFileSync } from 'node:fs';
import { Command, Option } from 'commander';
import { CadenzaError } from '../util/errors.ts';
import { registerCompare } from './commands/compare.ts';
import { registerCompletion } from './commands/completion.ts';
import { registerConfig } from './commands/config.ts';
import { registerDoctor } from './commands/doctor.ts';
import { registerExchange } from './commands/exchange.ts';
import { registerInit } from './commands/init.ts';
import { registerInspect } from './commands/inspect.ts';
import { registerCancel, registerJob, registerWorker } from './commands/launch.ts';
import { registerList } from './commands/list.ts';
import { registerMetrics } from './commands/metrics.ts';
import { registerCollect, registerPlan } from './commands/plan.ts';
import { registerReport } from './commands/report.ts';
import { registerAblate, registerRun, registerStages } from './commands/run.ts';
import { registerPlay, registerWatch } from './commands/serve.ts';
import { registerStore } from './commands/store.ts';
import { registerTune } from './commands/tune.ts';
import { addHelp, wordsOf } from './help.ts';
import { collect } from './options.ts';

/** The version in package.json, two folders up both from `src` and from `dist`. */
const VERSION: string = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')).version;

export function buildProgram(): Command {
  const program = new Command('cadenza')
    .description(
      'Compressed-Context Algorithm Distillation (CAD): train agents that learn new tasks in context, with their history compressed to a few latents.',
    )
    .version(VERSION)
    .addOption(
      new Option('--import <module>', 'load a module with your own environments, compressors and so on, such as ./my-grid.ts (repeatable)')
        .argParser(collect)
        .default([] as string[], 'none'),
    )
    // Arguments and options are in the help of each command.
    .configureHelp({ subcommandTerm: command => command.name() })
    .showSuggestionAfterError()
    // reportFailure prints the message.
    .configureOutput({ outputError: () => {} });
  program.hook('preAction', expectWorkingFolder);
  program.hook('preAction', async () => {
    const { import: files } = program.opts<{ import: string[] }>();
    // Loaded on demand: most commands import no module.
    if (files.length > 0) await (await import('../util/modules.ts')).importModules(files);
  });
  program.commandsGroup('Experiments:');
  registerInit(program, VERSION);
  registerConfig(program);
  registerRun(program);
  registerAblate(program);
  registerTune(program);
  registerPlan(program);
  registerCollect(program);
  registerCancel(program);
  registerWorker(program);
  registerJob(program);
  program.commandsGroup('Results:');
  registerList(program);
  registerReport(program);
  registerCompare(program);
  registerInspect(program);
  registerMetrics(program);
  registerStore(program);
  registerPlay(program);
  registerWatch(program);
  program.commandsGroup('Single stages (unfinished stages that they need run first):');
  registerStages(program);
  program.commandsGroup('Data sets:');
  registerExchange(program);
  program.commandsGroup('Setup:');
  registerDoctor(program, VERSION);
  registerCompletion(program);
  program.helpCommand('help [command]', 'show the help of a command');
  addHelp(program);
  throwOnMisuse(program);
  return program;
}

/** Instead of exiting, a wrongly used command throws `E_USAGE`, which names the help of the command. */
function throwOnMisuse(command: Command): void {
  command.exitOverride(error => {
    if (error.exitCode === 0) throw error;
    const message = error.message.replace(/^error: /, '').replace(/\s*\n\s*/g, ' ');
    const what = error.code === 'commander.help' ? 'expected a command, found none' : message;
    throw new CadenzaError(
      'E_USAGE',
      `${what.replace(/\.$/, '')}; see "${['cadenza', wordsOf(command), '--help'].filter(Boolean).join(' ')}"`,
    );
  });
  for (const each of command.commands) throwOnMisuse(each);
}

/** Fails if the working folder was deleted: relative paths would be invalid, and creating folders would loop. */
function expectWorkingFolder(): void {
  try {
    process.cwd();
  } catch (error) {
    const message = 'the working folder no longer exists. Change to another folder and run the command again.';
    throw new CadenzaError('E_DISK', message, { cause: error });
  }
}
