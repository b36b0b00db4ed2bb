/** @file The kinds of experiment that a file can describe, told apart by a key at its top: one record each. */

import type { z } from 'zod';
import { type ExperimentConfig, experimentSchema, tableConfig } from '../config/experiment.ts';
import { fingerprint } from '../config/selection.ts';
import { supervisedSchema } from '../config/supervised.ts';
import type { Estimate } from '../pipeline/estimate.ts';
import type { RunOptions } from '../pipeline/run.ts';
import { STAGES, type Stage } from '../training/stages/names.ts';
import { loadConfig, readConfig, topLevelKeys } from '../util/config.ts';
import { CadenzaError } from '../util/errors.ts';
import type { Next } from './ending.ts';
import type { TimedEstimate } from './estimate.ts';

/** Results, and how to show them. */
export interface Report {
  readonly results: unknown;
  /** Writes page and figures into the folder of the run. */
  write(out: string): Promise<unknown>;
  /** The report on a terminal. */
  text(): Promise<string>;
  /** What was found, in sentences. */
  found(): Promise<string[]>;
  /** Commands that come next, for the run in a folder of the experiment that was given so: its file, and the settings beyond it. */
  next(out: string, given: readonly string[]): Next[];
}

/** Settings that all kinds have. */
type CommonConfig = Pick<ExperimentConfig, 'name' | 'executor'>;

export interface ExperimentKind<C extends CommonConfig = CommonConfig> {
  readonly name: string;
  /** The key at the top of a file that only this kind has; the kind without one is what every other file is. */
  readonly key?: string;
  readonly schema: z.ZodType<C>;
  /** Stages that have a command of their own. */
  readonly stages: readonly Stage[];
  /** Whether its seeds can be made at once, each in a process of its own. */
  readonly parallel: boolean;
  /** What `config print` adds to the settings, as a comment of YAML. */
  remark?(config: C): string;
  /** What it needs; throws `E_CONFIG` where this machine does not have that. */
  estimate(config: C, jobs: number): Promise<Estimate>;
  /** Runs it; gives nothing when it was asked to stop before the evaluation. */
  run(config: C, options: RunOptions): Promise<Report | undefined>;
}

const defineKind = <C extends CommonConfig>(kind: ExperimentKind<C>): ExperimentKind => kind as unknown as ExperimentKind;

// Runs and reports are loaded late: they bring the executors and the figures, which a mistyped key should not wait for.
export const KINDS: readonly ExperimentKind[] = [
  defineKind({
    name: 'reinforcement',
    schema: experimentSchema,
    stages: STAGES,
    parallel: true,
    async estimate(config, jobs) {
      const [{ expectBuildable }, { together }, { familyOf }] = await Promise.all([
        import('../pipeline/buildable.ts'),
        import('../pipeline/estimate.ts'),
        import('../histories/imported.ts'),
      ]);
      const each = [config, ...config.tables.map(table => tableConfig(config, table))];
      return together(
        each.map(one => expectBuildable(one, { plays: !familyOf(one).recorded })),
        jobs,
      );
    },
    remark: config =>
      `# These settings have the fingerprint ${fingerprint(config)}; selection.settings takes it, to state how they were chosen.\n`,
    async run(config, options) {
      const { familyOf } = await import('../histories/imported.ts');
      const whole = options.until === undefined || options.until === 'evaluate';
      if (whole && familyOf(config).recorded) {
        const results = await (await import('../pipeline/recorded.ts')).runRecorded(config, options);
        // A table says it all; there are no curves.
        const text = async () => (await import('../reports/terminal/recorded.ts')).formatRecorded(results);
        const found = async () => (await import('../reports/summary.ts')).summarizeRecorded(results);
        return { results, write: async () => {}, text, found, next: (_, given) => [ownSettings(given, config, 'seeds=[0,1,2]')] };
      }
      const results = await (await import('../pipeline/run.ts')).runExperiment(config, options);
      return (
        results && {
          results,
          write: async out => (await import('../reports/index.ts')).writeReports(out, results),
          text: async () => (await import('../reports/terminal/results.ts')).formatResults(results),
          found: async () => (await import('../reports/summary.ts')).summarize(results),
          next: (out, given) => [
            [['report', out], 'one page and a paper of this run'],
            [['inspect', out], 'what its memory holds'],
            ownSettings(given, config, 'model.latents=4'),
          ],
        }
      );
    },
  }),
  defineKind({
    name: 'supervised',
    key: 'problem',
    schema: supervisedSchema,
    stages: [],
    parallel: false,
    async estimate(config) {
      return (await import('../pipeline/supervised/estimate.ts')).estimateSupervised(config);
    },
    async run(config, options) {
      const results = await (await import('../pipeline/supervised/run.ts')).runSupervised(config, options);
      return {
        results,
        write: async out => (await import('../reports/index.ts')).writeSupervisedReports(out, results),
        text: async () => (await import('../reports/terminal/supervised.ts')).formatSupervised(results),
        found: async () => (await import('../reports/summary.ts')).summarizeSupervised(results),
        next: (_, given) => [ownSettings(given, config, 'seeds=[0,1,2]')],
      };
    },
  }),
];

/** The same experiment with a setting changed, in a folder of its own. */
const ownSettings = (given: readonly string[], { name }: { name: string }, setting: string): Next => [
  ['run', ...given, '--set', setting, '--set', `name=${name}-mine`],
  'the same with settings of your own (all of them: cadenza config print)',
];

/** Keys of the reinforcement kind that mean nothing without an environment; a file that has one beside `problem` is torn. */
const REINFORCEMENT_KEYS = ['env', 'source', 'tokenizer'];

export interface OpenExperiment {
  readonly kind: ExperimentKind;
  readonly config: CommonConfig;
  run(options: RunOptions): Promise<Report | undefined>;
  /** What it needs with so many jobs, and how long that takes at the rate of this machine, which is measured. */
  estimate(jobs: number): Promise<TimedEstimate>;
}

/** Reads an experiment of whichever kind the file's keys say. Throws `E_CONFIG` as `loadConfig` does, and where they say two, or an ablation. */
export function openExperiment(file: string, overrides: readonly string[] = []): OpenExperiment {
  // Read once: a pipe cannot be read again.
  const text = readConfig(file);
  const keys = topLevelKeys({ file, text });
  if (['base', 'axes'].every(key => keys.includes(key)))
    throw new CadenzaError(
      'E_CONFIG',
      `${file} is an ablation, not an experiment: it has "base" and "axes". Run it with cadenza ablate ${file}; the experiment that it varies is its base.`,
    );
  const kind = KINDS.find(({ key }) => key && keys.includes(key)) ?? KINDS.find(({ key }) => !key)!;
  const torn = kind.key && REINFORCEMENT_KEYS.find(key => keys.includes(key));
  if (torn)
    throw new CadenzaError(
      'E_CONFIG',
      `${file}: "${kind.key}" and "${torn}" stand side by side; expected "${kind.key}" alone for a ${kind.name} experiment, or "env" and "source" alone for one in reinforcement learning. Remove one.`,
    );
  const config = loadConfig(kind.schema, { file, text, overrides });
  return {
    kind,
    config,
    run: options => kind.run(config, options),
    async estimate(jobs) {
      const found = await kind.estimate(config, jobs);
      const [{ gemmRate }, { timed }] = await Promise.all([import('./examine.ts'), import('./estimate.ts')]);
      return timed(found, await gemmRate(config.executor), config.executor.threads);
    },
  };
}
