/** @file Experiments as commands see them: of whichever kind a file says, estimated, run, and what comes next. */

import { readLayers } from '../config/bases.ts';
import { importNamed } from '../config/imports.ts';
import type { RunOptions } from '../pipeline/kind.ts';
import { KINDS, kindOf } from '../pipeline/kinds.ts';
import { together } from '../pipeline/needs.ts';
import { runExperiment } from '../pipeline/run.ts';
import { loadConfig, readConfig, topLevelKeys } from '../util/config.ts';
import { CadenzaError } from '../util/errors.ts';
import type { Next } from './ending.ts';

const OWN = 'the same with settings of your own (all of them: cadenza config print)';

/** Keys that only experiments in reinforcement learning have, and that mean nothing without an environment; a file that has one beside `problem` is torn. */
export const REINFORCEMENT_KEYS = ['env', 'source', 'tokenizer'];

/** Reads an experiment of whichever kind the file's keys say. Throws `E_CONFIG` as `loadConfig` does, and where they say two, or an ablation. */
export async function openExperiment(file: string, overrides: readonly string[] = []) {
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
  const config = loadConfig(schema(), { ...input, overrides: [...overrides, ...imports] });
  return {
    /** As the keys of the file say. */
    kind,
    config,
    /** Runs it; gives nothing when it was asked to stop before the evaluation. */
    run: (options: RunOptions) => runExperiment(kindOf(config), config, options),
    /** What it needs with so many jobs, up to a stage, and how long that takes at the rate of this machine, which is measured. */
    async estimate(jobs: number, until = 'evaluate') {
      const kind = kindOf(config);
      const needs = kind.variants(config).map(each => kind.expectBuildable(each.config, until));
      const found = together(needs, jobs);
      const [{ gemmRate }, { timed }] = await Promise.all([import('./examine.ts'), import('./estimate.ts')]);
      return timed(found, await gemmRate(config.executor), config.executor.threads);
    },
    /** Commands that come next, for the run in a folder of the experiment that was given so: its file, and the settings beyond it. */
    next(out: string, given: readonly string[]): Next[] {
      const { acts } = kindOf(config);
      const look: Next[] = acts ? [[['inspect', out], 'what its memory holds']] : [];
      return [
        [['report', out], acts ? 'one page and a paper of this run' : 'one page of this run'],
        ...look,
        [['run', ...given, '--set', 'model.latents=4', '--set', `name=${config.name}-mine`], OWN],
      ];
    },
  };
}
