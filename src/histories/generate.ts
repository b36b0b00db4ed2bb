/** @file Stage `generate`: learning histories of the source on training tasks, or of a data set, with an audit of the split (method 5.1, 5.2). */

import { z } from 'zod';
import { provenance } from '../cache/provenance.ts';
import { reportOf, type StageCache, type StageOutput } from '../cache/store.ts';
import { type HistoryFolder, HistoryWriter, type Manifest, openHistories, type Provenance } from '../data/index.ts';
import type { Executor } from '../engine/index.ts';
import { type EnvFamily, everyNthEpisode, type History, segmentStarts, type Task } from '../rl/index.ts';
import type { BaseConfig } from '../settings/base.ts';
import { generateHistory, source, type WantedHistory } from '../sources/index.ts';
import { canonicalJson } from '../util/canonical.ts';
import { CadenzaError } from '../util/errors.ts';
import type { Progress } from '../util/progress.ts';
import { datasetKey, datasetOf, selectHistories } from './imported.ts';
import { rollHistories } from './rolling.ts';
import { openTasks } from './tasks.ts';
import { noiseOf, sourceRequest } from './wanted.ts';

type GenerateConfig = Pick<BaseConfig, 'env' | 'split' | 'source' | 'seed' | 'evaluate'>;

/** The histories of a stage, one after another, and their origin. */
interface GeneratedHistories {
  readonly histories: Iterable<History> | AsyncIterable<History>;
  readonly about: Pick<Provenance, 'source' | 'noise'>;
  /** Additional entries of the stage's report. */
  readonly report?: Record<string, unknown>;
}

/** Generates or imports the histories of an experiment. `executor` runs sources with neural networks. */
export function generate(store: StageCache, config: GenerateConfig, executor: Executor): Promise<StageOutput> {
  const { env, split: division, source: settings, seed } = config;
  const { maxTasks, stride } = settings;
  const imported = datasetKey(config);
  return store.run({
    stage: 'generate',
    settings: imported.dataset
      ? { env, split: division, source: { ...imported, maxTasks, stride } }
      : { env, split: division, source: settings, seed },
    inputs: {},
    async run({ folder, progress, signal }) {
      const made = settings.env ? madeIn(config, settings.env) : config;
      const { family, train, test } = openTasks(config);
      const make = settings.dataset === undefined ? rollSource : takeDataset;
      const { histories, about, report } = make(made, openTasks(made).family, train, { progress, signal, executor });
      const split = { train: train.map(family.taskKey), test: test.map(family.taskKey) };
      const writer = new HistoryWriter(folder, family, split);
      for await (const history of histories) writer.add(history);
      const creator = { ...provenance(), ...(family.software && { software: family.software }) };
      const { dataHash, manifest } = writer.finish({ ...about, seed, split, creator });
      const total = (of: 'histories' | 'transitions') => manifest.shards.reduce((sum, shard) => sum + shard[of], 0);
      progress.finish(`${total('histories')} histories, ${total('transitions')} transitions`);
      return { dataHash, histories: total('histories'), transitions: total('transitions'), ...report };
    },
  });
}

/**
 * The experiment in the environment with the options of `source.env`.
 *
 * @throws {CadenzaError} `E_CONFIG` if it has other training tasks or spaces.
 */
function madeIn<C extends GenerateConfig>(config: C, options: NonNullable<C['source']['env']>): C {
  const made = { ...config, env: { ...config.env, options: { ...config.env.options, ...options } } };
  const of = (config: C) => {
    const { family, train } = openTasks(config);
    return canonicalJson({ tasks: train.map(family.taskKey), observation: family.observationSpace, action: family.actionSpace });
  };
  if (of(made) === of(config)) return made;
  throw new CadenzaError(
    'E_CONFIG',
    `source.env: expected options that keep the tasks and spaces of ${config.env.id}, but training tasks or spaces change with ${canonicalJson(options)}. Change these options, or train a separate experiment.`,
  );
}

const reported = z.object({ dataHash: z.string(), imported: z.unknown().optional() });

/** The hash of the stage's histories, and where imported ones were recorded. Throws the same errors as `reportOf`. */
export const generatedReport = (output: StageOutput) => reportOf(output, reported);

type Make = (
  config: GenerateConfig,
  family: EnvFamily,
  train: readonly Task[],
  tools: { readonly progress: Progress; readonly signal: AbortSignal; readonly executor: Executor },
) => GeneratedHistories;

/** Histories of the source learning on every task. */
const rollSource: Make = (config, family, train, { progress, signal, executor }) => {
  const { id, options, histories, noise, maxTasks } = config.source;
  const tasks = train.slice(0, maxTasks);
  progress.start('generate', tasks.length);
  const onProgress = (done: number) => progress.update(Math.floor(done / histories));
  return {
    histories: rollHistories(config, { family, tasks, executor, signal, onProgress }),
    about: { source: { id, options: options as Manifest['source']['options'], knows: source(id).knows }, noise },
  };
};

/** One history, of a source whose learners can observe another agent (`wanted.seen`). Throws `E_CONFIG` for other sources. */
export const learningHistory = (settings: BaseConfig['source'], family: EnvFamily, wanted: WantedHistory): History =>
  generateHistory({ ...wanted, ...sourceRequest(settings, family), noise: noiseOf(settings, wanted.random) });

/** Histories of the data set for the training tasks. */
const takeDataset: Make = (config, family, train, { progress }) => {
  const { dataset: folder, maxTasks, stride } = config.source;
  const dataset = datasetOf(config)!;
  const { histories, dropped } = selectHistories({ folder: folder!, dataset, family, train, taught: train.slice(0, maxTasks) });
  progress.start('generate', histories.length);
  const { labels, origin } = dataset;
  const options = { labels, layout: origin.layout, files: origin.files.map(({ sha256 }) => sha256) };
  return {
    histories: eachStrided(histories, stride),
    about: { source: { id: 'import', options, knows: 'Unknown: the histories were recorded elsewhere.' }, noise: null },
    report: { imported: { labels, ...origin, dropped } },
  };
};

/** The histories with every n-th episode, one in memory at a time. */
function* eachStrided(histories: readonly History[], stride: number): Generator<History> {
  for (const history of histories) yield everyNthEpisode(history, stride);
}

export const loadHistories = (output: StageOutput, family: EnvFamily): HistoryFolder => openHistories(output.folder, family);

/**
 * Throws `E_CONFIG` if no history continues after its first segment, because every context would be empty and training would silently learn
 * nothing from it. This happens with imported histories of one episode.
 */
export function expectPast(histories: readonly History[], segment: number): readonly History[] {
  if (histories.some(history => segmentStarts(history, segment).length > 2)) return histories;
  throw new CadenzaError(
    'E_CONFIG',
    `every history has only one episode of at most ${segment} steps, so every context would be empty. Set context.segment (such as ${Math.max(1, Math.floor(segment / 4))}) and context.segments to divide episodes into segments, or use histories of several episodes.`,
  );
}
