/** @file Reads an experiment from a file or an object and prepares it to run. */

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

/** Keys that only reinforcement learning experiments have. A file with `problem` must have none of them. */
export const REINFORCEMENT_KEYS = ['env', 'source', 'tokenizer'];

/** A parsed experiment. */
export interface ReadExperiment {
  /** The kind according to the keys of the file. */
  readonly kind: ExperimentKind;
  readonly config: CommonConfig;
  /** Settings with several values, and overrides with one value. */
  readonly sweeps: readonly Sweep[];
  readonly overrides: readonly string[];
}

/**
 * Reads an experiment of any kind. With `sweeps`, overrides may have several values.
 *
 * @throws {CadenzaError} `E_CONFIG` like `loadConfig`, and if the keys belong to two kinds or to an ablation.
 */
export async function readExperiment(
  file: string,
  given: readonly string[] = [],
  { sweeps = false, text = readConfig(file) } = {},
): Promise<ReadExperiment> {
  const own = topLevelKeys({ file, text });
  const refuse = (what: string) => new CadenzaError('E_CONFIG', `${file}${what}`);
  const varied = `Run it with cadenza ablate ${file}, or run its base experiment.`;
  if (['base', 'axes'].every(key => own.includes(key)))
    throw refuse(` is an ablation, not an experiment: it has "base" and "axes". ${varied}`);
  const input = readLayers(file, text);
  const keys = topLevelKeys(input);
  const imports = await importNamed(input);
  const kind = KINDS.find(({ key }) => key && keys.includes(key)) ?? KINDS.find(({ key }) => !key)!;
  const { name, key, schema } = kind;
  const torn = key && REINFORCEMENT_KEYS.find(key => keys.includes(key));
  const expected = `either "${key}" for a ${name} experiment, or "env" and "source" for a reinforcement learning experiment`;
  if (torn) throw refuse(`: expected ${expected}; found both "${key}" and "${torn}". Remove one.`);
  const divided = sweeps ? splitSweeps(schema(), given) : { overrides: [...given], sweeps: [] };
  const config = loadConfig(schema(), { ...input, overrides: [...divided.overrides, ...imports] });
  return { kind, config, ...divided };
}

/** Progress of a run. */
export interface RunProgress {
  /** The running stage, such as `finetune (seed 0)`. */
  readonly stage: string;
  /** Finished units of work. */
  readonly done: number;
  /** All units of work of the stage. */
  readonly total: number;
}

/** Options of `Experiment.run`. */
export interface ExperimentOptions extends Partial<Pick<RunOptions, 'out' | 'until' | 'fresh' | 'jobs' | 'tensorboard' | 'signal'>> {
  /** Called when a stage starts and when the number of its finished units changes. */
  readonly onProgress?: (progress: RunProgress) => void;
}

/** An experiment that can be run from code; see `openExperiment`. */
export interface Experiment {
  readonly name: string;
  /** All settings, including defaults. */
  readonly config: CommonConfig;
  /**
   * Runs all stages, or those up to `until`, in the folder `out` (default `runs/<name>`). Finished stages are reused and interrupted ones
   * resume, as on the command line.
   *
   * @returns the results, or undefined if `until` is a stage before the evaluation.
   * @throws {CadenzaError} with the code of the failure; `E_USAGE` for an unknown stage; `E_INTERRUPTED` after `signal` was aborted and the
   * running stage saved its state.
   */
  run(options?: ExperimentOptions): Promise<AnyResults | undefined>;
}

/**
 * Opens an experiment.
 *
 * @param given a YAML file, the name of a preset, or the settings themselves.
 * @param options `set`: overrides as on the command line, such as `model.latents=4`; `imports`: modules that register your own environments and so on.
 * @throws {CadenzaError} `E_CONFIG` with all errors in the settings.
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
      const progress = onProgress ? progressTo(onProgress) : silentProgress;
      try {
        return await runExperiment(kindOf(config), config, { ...options, out, progress, signal, command: 'openExperiment().run()' });
      } catch (cause) {
        if (cause !== signal.reason || cause instanceof CadenzaError) throw cause;
        throw new CadenzaError('E_INTERRUPTED', `${config.name} was stopped by its signal. Run it again in ${out} to resume.`, { cause });
      }
    },
  };
}

/** A `Progress` that reports changes to a callback. */
function progressTo(onProgress: (progress: RunProgress) => void): Progress {
  let now: RunProgress = { stage: '', done: 0, total: 0 };
  const tell = (change: Partial<RunProgress>) => {
    const next = { ...now, ...change };
    if (next.stage === now.stage && next.done === now.done && next.total === now.total) return;
    now = next;
    onProgress(now);
  };
  return {
    ...silentProgress,
    start: (stage, total, done = 0) => tell({ stage, total, done }),
    update: done => tell({ done }),
    finish: () => tell({ done: now.total }),
  };
}
