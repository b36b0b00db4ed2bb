/** @file `cadenza tune`: hyperparameter search on validation tasks. It never evaluates test tasks. */

import { join } from 'node:path';
import { type Command, Option } from 'commander';
import { nameOf, presetFile } from '../../config/presets.ts';
import type { JobPlan } from '../../pipeline/plan.ts';
import type { Search } from '../../pipeline/tune.ts';
import { ending, type Next } from '../ending.ts';
import {
  atWork,
  choiceOption,
  freshOption,
  givenTo,
  jsonOption,
  LOCAL,
  launchOptions,
  numberOption,
  openShared,
  outOption,
  pathOf,
  print,
  printJson,
  resumeOption,
  setOption,
  storeOption,
  tensorboardOption,
  withExperiment,
} from '../options.ts';
import { expectEffect } from './run.ts';

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
  tensorboard?: boolean;
  json?: boolean;
  store?: string;
  launcher: string;
  launchOption: string[];
  redis?: string;
}

export function registerTune(program: Command): void {
  const registered = withExperiment(program.command('tune'))
    .description('search hyperparameters, scored on validation tasks')
    .addOption(
      new Option('--space <file>', 'search space: a YAML file, or a preset such as dark-room')
        .argParser((text: string) => presetFile('search space')(pathOf('--space')(text)))
        .makeOptionMandatory(),
    )
    .addOption(setOption())
    .addOption(outOption('folder of the study (default: runs/<experiment name>-tune)'))
    .addOption(numberOption('--trials <n>', 'number of trials, including the unchanged experiment', 2, 10_000).default(16))
    .addOption(choiceOption('--method <name>', 'search method: random search or successive halving', ['random', 'halving'], 'random'))
    .addOption(numberOption('--eta <n>', 'halving: 1 in n trials continues to the next round', 2, 1000).default(3))
    .addOption(
      choiceOption(
        '--score <name>',
        'score of a trial: return over all episodes (area) or the last ones (final)',
        ['area', 'final'],
        'area',
      ),
    )
    .addOption(numberOption('--seed <n>', 'random seed of the sampled settings', 0, Number.MAX_SAFE_INTEGER).default(0))
    .addOption(freshOption())
    .addOption(resumeOption())
    .addOption(tensorboardOption())
    .addOption(jsonOption())
    .addOption(storeOption());
  for (const option of launchOptions()) registered.addOption(option);
  registered.action(
    async (
      file: string,
      { set, space, score, json = false, store, launcher, launchOption, redis, ...options }: Options,
      command: Command,
    ) => {
      expectEffect({ launcher, launchOption, redis, fresh: options.fresh, store });
      const { importExperiment } = await import('../../config/experiment.ts');
      const { loadSpace } = await import('../../config/space.ts');
      const config = await importExperiment(file, set);
      const searched = loadSpace(space, options.method === 'halving' ? 'finetune.steps' : undefined);
      const out = options.out ?? join('runs', `${config.name}-tune`);
      const work = atWork(options);
      // Loaded on demand: a mistyped setting fails before executors are loaded.
      const { tune } = await import('../../pipeline/tune.ts');
      const shared = await openShared(store);
      const ahead = async (plan: JobPlan) => {
        const { launchAndFollow } = await import('../launching.ts');
        const { missingJobs } = await import('../plan.ts');
        const { tensorboard } = options;
        const missing = await launchAndFollow(plan, { launcher, launchOption, redis, tensorboard, shared, ...work });
        if (missing.length > 0) work.progress.say(`${missingJobs(missing, plan.jobs.length)}: they run here, to see why`);
      };
      const study = await tune(config, {
        ...options,
        space: searched,
        measure: score,
        out,
        shared,
        ...(launcher === LOCAL ? {} : { ahead }),
        ...work,
      }).finally(work.progress.stop);
      if (json) return printJson(study);
      const { formatStudy, summarizeStudy } = await import('../../reports/terminal/study.ts');
      print(formatStudy(study));
      const best = join(out, 'best.yaml');
      const next: Next[] = [
        [['run', best], 'train with the best settings and evaluate on test tasks'],
        [['run', nameOf(file, 'experiment'), ...givenTo(command)], 'run the original settings, for comparison'],
        [
          ['compare', join('runs', config.name), join('runs', `${config.name}-tuned`)],
          'compare the two runs, with intervals and a verdict',
        ],
      ];
      print(ending({ found: [...summarizeStudy(study), `The best settings are in ${best}.`], out, next }));
    },
  );
}
