/**
 * @file The experiment that a page trains, with every setting that it reads. It is what `cadenza run` reads, so that the same training can
 * be repeated in Node.
 */

import type { BaseConfig } from '../../../src/settings/base.ts';
import type { TrainSettings } from './settings.ts';

/** The sections that a training in a page reads. */
export type PageExperiment = Pick<
  BaseConfig,
  | 'seed'
  | 'seeds'
  | 'env'
  | 'split'
  | 'source'
  | 'tokenizer'
  | 'context'
  | 'queries'
  | 'model'
  | 'policy'
  | 'compressor'
  | 'latents'
  | 'compression'
  | 'optimizer'
>;

/** Tasks that are held out, most tasks with histories, and least histories of all of them. */
const [HELD_OUT, MOST_TASKS, HISTORIES] = [8, 400, 1700];

/** The world that is trained in. */
export interface TrainedWorld {
  readonly env: BaseConfig['env'];
  /** Number of its tasks; undefined if they are drawn. */
  readonly tasks?: number;
}

/** The experiment of these settings. */
export function experimentOf({ env, tasks }: TrainedWorld, settings: TrainSettings): PageExperiment {
  const taught = Math.min(MOST_TASKS, tasks === undefined ? MOST_TASKS : tasks - HELD_OUT);
  return {
    seed: settings.seed,
    seeds: [settings.seed],
    env,
    split: { heldOut: HELD_OUT, validation: 0, seed: 0, ...(tasks === undefined ? { tasks: taught } : {}) },
    source: {
      id: settings.source,
      options: {},
      maxTasks: taught,
      histories: Math.ceil(HISTORIES / taught),
      episodes: 14,
      stride: 1,
      noise: { fraction: 0.5, max: 0.35 },
    },
    tokenizer: 'packed',
    context: { episodes: 10, layout: 'segments' },
    queries: { earlyEpisodeFraction: 0.95, perHistory: 8, consecutive: false, restart: 0 },
    model: {
      width: settings.width,
      heads: 4,
      feedForward: 4,
      encoderLayers: 1,
      encoderSpan: 'horizon',
      poolHeads: 4,
      decoderLayers: 2,
      latents: settings.latents,
      positions: 'learned',
      rewards: 'scalar',
      image: { encoder: 'patches', patch: 6, features: 32 },
    },
    policy: {
      architecture: 'decoder',
      encoderLayers: 1,
      crossLayers: 'every',
      query: 'episode',
      retrieval: { contexts: 0, metric: 'l2', shows: 'end' },
      head: { kind: 'auto', bins: 11, autoregressive: true },
    },
    compressor: settings.compressor,
    latents: {
      kind: 'continuous',
      groups: 4,
      levels: [8, 5, 5, 5],
      codes: 64,
      codeWidth: 8,
      decay: 0.95,
      commitment: 0.25,
      revive: 0.03,
    },
    compression: { latentLayers: 1, perSegment: 1, update: 'gru', workingMemory: 0, capacity: 16, summaries: 4, rounds: 2 },
    optimizer: {
      learningRate: settings.learningRate,
      warmup: 100,
      weightDecay: 0.01,
      clip: 1,
      batch: 64,
      beta1: 0.9,
      beta2: 0.99,
      decayTo: 0.05,
    },
  };
}

/** The same as the file of an experiment: JSON, which is YAML, too. Its fine-tuning takes the same steps. */
export const experimentFile = (world: TrainedWorld, settings: TrainSettings): string =>
  `${JSON.stringify(
    {
      name: `page-${world.env.id}`,
      ...experimentOf(world, settings),
      teacher: { steps: 0 },
      pretrain: { steps: 0 },
      distill: { steps: 0 },
      finetune: { steps: settings.steps, gamma: 0, compressorLearningRateScale: 1 },
      baselines: { methods: [] },
      evaluate: { episodes: 20, streams: 5, imitationHistories: 0, timedActions: 0 },
      executor: { threads: 1 },
    },
    null,
    2,
  )}\n`;
