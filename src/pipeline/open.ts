/** @file An experiment from its file, or from an object: read, checked, and ready to run. */

import { join } from 'node:path';
import { readLayers } from '../config/bases.ts';
import { importNamed } from '../config/imports.ts';
import { presetFile } from '../config/presets.ts';
import type { AnyResults } from '../records/index.ts';
import { loadConfig, readConfig, type Sweep, splitSweeps, topLevelKeys } from '../util/config.ts';
import { CadenzaError } from '../util/errors.ts';
import { importModules } from '../util/modules.ts';
import { type Progress, silentProgress } from '../util/progress.ts';
import { type CommonConfig, type ExperimentKind, expectStage, type RunOptions } from './kind.ts';
import { KINDS, kindOf } from './kinds.ts';
import { runExperiment } from './run.ts';

/** Keys that only experiments in reinforcement learning have, and that mean nothing without an environment; a file that has one beside `problem` is torn. */
export const REINFORCEMENT_KEYS = ['env', 'source', 'tokenizer'];

/** An experiment as it was read. */
export interface ReadExperiment {
  /** As the keys of the file say. */
  readonly kind: ExperimentKind;
  readonly config: CommonConfig;
  /** Settings that were given several values, and the overrides that were given one. */
  readonly sweeps: readonly Sweep[];
  readonly overrides: readonly string[];
}

/**
 * Reads an experiment of whichever kind the file's keys say. With `sweeps`, overrides may give several values to a setting.
 *
 * @throws {CadenzaError} `E_CONFIG` as `loadConfig` does, and where the keys say two kinds, or an ablation.
 */
export async function readExperiment(
  file: string,
  given: readonly string[] = [],
  { sweeps = false, text = readConfig(file) } = {},
): Promise<ReadExperiment> {
  const own = topLevelKeys({ file, text });
  const refuse = (what: string) => new CadenzaError('E_CONFIG', `${file}${what}`);
  const varied = `Run it with cadenza ablate ${file}; the experiment that it varies is its base.`;
  if (['base', 'axes'].every(key => own.includes(key)))
    throw refuse(` is an ablation, not an experiment: it has "base" and "axes". ${varied}`);
  const input = readLayers(file, text);
  const keys = topLevelKeys(input);
  const imports = await importNamed(input);
  const kind = KINDS.find(({ key }) => key && keys.includes(key)) ?? KINDS.find(({ key }) => !key)!;
  const { name, key, schema } = kind;
  const torn = key && REINFORCEMENT_KEYS.find(key => keys.includes(key));
  const expected = `"${key}" alone for a ${name} experiment, or "env" and "source" alone for one in reinforcement learning`;
  if (torn) throw refuse(`: "${key}" and "${torn}" stand side by side; expected ${expected}. Remove one.`);
  const divided = sweeps ? splitSweeps(schema(), given) : { overrides: [...given], sweeps: [] };
  const config = loadConfig(schema(), { ...input, overrides: [...divided.overrides, ...imports] });
  return { kind, config, ...divided };
}

/** Where a run is. */
export interface RunProgress {
  /** The stage at work, such as `finetune (seed 0)`. */
  readonly stage: string;
  /** Finished units of work. */
  readonly done: number;
  /** All units of work of the stage. */
  readonly total: number;
}

/** How `Experiment.run` runs. */
export interface ExperimentOptions extends Partial<Pick<RunOptions, 'out' | 'until' | 'fresh' | 'jobs' | 'signal'>> {
  /** Called as stages make progress. */
  readonly onProgress?: (progress: RunProgress) => void;
}

/** An experiment that can be run from code; see `openExperiment`. */
export interface Experiment {
  readonly name: string;
  /** Every setting, with its default where nothing was given. */
  readonly config: CommonConfig;
  /**
   * Runs all stages, or those up to `until`, in the folder `out` (default `runs/<name>`). Finished stages are reused and interrupted ones continue,
   * as on the command line.
   *
   * @returns the results; nothing where it stops before the evaluation.
   * @throws {CadenzaError} with the code of what failed; `E_USAGE` for a stage that there is not; `E_INTERRUPTED` after `signal` was aborted, when
   * everything is saved.
   */
  run(options?: ExperimentOptions): Promise<AnyResults | undefined>;
}

/**
 * Opens an experiment.
 *
 * @param given a YAML file, the name of a preset, or the settings themselves.
 * @param options `set`: overrides as on the command line, such as `model.latents=4`; `imports`: modules with kinds of one's own.
 * @throws {CadenzaError} `E_CONFIG`, listing everything that is wrong with the settings.
 * @example
 * const experiment = await openExperiment('tiny', { set: ['seeds=[0,1]'] });
 * const results = await experiment.run({ onProgress: ({ stage, done, total }) => show(`${stage}: ${done} of ${total}`) });
 */
export async function openExperiment(
  given: string | Readonly<Record<string, unknown>>,
  { set = [], imports = [] }: { readonly set?: readonly string[]; readonly imports?: readonly string[] } = {},
): Promise<Experiment> {
  await importModules(imports);
  const file = typeof given === 'string' ? presetFile('experiment')(given) : 'settings';
  const { config } = await readExperiment(file, set, typeof given === 'string' ? {} : { text: JSON.stringify(given) });
  return {
    name: config.name,
    config,
    async run({ out = join('runs', config.name), onProgress, signal = new AbortController().signal, ...options } = {}) {
      if (options.until !== undefined) expectStage(kindOf(config), options.until, config.name);
      const progress = onProgress ? told(onProgress) : silentProgress;
      return runExperiment(kindOf(config), config, { ...options, out, progress, signal, command: 'openExperiment().run()' });
    },
  };
}

/** Progress that a callback is told of. */
function told(onProgress: (progress: RunProgress) => void): Progress {
  let now: RunProgress = { stage: '', done: 0, total: 0 };
  const tell = (change: Partial<RunProgress>) => {
    now = { ...now, ...change };
    onProgress(now);
  };
  return {
    ...silentProgress,
    start: (stage, total, done = 0) => tell({ stage, total, done }),
    update: done => tell({ done }),
    finish: () => tell({ done: now.total }),
  };
}
