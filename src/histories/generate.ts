/** @file Stage `generate`: learning histories of the source on training tasks, or of a data set, with an audit of the split (method 5.1, 5.2). */

import { z } from 'zod';
import { provenance } from '../cache/provenance.ts';
import { reportOf, type StageCache, type StageOutput } from '../cache/store.ts';
import { type HistoryFolder, type Manifest, openHistories, type Provenance, saveHistories } from '../data/index.ts';
import type { Executor } from '../engine/index.ts';
import { type EnvFamily, everyNthEpisode, type History, segmentStarts, type Task } from '../rl/index.ts';
import type { BaseConfig } from '../settings/base.ts';
import { generateHistories, generateHistory, type HistoriesRequest, source, type WantedHistory } from '../sources/index.ts';
import { CadenzaError } from '../util/errors.ts';
import type { Progress } from '../util/progress.ts';
import { Random } from '../util/random.ts';
import { datasetKey, datasetOf, selectHistories } from './imported.ts';
import { openTasks } from './tasks.ts';

type GenerateConfig = Pick<BaseConfig, 'env' | 'split' | 'source' | 'seed' | 'evaluate'>;

/** The histories of a stage and their origin. */
interface GeneratedHistories {
  readonly histories: History[];
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
      const { family, train, test } = openTasks(config);
      const make = settings.dataset === undefined ? rollSource : takeDataset;
      const { histories, about, report } = await make(config, family, train, { progress, signal, executor });
      const { dataHash } = saveHistories(folder, family, histories, {
        ...about,
        seed,
        split: { train: train.map(family.taskKey), test: test.map(family.taskKey) },
        creator: { ...provenance(), ...(family.software && { software: family.software }) },
      });
      const transitions = histories.reduce((sum, { reward }) => sum + reward.length, 0);
      progress.finish(`${histories.length} histories, ${transitions} transitions`);
      return { dataHash, histories: histories.length, transitions, ...report };
    },
  });
}

const reported = z.object({ dataHash: z.string(), imported: z.unknown().optional() });

/** The hash of the stage's histories, and where imported ones were recorded. Throws the same errors as `reportOf`. */
export const generatedReport = (output: StageOutput) => reportOf(output, reported);

type Make = (
  config: GenerateConfig,
  family: EnvFamily,
  train: readonly Task[],
  tools: { readonly progress: Progress; readonly signal: AbortSignal; readonly executor: Executor },
) => Promise<GeneratedHistories>;

/** Histories of the source learning on every task. */
const rollSource: Make = async ({ source: settings, seed }, family, train, { progress, signal, executor }) => {
  const taught = train.slice(0, settings.maxTasks);
  const { id, knows } = source(settings.id);
  const random = Random.seeded(seed).split('generate');
  const wanted = taught.flatMap(task => wantedOf(family, task, settings.histories, random));
  progress.start('generate', taught.length);
  const onProgress = (done: number) => progress.update(Math.floor(done / settings.histories));
  const histories = await learningHistories(settings, { family, wanted, executor, signal, onProgress });
  const options = settings.options as Manifest['source']['options'];
  return { histories, about: { source: { id, options, knows }, noise: settings.noise } };
};

/** Requests for `count` histories of a task, each with its own random stream. */
export function wantedOf(family: EnvFamily, task: Task, count: number, random: Random): WantedHistory[] {
  const key = family.taskKey(task);
  return Array.from({ length: count }, (_, i) => ({ task, random: random.split(key, i), stream: `${key}#${i}` }));
}

/** Histories of the source with the noise and stride of the experiment. */
export function learningHistories(
  settings: BaseConfig['source'],
  request: Pick<HistoriesRequest, 'family' | 'wanted' | 'executor' | 'signal' | 'onProgress'>,
): Promise<History[]> {
  const { id, episodes, options, stride, labels } = settings;
  const wanted = request.wanted.map(one => ({ ...one, noise: noiseOf(settings, one.random) }));
  return generateHistories({ ...request, wanted, source: source(id), episodes, options, stride, labels });
}

/** One history, of a source whose learners can observe another agent (`wanted.seen`). Throws `E_CONFIG` for other sources. */
export function learningHistory(settings: BaseConfig['source'], family: EnvFamily, wanted: WantedHistory): History {
  const { id, episodes, options, stride, labels } = settings;
  const noise = noiseOf(settings, wanted.random);
  return generateHistory({ ...wanted, family, source: source(id), episodes, stride, noise, options, labels });
}

/** Fraction of random actions in the history of a random stream. */
function noiseOf({ noise: { fraction, max } }: BaseConfig['source'], random: Random): number {
  const draw = random.split('noise');
  return draw.uniform() < fraction ? draw.uniform() * max : 0;
}

/** Histories of the data set for the training tasks. */
const takeDataset: Make = async (config, family, train, { progress }) => {
  const { dataset: folder, maxTasks, stride } = config.source;
  const dataset = datasetOf(config)!;
  const { histories, dropped } = selectHistories({ folder: folder!, dataset, family, train, taught: train.slice(0, maxTasks) });
  progress.start('generate', histories.length);
  const { labels, origin } = dataset;
  const options = { labels, layout: origin.layout, files: origin.files.map(({ sha256 }) => sha256) };
  return {
    histories: histories.map(history => everyNthEpisode(history, stride)),
    about: { source: { id: 'import', options, knows: 'Unknown: the histories were recorded elsewhere.' }, noise: null },
    report: { imported: { labels, ...origin, dropped } },
  };
};

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
