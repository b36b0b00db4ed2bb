/** @file Stage `generate`: learning histories of the source on the training tasks, or those of a data set, with the split audited by content (method 5.1, 5.2). */

import { z } from 'zod';
import { provenance } from '../cache/provenance.ts';
import { reportOf, type StageCache, type StageOutput } from '../cache/store.ts';
import { type HistoryStore, type Manifest, openHistories, type Provenance, saveHistories } from '../data/index.ts';
import { type EnvFamily, episodeStarts, type History, pickEpisodes, segmentStarts, type Task } from '../rl/index.ts';
import type { BaseConfig } from '../settings/base.ts';
import { generateHistory, type HistoryRequest, source } from '../sources/index.ts';
import { breathe } from '../util/breathe.ts';
import { CadenzaError } from '../util/errors.ts';
import type { Progress } from '../util/progress.ts';
import { Random } from '../util/random.ts';
import { datasetKey, datasetOf, selectHistories } from './imported.ts';
import { openTasks } from './tasks.ts';

type GenerateConfig = Pick<BaseConfig, 'env' | 'split' | 'source' | 'seed' | 'evaluate'>;

/** What a stage's histories come from, and how they came about. */
interface GeneratedHistories {
  readonly histories: History[];
  readonly about: Pick<Provenance, 'source' | 'noise'>;
  /** What the stage reports besides. */
  readonly report?: Record<string, unknown>;
}

export function generate(store: StageCache, config: GenerateConfig): Promise<StageOutput> {
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
      const { histories, about, report } = await make(config, family, train, progress, signal);
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

/** The hash of the histories that the stage made or took over, and where these were recorded. Throws as `reportOf` does. */
export const generatedReport = (output: StageOutput) => reportOf(output, reported);

type Make = (
  config: GenerateConfig,
  family: EnvFamily,
  train: readonly Task[],
  progress: Progress,
  signal: AbortSignal,
) => Promise<GeneratedHistories>;

/** Histories of the source, which learns on every task. */
const rollSource: Make = async ({ source: settings, seed }, family, train, progress, signal) => {
  const taught = train.slice(0, settings.maxTasks);
  const { id, knows } = source(settings.id);
  const random = Random.seeded(seed).split('generate');
  const histories: History[] = [];
  progress.start('generate', taught.length);
  for (const [done, task] of taught.entries()) {
    for (let i = 0; i < settings.histories; i++) {
      await breathe(signal);
      const key = family.taskKey(task);
      histories.push(learningHistory(settings, { family, task, random: random.split(key, i), stream: `${key}#${i}` }));
    }
    progress.update(done + 1);
  }
  const options = settings.options as Manifest['source']['options'];
  return { histories, about: { source: { id, options, knows }, noise: settings.noise } };
};

/** One history of the source as the experiment wants it: with its share of random actions, and its stride. */
export function learningHistory(
  { id, episodes, options, stride, noise: { fraction, max } }: BaseConfig['source'],
  request: Pick<HistoryRequest, 'family' | 'task' | 'random' | 'stream' | 'seen'>,
): History {
  const draw = request.random.split('noise');
  const noise = draw.uniform() < fraction ? draw.uniform() * max : 0;
  return everyNthEpisode(generateHistory({ ...request, source: source(id), episodes, noise, options }), stride);
}

/** Histories of the data set: those of the tasks that are trained on. */
const takeDataset: Make = async (config, family, train, progress) => {
  const { dataset: folder, maxTasks, stride } = config.source;
  const dataset = datasetOf(config)!;
  const { histories, dropped } = selectHistories({ folder: folder!, dataset, family, train, taught: train.slice(0, maxTasks) });
  progress.start('generate', histories.length);
  const { labels, origin } = dataset;
  const options = { labels, layout: origin.layout, files: origin.files.map(({ sha256 }) => sha256) };
  return {
    histories: histories.map(history => everyNthEpisode(history, stride)),
    about: { source: { id: 'import', options, knows: 'Not known here: the histories were recorded elsewhere.' }, noise: null },
    report: { imported: { labels, ...origin, dropped } },
  };
};

export const loadHistories = (output: StageOutput, family: EnvFamily): HistoryStore => openHistories(output.folder, family);

/**
 * Throws `E_CONFIG` where no history goes on after its first segment: every context would be empty, and nothing would be learned from it without
 * a word. So it is where no episode of imported histories ends.
 */
export function expectPast(histories: readonly History[], segment: number): readonly History[] {
  if (histories.some(history => segmentStarts(history, segment).length > 2)) return histories;
  throw new CadenzaError(
    'E_CONFIG',
    `every history is one episode of at most ${segment} steps, so there is nothing before it to learn from and every context would be empty. Set context.segment (such as ${Math.max(1, Math.floor(segment / 4))}) and context.segments, which cut episodes into pieces, or use histories of several episodes.`,
  );
}

/** The history with only every n-th episode, counted so that the last one stays. */
function everyNthEpisode(history: History, n: number): History {
  if (n === 1) return history;
  const episodes = episodeStarts(history).length - 1;
  return pickEpisodes(
    history,
    Array.from({ length: episodes }, (_, e) => e).filter(e => (episodes - 1 - e) % n === 0),
  );
}
