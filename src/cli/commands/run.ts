/** @file `cadenza run`, one command per stage, and `cadenza ablate`: run stages in a folder and print the results. */

import { join } from 'node:path';
import type { Command } from 'commander';
import { nameOf, presetFile } from '../../config/presets.ts';
import type { AnyResults } from '../../records/index.ts';
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
  LOCAL,
  launchOptions,
  openShared,
  outOption,
  print,
  printJson,
  resumeOption,
  setOption,
  storeOption,
  tensorboardOption,
  verboseOption,
  waitOption,
  withExperiment,
} from '../options.ts';

interface RunFlags {
  set: string[];
  out?: string;
  fresh?: boolean;
  jobs: number | 'auto';
  tensorboard?: boolean;
  dryRun?: boolean;
  verbose?: boolean;
  json?: boolean;
  until?: string;
  launcher: string;
  launchOption: string[];
  redis?: string;
  store?: string;
  wait?: boolean;
}

/** Registers `run`, for all stages. */
export function registerRun(program: Command): void {
  registerStage(program, 'run', 'run an experiment: generate data, train, evaluate, report');
}

/** Registers one command per stage, which also runs unfinished stages that it depends on. */
export function registerStages(program: Command): void {
  for (const [stage, description] of Object.entries(STAGE_COMMANDS)) registerStage(program, stage, description, stage);
}

function registerStage(program: Command, name: string, description: string, stage?: string): void {
  const command = withExperiment(program.command(name)).description(description);
  if (!stage) command.option('--until <stage>', 'stop after this stage (default: run all stages)');
  const folder = 'folder of the run (default: runs/<experiment name>)';
  withRunFlags(command, folder, setOption(stage ? undefined : '; comma-separated values run a sweep')).action(
    async (file: string, flags: RunFlags, command: Command) => {
      const { openExperiment } = await import('../experiments.ts');
      const experiment = await openExperiment(file, flags.set, { sweeps: !stage });
      const { config, kind } = experiment;
      const { until = stage } = flags;
      const { expectStage, missingFor } = await import('../../pipeline/kind.ts');
      const name = nameOf(file, 'experiment');
      if (until !== undefined) expectStage(kind, until, name);
      const missing = stage && missingFor(kind, config, stage);
      const advice = `Set it in the file or with --set, or run the stages before it with cadenza run ${name} --until ${stage}.`;
      if (missing) throw new CadenzaError('E_CONFIG', `${name} skips the stage "${stage}", which requires ${missing}. ${advice}`);
      await runOrPreview(experiment, { ...flags, until }, { named: name, given: givenTo(command) });
    },
  );
}

/** Registers `ablate`: one experiment varied along declared axes, with one results table. */
export function registerAblate(program: Command): void {
  const command = program
    .command('ablate')
    .argument('<ablation>', 'YAML file, or the name of a preset such as matrix', presetFile('ablation'))
    .description('train and evaluate every combination of declared settings, in one results table');
  withRunFlags(command, 'folder of the run (default: runs/<ablation name>)').action(async (file: string, flags: RunFlags, own: Command) => {
    const { openAblation } = await import('../experiments.ts');
    await runOrPreview(await openAblation(file, flags.set), flags, { named: nameOf(file, 'ablation'), given: givenTo(own) });
  });
}

const withRunFlags = (command: Command, folder: string, set = setOption()): Command =>
  [
    set,
    outOption(folder),
    freshOption(),
    resumeOption(),
    jobsOption(),
    tensorboardOption(),
    dryRunOption(),
    verboseOption(),
    jsonOption(),
    ...launchOptions(),
    waitOption(),
    storeOption(),
  ].reduce((all, option) => all.addOption(option), command);

/** Runs the work in its folder, and shows its results and the commands that come next, with the `given` options; in a dry run, what it would do. */
async function runOrPreview(
  work: Work,
  {
    out = join('runs', work.name),
    fresh,
    jobs,
    tensorboard,
    json = false,
    dryRun,
    verbose = false,
    until,
    store,
    ...launch
  }: Omit<RunFlags, 'set'>,
  { named, given }: { readonly named: string; readonly given: readonly string[] },
): Promise<void> {
  expectEffect({ ...launch, fresh, jobs, store });
  const shared = await openShared(store);
  if (dryRun) {
    const found = await work.preview({ out, until, jobs, fresh, shared });
    return json ? printJson(found) : print(`${(await import('../estimate.ts')).formatEstimate(found)}\n`);
  }
  const at = atWork({ fresh });
  if (launch.launcher !== LOCAL) {
    const { launchWork } = await import('../launching.ts');
    const finished = await launchWork(work, { ...launch, out, until, tensorboard, shared, json, ...at }, [
      named,
      ...given,
      '--out',
      out,
      ...(store ? ['--store', store] : []),
    ]);
    if (!finished) return;
  }
  // Clear the progress bar before a failure is printed.
  const results = await work.run({ out, fresh, jobs, until, tensorboard, shared, ...at }).finally(at.progress.stop);
  await showResults(results, { work, out, given, verbose, json });
}

/** Throws `E_USAGE` for an option that would have no effect with this launcher. */
export function expectEffect({
  launcher,
  launchOption,
  redis,
  wait = false,
  fresh,
  jobs = 'auto',
  store,
}: Pick<RunFlags, 'launcher' | 'launchOption' | 'redis' | 'wait' | 'fresh' | 'store'> & { jobs?: RunFlags['jobs'] }): void {
  if (fresh && store !== undefined)
    throw new CadenzaError('E_USAGE', '--fresh cannot be used with --store, whose stages would be reused. Omit one of them.');
  const remote = launcher !== LOCAL;
  const [idle] =
    Object.entries({
      '--wait': !remote && wait,
      '--launch-option': !['slurm', 'kubernetes'].includes(launcher) && launchOption.length > 0,
      '--redis': launcher !== 'bullmq' && redis !== undefined,
      '--jobs': remote && jobs !== 'auto',
      '--fresh': remote && fresh,
    }).find(([, given]) => given) ?? [];
  if (idle) throw new CadenzaError('E_USAGE', `${idle} cannot be used with --launcher ${launcher}. Omit one of them.`);
}

/** Writes the report page of results, and shows them and the commands that come next. */
export async function showResults(
  results: AnyResults | undefined,
  {
    work,
    out,
    given,
    verbose = false,
    json = false,
  }: { work: Work; out: string; given: readonly string[]; verbose?: boolean; json?: boolean },
): Promise<void> {
  // Before the evaluation there are no results.
  if (!results) return json ? printJson({ out }) : print(`Files: ${out}\n`);
  // Loaded on demand: training does not need figures.
  const view = (await import('../../reports/index.ts')).viewOf(results);
  view.write(out);
  if (json) return printJson(results);
  const more = `Open ${join(out, 'results.html')} in a browser for figures and all tables${verbose ? '' : ', or repeat this command with --verbose'}.`;
  print(`${view.text(verbose).trimEnd()}\n${ending({ found: [...view.found(), more], out, next: work.next(out, given, results) })}`);
}
