/** @file `cadenza run`, one command a stage, and `cadenza ablate`: what runs stages in a folder and shows what was found. */

import { join } from 'node:path';
import type { Command } from 'commander';
import { nameOf, presetFile } from '../../config/presets.ts';
import type { RunOptions } from '../../pipeline/kind.ts';
import type { AnyResults } from '../../records/index.ts';
import { STAGE_COMMANDS } from '../../training/stages/names.ts';
import { CadenzaError } from '../../util/errors.ts';
import { ending, type Next } from '../ending.ts';
import type { TimedEstimate } from '../estimate.ts';
import {
  atWork,
  freshOption,
  jobsOption,
  jsonOption,
  outOption,
  print,
  printJson,
  resumeOption,
  setOption,
  withExperiment,
} from '../options.ts';

interface RunFlags {
  set: string[];
  out?: string;
  fresh?: boolean;
  jobs: number;
  json?: boolean;
}

interface StageFlags extends RunFlags {
  dryRun?: boolean;
  until?: string;
}

/** Each runs its stage and whatever that needs and is not there yet. */
export function registerRun(program: Command): void {
  registerStage(program, 'run', 'run all stages of an experiment and report');
  for (const [stage, description] of Object.entries(STAGE_COMMANDS)) registerStage(program, stage, description, stage);
}

function registerStage(program: Command, name: string, description: string, stage?: string): void {
  const command = withExperiment(program.command(name)).description(description);
  if (!stage) command.option('--until <stage>', 'last stage to run, with whatever it needs (default: all of them)');
  withRunFlags(command, 'folder of the run (default: runs/<name of the experiment>)')
    .option('--dry-run', 'print what it needs (memory, parameters, operations, time), and write nothing')
    .action(async (file: string, flags: StageFlags) => {
      const { openExperiment } = await import('../experiments.ts');
      const experiment = await openExperiment(file, flags.set);
      const { config, kind } = experiment;
      const { until = stage } = flags;
      const { missingFor, stagesOf } = await import('../../pipeline/kind.ts');
      const stages = stagesOf(kind);
      const what = `${file} is a ${kind.name} experiment, which has no stage "${until}"; expected one of ${stages.join(', ')}`;
      if (until && !stages.includes(until)) throw new CadenzaError('E_USAGE', what);
      const missing = stage && missingFor(kind, config, stage);
      const advice = `Set it, in the file or by --set; or run the stages before it with cadenza run ${file} --until ${stage}.`;
      if (missing) throw new CadenzaError('E_CONFIG', `${file} leaves the stage "${stage}" out, which needs ${missing}. ${advice}`);
      if (flags.dryRun) return showEstimate(await experiment.estimate(flags.jobs, until), flags.json ?? false);
      const run = (options: RunOptions) => experiment.run({ ...options, until });
      await runAndShow(config.name, flags, run, (out, set) => experiment.next(out, [nameOf(file, 'experiment'), ...set]));
    });
}

async function showEstimate(found: TimedEstimate, json: boolean): Promise<void> {
  if (json) return printJson(found);
  print(`${(await import('../estimate.ts')).formatEstimate(found)}\n`);
}

/** One experiment varied along declared axes, one table. */
export function registerAblate(program: Command): void {
  const command = program
    .command('ablate')
    .argument('<ablation>', 'YAML file, or the name of a preset such as matrix', presetFile('ablation'))
    .description('train and evaluate every combination of declared settings, and compare them in one table');
  withRunFlags(command, 'folder of the run (default: runs/<name of the ablation>)').action(async (file: string, flags: RunFlags) => {
    const { loadAblation, runAblation } = await import('../../pipeline/ablate.ts');
    const opened = await loadAblation(file, flags.set);
    const run = (options: RunOptions) => runAblation(opened, options);
    await runAndShow(opened.ablation.name, flags, run, (out, set, { methods }) => {
      const own = ['ablate', nameOf(file, 'ablation'), ...set, '--set', 'seeds=[0,1,2]', '--out', `${out}-mine`];
      return [
        [['compare', out, '--method', Object.keys(methods).slice(0, 2).join()], 'two rows of the table'],
        [own, 'the same with settings of your own'],
      ];
    });
  });
}

const withRunFlags = (command: Command, folder: string): Command =>
  [setOption(), outOption(folder), freshOption(), resumeOption(), jobsOption(), jsonOption()].reduce(
    (all, option) => all.addOption(option),
    command,
  );

/** Runs what goes by a name, and shows its results and the commands that come next, which are given the settings beyond the file. */
async function runAndShow<R extends AnyResults>(
  name: string,
  { set, out = join('runs', name), fresh, jobs, json = false }: RunFlags,
  run: (options: RunOptions) => Promise<R | undefined>,
  next: (out: string, set: readonly string[], results: R) => Next[],
): Promise<void> {
  const work = atWork({ fresh });
  // A bar that broke off must be gone before the failure is printed.
  const results = await run({ out, fresh, jobs, ...work }).finally(work.progress.stop);
  // Before the last stage there is nothing to compare.
  if (!results) return json ? printJson({ out }) : print(`Everything is in ${out}\n`);
  // Loaded late: figures are not needed by whoever trains.
  const view = (await import('../../reports/index.ts')).viewOf(results);
  view.write(out);
  if (json) return printJson(results);
  const given = set.flatMap(setting => ['--set', setting]);
  print(`${view.text().trimEnd()}\n${ending({ found: view.found(), out, next: next(out, given, results) })}`);
}
