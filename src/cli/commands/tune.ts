/** @file `cadenza tune`: search hyperparameters on validation tasks; the test tasks stay out of reach. */

import { join } from 'node:path';
import { type Command, Option } from 'commander';
import type { Search } from '../../pipeline/tune.ts';
import { terminalProgress } from '../../util/progress.ts';
import { ending, type Next } from '../ending.ts';
import {
  freshOption,
  jsonOption,
  outOption,
  pathOf,
  print,
  printJson,
  resumeOption,
  setOption,
  whole,
  withExperiment,
} from '../options.ts';
import { nameOf, presetFile } from '../presets.ts';
import { continues, interruptSignal } from '../signals.ts';

interface Options {
  set: string[];
  space: string;
  out?: string;
  trials: number;
  method: Search;
  eta: number;
  score: 'area' | 'final';
  seed: number;
  fresh?: boolean;
  json?: boolean;
}

export function registerTune(program: Command): void {
  withExperiment(program.command('tune'))
    .description('search hyperparameters on validation tasks, never on test tasks')
    .addOption(
      new Option('--space <file>', 'YAML file, or the name of a preset such as dark-room')
        .argParser((text: string) => presetFile('search space')(pathOf('--space')(text)))
        .makeOptionMandatory(),
    )
    .addOption(setOption())
    .addOption(outOption('folder of the study (default: runs/<name of the experiment>-tune)'))
    .addOption(
      new Option('--trials <n>', 'trials, the experiment as it stands among them').argParser(whole('--trials', 2, 10_000)).default(16),
    )
    .addOption(new Option('--method <name>', 'how trials share the training steps').choices(['random', 'halving']).default('random'))
    .addOption(
      new Option('--eta <n>', 'halving: one trial in so many goes on to the next round').argParser(whole('--eta', 2, 1000)).default(3),
    )
    .addOption(
      new Option('--score <name>', 'what a trial is judged by: all in-context episodes, or the last ones')
        .choices(['area', 'final'])
        .default('area'),
    )
    .addOption(
      new Option('--seed <n>', 'seed of what is drawn from the space').argParser(whole('--seed', 0, Number.MAX_SAFE_INTEGER)).default(0),
    )
    .addOption(freshOption())
    .addOption(resumeOption())
    .addOption(jsonOption())
    .action(async (file: string, { set, space, score, json = false, ...options }: Options) => {
      const [{ loadExperiment }, { loadSpace }] = await Promise.all([
        import('../../config/experiment.ts'),
        import('../../config/space.ts'),
      ]);
      const config = loadExperiment(file, set);
      const searched = loadSpace(space, options.method === 'halving' ? 'finetune.steps' : undefined);
      const out = options.out ?? join('runs', `${config.name}-tune`);
      const signal = interruptSignal(continues(options));
      const progress = terminalProgress();
      const command = `cadenza ${process.argv.slice(2).join(' ')}`;
      // Loaded late: it brings the executors, which a mistyped key should not wait for.
      const { tune } = await import('../../pipeline/tune.ts');
      const study = await tune(config, { ...options, space: searched, measure: score, out, progress, signal, command }).finally(
        progress.stop,
      );
      if (json) return printJson(study);
      print((await import('../../reports/terminal/study.ts')).formatStudy(study));
      const best = join(out, 'best.yaml');
      const { summarizeStudy } = await import('../../reports/terminal/study.ts');
      const next: Next[] = [
        [['run', best], 'train with the best settings, and evaluate on the test tasks'],
        [['run', nameOf(file, 'experiment'), ...set.flatMap(each => ['--set', each])], 'the settings as they were, to compare with'],
        [['compare', join('runs', config.name), join('runs', `${config.name}-tuned`)], 'the two runs, with intervals and a verdict'],
      ];
      print(ending({ found: [...summarizeStudy(study), `The best configuration is ${best}.`], out, next }));
    });
}
