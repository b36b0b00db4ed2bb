/** @file What `run` and `ablate` work on, as commands see it: experiments of whichever kind a file says, and ablations; run, estimated, and what comes next. */

import { readLayers } from '../config/bases.ts';
import type { ExperimentConfig } from '../config/experiment.ts';
import { importNamed } from '../config/imports.ts';
import { nameOf } from '../config/presets.ts';
import { loadAblation, type OpenAblation, previewAblation, runAblation, sweepOver } from '../pipeline/ablate.ts';
import type { CommonConfig, RunOptions } from '../pipeline/kind.ts';
import { KINDS, kindOf } from '../pipeline/kinds.ts';
import type { Estimate } from '../pipeline/needs.ts';
import { previewVariants } from '../pipeline/preview.ts';
import { reinforcement } from '../pipeline/reinforcement.ts';
import { runExperiment, variantsOf } from '../pipeline/run.ts';
import type { AnyResults } from '../records/index.ts';
import { loadConfig, readConfig, splitSweeps, topLevelKeys } from '../util/config.ts';
import { CadenzaError } from '../util/errors.ts';
import type { Next } from './ending.ts';
import type { TimedEstimate } from './estimate.ts';

const OWN = 'the same with settings of your own (all of them: cadenza config print)';

/** Keys that only experiments in reinforcement learning have, and that mean nothing without an environment; a file that has one beside `problem` is torn. */
export const REINFORCEMENT_KEYS = ['env', 'source', 'tokenizer'];

/** What can be run in a folder. */
export interface Work {
  /** Names the folder. */
  readonly name: string;
  /** Runs it; gives nothing when it was asked to stop before the evaluation. */
  run(options: RunOptions): Promise<AnyResults | undefined>;
  /** What it would do: what that needs, what of it is finished, and how long the rest takes at the rate of this machine, which is measured. */
  preview(options: Pick<RunOptions, 'out' | 'until' | 'jobs' | 'fresh'>): Promise<TimedEstimate>;
  /** Commands that come next, for the run in a folder that was given some settings beyond its file. */
  next(out: string, set: readonly string[], results: AnyResults): Next[];
}

/**
 * Reads an experiment of whichever kind the file's keys say. With `sweeps`, overrides may give several values to a setting: then the work is all
 * combinations of them. Throws `E_CONFIG` as `loadConfig` does, and where the keys say two kinds, or an ablation.
 */
export async function openExperiment(file: string, given: readonly string[] = [], { sweeps = false } = {}) {
  // Read once: a pipe cannot be read again.
  const text = readConfig(file);
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
  const preset = nameOf(file, 'experiment');
  /** As the keys of the file say. */
  const opened = { kind, config };
  if (divided.sweeps.length === 0) return { ...opened, ...experimentWork(config, preset) };
  const first = divided.sweeps.map(({ key, values }) => `${key}=${values[0]}`);
  if (kind !== reinforcement) {
    const several = divided.sweeps.map(({ key, values }) => `--set ${key}=${values.join()}`).join(' ');
    throw refuse(
      ` is a ${name} experiment, of which one combination is run at a time, but ${several} asks for several; give one value each.`,
    );
  }
  const sweep = sweepOver(config as ExperimentConfig, divided.sweeps, file, divided.overrides);
  const one = ['run', preset, ...[...divided.overrides, ...first].flatMap(each => ['--set', each])];
  return { ...opened, ...ablationWork(sweep, () => [one, 'one combination by itself, whose model is kept']) };
}

/** Reads an ablation. Throws as `loadAblation` does. */
export async function openAblation(file: string, given: readonly string[]): Promise<Work> {
  const own = ['ablate', nameOf(file, 'ablation')];
  return ablationWork(await loadAblation(file, given), (out, set) => [
    [...own, ...set, '--set', 'seeds=[0,1,2]', '--out', `${out}-mine`],
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
    next(out, set) {
      const { acts } = kindOf(config);
      const look: Next[] = acts ? [[['inspect', out], 'what its memory holds']] : [];
      return [
        [['report', out], acts ? 'one page and a paper of this run' : 'one page of this run'],
        ...look,
        [['run', file, ...set, '--set', 'model.latents=4', '--set', `name=${config.name}-mine`], OWN],
      ];
    },
  };
}

function ablationWork(opened: OpenAblation, again: (out: string, set: readonly string[]) => Next): Work {
  return {
    name: opened.ablation.name,
    run: options => runAblation(opened, options),
    preview: async options => inTime(await previewAblation(opened, options), opened.cells[0].config),
    next(out, set, { methods }) {
      const rows = Object.keys(methods);
      const two = [...rows.filter(isCombination), ...rows.filter(row => !isCombination(row))].slice(0, 2);
      return [[['compare', out, '--method', two.join()], 'two rows of the table'], again(out, set)];
    },
  };
}

const isCombination = (row: string) => row.startsWith('cad ');

/** An estimate with times, by the rate of this machine. */
async function inTime(found: Estimate, { executor }: Pick<CommonConfig, 'executor'>): Promise<TimedEstimate> {
  const [{ gemmRate }, { timed }] = await Promise.all([import('./examine.ts'), import('./estimate.ts')]);
  return timed(found, await gemmRate(executor), executor.threads);
}
