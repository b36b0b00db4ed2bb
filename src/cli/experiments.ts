/** @file What `run` and `ablate` work on, as commands see it: experiments of whichever kind a file says, and ablations; run, estimated, and what comes next. */

import type { ExperimentConfig } from '../config/experiment.ts';
import { nameOf } from '../config/presets.ts';
import { loadAblation, type OpenAblation, previewAblation, runAblation, sweepOver } from '../pipeline/ablate.ts';
import type { CommonConfig, RunOptions } from '../pipeline/kind.ts';
import { kindOf } from '../pipeline/kinds.ts';
import type { Estimate } from '../pipeline/needs.ts';
import { readExperiment } from '../pipeline/open.ts';
import { previewVariants } from '../pipeline/preview.ts';
import { reinforcement } from '../pipeline/reinforcement.ts';
import { runExperiment, variantsOf } from '../pipeline/run.ts';
import type { AnyResults } from '../records/index.ts';
import { CadenzaError } from '../util/errors.ts';
import type { Next } from './ending.ts';
import type { TimedEstimate } from './estimate.ts';

const OWN = 'the same with settings of your own (all of them: cadenza config print)';

/** What can be run in a folder. */
export interface Work {
  /** Names the folder. */
  readonly name: string;
  /** Runs it; gives nothing when it was asked to stop before the evaluation. */
  run(options: RunOptions): Promise<AnyResults | undefined>;
  /** What it would do: what that needs, what of it is finished, and how long the rest takes at the rate of this machine, which is measured. */
  preview(options: Pick<RunOptions, 'out' | 'until' | 'jobs' | 'fresh'>): Promise<TimedEstimate>;
  /** Commands that come next, for the run in a folder that was given some options (modules and settings) beyond its file. */
  next(out: string, given: readonly string[], results: AnyResults): Next[];
}

/** Reads an experiment. With `sweeps`, the work may be all combinations of several values. Throws as `readExperiment` does. */
export async function openExperiment(file: string, given: readonly string[] = [], options: { sweeps?: boolean } = {}) {
  const { kind, config, sweeps, overrides } = await readExperiment(file, given, options);
  const preset = nameOf(file, 'experiment');
  const opened = { kind, config };
  if (sweeps.length === 0) return { ...opened, ...experimentWork(config, preset) };
  const actual = kindOf(config);
  if (actual !== reinforcement) {
    const several = sweeps.map(({ key, values }) => `--set ${key}=${values.join()}`).join(' ');
    const what = `is a ${actual.name} experiment, of which one combination is run at a time, but ${several} asks for several; give one value each.`;
    throw new CadenzaError('E_CONFIG', `${file} ${what}`);
  }
  const sweep = sweepOver(config as ExperimentConfig, sweeps, file, overrides);
  // Of several settings of one key, a command line shows the last.
  const first = sweeps.flatMap(({ key, values }) => ['--set', `${key}=${values[0]}`]);
  const one = 'one combination by itself, whose model is kept';
  return { ...opened, ...ablationWork(sweep, (_, given) => [['run', preset, ...given, ...first], one]) };
}

/** Reads an ablation. Throws as `loadAblation` does. */
export async function openAblation(file: string, given: readonly string[]): Promise<Work> {
  const own = ['ablate', nameOf(file, 'ablation')];
  return ablationWork(await loadAblation(file, given), (out, options) => [
    [...own, ...options, '--set', 'seeds=[0,1,2]', '--out', `${out}-mine`],
    'the same with settings of your own',
  ]);
}

function experimentWork(config: CommonConfig, file: string): Work {
  return {
    name: config.name,
    run: options => runExperiment(kindOf(config), config, options),
    async preview(options) {
      const kind = kindOf(config);
      return inTime(await previewVariants(kind, variantsOf(kind, config), options), config);
    },
    next(out, given) {
      const { acts } = kindOf(config);
      const look: Next[] = acts ? [[['inspect', out], 'what its memory holds']] : [];
      return [
        [['report', out], acts ? 'one page and a paper of this run' : 'one page of this run'],
        ...look,
        [['run', file, ...given, '--set', 'model.latents=4', '--set', `name=${config.name}-mine`], OWN],
      ];
    },
  };
}

function ablationWork(opened: OpenAblation, again: (out: string, given: readonly string[]) => Next): Work {
  return {
    name: opened.ablation.name,
    run: options => runAblation(opened, options),
    preview: async options => inTime(await previewAblation(opened, options), opened.cells[0].config),
    next(out, given, { methods }) {
      const rows = Object.keys(methods);
      const two = [...rows.filter(isCombination), ...rows.filter(row => !isCombination(row))].slice(0, 2);
      return [[['compare', out, '--method', two.join()], 'two rows of the table'], again(out, given)];
    },
  };
}

const isCombination = (row: string) => row.startsWith('cad ');

/** An estimate with times, by the rate of this machine. */
async function inTime(found: Estimate, { executor }: Pick<CommonConfig, 'executor'>): Promise<TimedEstimate> {
  const [{ gemmRate }, { timed }] = await Promise.all([import('./examine.ts'), import('./estimate.ts')]);
  return timed(found, await gemmRate(executor), executor.threads);
}
