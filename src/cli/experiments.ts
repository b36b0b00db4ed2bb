/** @file Experiments of any kind, sweeps and ablations behind one interface, for the commands `run` and `ablate`. */

import type { ExperimentConfig } from '../config/experiment.ts';
import { nameOf } from '../config/presets.ts';
import {
  isAblation,
  loadAblation,
  type OpenAblation,
  planAblation,
  previewAblation,
  runAblation,
  sweepOver,
  withSeeds,
} from '../pipeline/ablate.ts';
import type { CommonConfig, RunOptions } from '../pipeline/kind.ts';
import { kindOf } from '../pipeline/kinds.ts';
import type { Estimate } from '../pipeline/needs.ts';
import { readExperiment } from '../pipeline/open.ts';
import { type JobPlan, planVariants } from '../pipeline/plan.ts';
import { previewVariants } from '../pipeline/preview.ts';
import { reinforcement } from '../pipeline/reinforcement.ts';
import { runExperiment, variantsOf } from '../pipeline/run.ts';
import { type AnyResults, RESULTS_FORMAT } from '../records/index.ts';
import { refusals } from '../reports/tables/integrity.ts';
import { CadenzaError } from '../util/errors.ts';
import { type Next, quoted } from './ending.ts';
import type { TimedEstimate } from './estimate.ts';

const OWN = 'change a setting (cadenza config print lists all)';

/** An experiment, sweep or ablation that can run in a folder. */
export interface Work {
  /** Default name of the folder. */
  readonly name: string;
  /** Runs it. Returns undefined if it was asked to stop before the evaluation. */
  run(options: RunOptions): Promise<AnyResults | undefined>;
  /** Estimates what a run would do, which stages are finished, and how long the rest takes, given the measured speed of this machine. */
  preview(options: Pick<RunOptions, 'out' | 'until' | 'jobs' | 'fresh' | 'shared'>): Promise<TimedEstimate>;
  /** The same work for some of its seeds. */
  ofSeeds(seeds: readonly number[]): Work;
  /** Its stages as jobs, with those that are finished in the folder. */
  plan(options: Pick<RunOptions, 'out' | 'until' | 'fresh' | 'shared'>): Promise<JobPlan>;
  /** Suggested next commands for the run in a folder. `given` has its options --import and --set. */
  next(out: string, given: readonly string[], results: AnyResults): Next[];
}

/** Reads an experiment. With `sweeps`, settings may have several values, which makes it a sweep. Throws the same errors as `readExperiment`. */
export async function openExperiment(file: string, given: readonly string[] = [], options: { sweeps?: boolean } = {}) {
  const { kind, config, sweeps, overrides } = await readExperiment(file, given, options);
  const preset = nameOf(file, 'experiment');
  const opened = { kind, config };
  if (sweeps.length === 0) return { ...opened, ...experimentWork(config, preset) };
  const actual = kindOf(config);
  if (actual !== reinforcement) {
    const several = sweeps.map(({ key, values }) => `--set ${quoted(`${key}=${values.join()}`)}`).join(' ');
    const what = `is a ${actual.name} experiment, which does not support sweeps, but ${several} has several values. Give one value for each setting.`;
    throw new CadenzaError('E_CONFIG', `${file} ${what}`);
  }
  const sweep = sweepOver(config as ExperimentConfig, sweeps, file, overrides);
  // The last value of a repeated setting applies.
  const first = sweeps.flatMap(({ key, values }) => ['--set', `${key}=${values[0]}`]);
  const one = 'run one combination as an experiment, which also exports its model';
  return { ...opened, ...ablationWork(sweep, (_, given) => [['run', preset, ...given, ...first], one]) };
}

/** Reads an ablation. Throws the same errors as `loadAblation`. */
export async function openAblation(file: string, given: readonly string[]): Promise<Work> {
  const own = ['ablate', nameOf(file, 'ablation')];
  return ablationWork(await loadAblation(file, given), (out, options) => [
    [...own, ...options, '--set', 'seeds=[0,1,2]', '--out', `${out}-mine`],
    'change settings of all combinations',
  ]);
}

/** Reads an experiment, with sweeps, or an ablation: whichever the file is. */
export async function openWork(file: string, given: readonly string[]): Promise<Work> {
  return isAblation(file) ? openAblation(file, given) : openExperiment(file, given, { sweeps: true });
}

function experimentWork(config: CommonConfig, file: string): Work {
  return {
    name: config.name,
    run: options => runExperiment(kindOf(config), config, options),
    async preview(options) {
      const kind = kindOf(config);
      return inTime(await previewVariants(kind, variantsOf(kind, config), options), config);
    },
    ofSeeds: seeds => experimentWork({ ...config, seeds: [...seeds] }, file),
    plan: options => planVariants(kindOf(config), variantsOf(kindOf(config), config), options),
    next(out, given, results) {
      const { acts } = kindOf(config);
      const look: Next[] = acts ? [[['inspect', out], 'analyze what the latents encode']] : [];
      const report: Next = [['report', out], acts ? 'write a report page and a paper draft' : 'write a report page'];
      return [
        ...(isShown(results) ? [report] : []),
        ...look,
        [['run', file, ...given, '--set', `model.latents=${otherThan(config)}`, '--set', `name=${config.name}-mine`], OWN],
      ];
    },
  };
}

function ablationWork(opened: OpenAblation, again: (out: string, given: readonly string[]) => Next): Work {
  return {
    name: opened.ablation.name,
    run: options => runAblation(opened, options),
    preview: async options => inTime(await previewAblation(opened, options), opened.cells[0].config),
    ofSeeds: seeds => ablationWork(withSeeds(opened, seeds), again),
    plan: options => planAblation(opened, options),
    next(out, given, results) {
      if (!isShown(results)) return [again(out, given)];
      const names = Object.keys(results.methods);
      const two = [...names.filter(isCombination), ...names.filter(name => !isCombination(name))].slice(0, 2);
      return [[['compare', out, '--method', two.join()], 'compare two methods'], again(out, given)];
    },
  };
}

/** A number of latents that the experiment does not have already. */
const otherThan = (config: CommonConfig): number => ((config as Partial<ExperimentConfig>).model?.latents === 4 ? 8 : 4);

/** Whether the methods of results may be shown, reported and compared. */
const isShown = (results: AnyResults): boolean => results.format !== RESULTS_FORMAT || refusals(results, results.name).length === 0;

const isCombination = (method: string) => method.startsWith('cad ');

/** An estimate with times, from the measured speed of this machine. */
async function inTime(found: Estimate, { executor }: Pick<CommonConfig, 'executor'>): Promise<TimedEstimate> {
  const [{ gemmRate }, { timed }] = await Promise.all([import('./examine.ts'), import('./estimate.ts')]);
  return timed(found, await gemmRate(executor), executor.threads);
}
