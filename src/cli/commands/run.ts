/** @file `cadenza run`, one command a stage, and `cadenza ablate`: what runs stages in a folder and shows what was found. */

import { join } from 'node:path';
import type { Command } from 'commander';
import { presetFile } from '../../config/presets.ts';
import { STAGE_COMMANDS } from '../../training/stages/names.ts';
import { CadenzaError } from '../../util/errors.ts';
import { ending } from '../ending.ts';
import type { Work } from '../experiments.ts';
import {
  atWork,
  dryRunOption,
  freshOption,
  givenTo,
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
  dryRun?: boolean;
  json?: boolean;
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
  const folder = 'folder of the run (default: runs/<name of the experiment>)';
  withRunFlags(command, folder, setOption(stage ? undefined : ', several with commas for a sweep')).action(
    async (file: string, flags: RunFlags, command: Command) => {
      const { openExperiment } = await import('../experiments.ts');
      const experiment = await openExperiment(file, flags.set, { sweeps: !stage });
      const { config, kind } = experiment;
      const { until = stage } = flags;
      const { expectStage, missingFor } = await import('../../pipeline/kind.ts');
      if (until !== undefined) expectStage(kind, until, file);
      const missing = stage && missingFor(kind, config, stage);
      const advice = `Set it, in the file or by --set; or run the stages before it with cadenza run ${file} --until ${stage}.`;
      if (missing) throw new CadenzaError('E_CONFIG', `${file} leaves the stage "${stage}" out, which needs ${missing}. ${advice}`);
      await runOrPreview(experiment, { ...flags, until }, givenTo(command));
    },
  );
}

/** One experiment varied along declared axes, one table. */
export function registerAblate(program: Command): void {
  const command = program
    .command('ablate')
    .argument('<ablation>', 'YAML file, or the name of a preset such as matrix', presetFile('ablation'))
    .description('train and evaluate every combination of declared settings, and compare them in one table');
  withRunFlags(command, 'folder of the run (default: runs/<name of the ablation>)').action(
    async (file: string, flags: RunFlags, own: Command) => {
      const { openAblation } = await import('../experiments.ts');
      await runOrPreview(await openAblation(file, flags.set), flags, givenTo(own));
    },
  );
}

const withRunFlags = (command: Command, folder: string, set = setOption()): Command =>
  [set, outOption(folder), freshOption(), resumeOption(), jobsOption(), dryRunOption(), jsonOption()].reduce(
    (all, option) => all.addOption(option),
    command,
  );

/** Runs the work in its folder, and shows its results and the commands that come next, with the `given` options; in a dry run, what it would do. */
async function runOrPreview(
  { name, run, preview, next }: Work,
  { out = join('runs', name), fresh, jobs, json = false, dryRun, until }: Omit<RunFlags, 'set'>,
  given: readonly string[],
): Promise<void> {
  if (dryRun) {
    const found = await preview({ out, until, jobs, fresh });
    return json ? printJson(found) : print(`${(await import('../estimate.ts')).formatEstimate(found)}\n`);
  }
  const work = atWork({ fresh });
  // A bar that broke off must be gone before the failure is printed.
  const results = await run({ out, fresh, jobs, until, ...work }).finally(work.progress.stop);
  // Before the last stage there is nothing to compare.
  if (!results) return json ? printJson({ out }) : print(`Everything is in ${out}\n`);
  // Loaded late: figures are not needed by whoever trains.
  const view = (await import('../../reports/index.ts')).viewOf(results);
  view.write(out);
  if (json) return printJson(results);
  print(`${view.text().trimEnd()}\n${ending({ found: view.found(), out, next: next(out, given, results) })}`);
}
