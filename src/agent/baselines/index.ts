/**
 * @file The registry of baselines, one record each: the experiment's model with another compressor; models that see the raw context, all of
 * it, its end at an equal budget, or its best episodes; and the memories of other agents.
 */

import { compressor } from '../../compressor/index.ts';
import { Registry } from '../../util/registry.ts';
import { plannedCost } from '../cost.ts';
import { Model, type ModelConfig } from '../model.ts';

/** The experiment that a baseline is compared with. */
export interface BaselineContext {
  /** The experiment's settings of the model. */
  readonly config: ModelConfig;
  /** CAD's model, whose compressor is `config.compressor`. */
  readonly model: Model;
}

interface BaselineLabels {
  /** Name of the method and of its stages. */
  readonly id: string;
  readonly description: string;
  /** What it gets that the other methods do not, completing "Given …"; nothing by default. */
  readonly given?: string;
}

/** A model that is trained on ℓ_task alone and acts like the others. */
export interface TrainedBaseline extends BaselineLabels {
  /** Id of the compressor that it uses. */
  readonly compressor: string;
  /** Settings of its model that differ from the experiment's; none by default. */
  readonly changes?: (given: BaselineContext) => Partial<ModelConfig>;
  /** What it imitates: by default the source; `optimal`: optimal actions in the states that the source visited. */
  readonly labels?: 'optimal';
}

/** A source that acts itself, such as `source` and `random`. */
export interface PlayedBaseline extends BaselineLabels {
  /** Id of the source. */
  readonly plays: string;
}

/** A registered baseline: a trained model, or a source that acts itself. */
export type Baseline = TrainedBaseline | PlayedBaseline;

/** Whether a baseline is a trained model. */
export const isTrained = (baseline: Baseline): baseline is TrainedBaseline => 'compressor' in baseline;

/** The experiment's settings, changed for a baseline's model. */
export function settingsOf({ compressor, changes }: TrainedBaseline, given: BaselineContext): ModelConfig {
  return { ...given.config, ...changes?.(given), compressor };
}

/** The model with such settings. Its context is arranged as in CAD, unless its compressor needs another layout. */
export function modelFor({ model }: BaselineContext, settings: ModelConfig): Model {
  const { contextLayout } = compressor(settings.compressor);
  return new Model(settings, model.family, contextLayout === 'window' ? model.contextLayout : contextLayout);
}

/** The teacher's model, trained like the baselines. */
const full: TrainedBaseline = {
  id: 'full',
  description:
    'AD on the whole raw context: encoded once per episode, with all its tokens in the policy’s cross-attention; the teacher’s model',
  compressor: 'full',
};

/**
 * AD as published (Laskin et al. 2022, arXiv 2210.14215): one causal transformer over the tokens of the context and the running episode,
 * with as many layers as both of CAD's networks together. Unlike there, only the actions of the running episode are targets, as everywhere
 * here.
 */
const ad: TrainedBaseline = {
  id: 'ad',
  description: 'AD’s own transformer: the whole raw context and the running episode in one causal transformer',
  compressor: 'full',
  changes: ({ config: { model, policy } }) => ({
    model: { ...model, encoderLayers: 0, decoderLayers: model.encoderLayers + model.decoderLayers },
    policy: { ...policy, architecture: 'prefix', crossLayers: 'every', query: 'episode' },
  }),
};

/** Decision-pretrained transformer (Lee et al. 2023, arXiv 2306.14892), here with the running episode as its query. */
const dpt: TrainedBaseline = {
  id: 'dpt',
  description: 'DPT: the whole raw context, trained to predict the optimal actions',
  compressor: 'full',
  labels: 'optimal',
  given: 'optimal actions as training labels, computed from the training tasks',
};

/**
 * Whole episodes (or segments, if the experiment splits episodes), because half of one does not show how it was done: as many as fit into m
 * tokens, and at least one. On Dark Room an episode has 20 tokens while CAD has m = 8. It chooses from its whole past, not from a window.
 */
const bestEpisodes: TrainedBaseline = {
  id: 'best-episodes',
  description:
    'retrieval: the agent’s own past episodes with the highest returns, encoded without compression, as many as fit into m tokens and at least one',
  compressor: 'best-episodes',
  given: 'its whole past to choose from, not only the end',
  changes({ config: { context }, model }) {
    const tokens = model.segment * model.tokenizer.tokensPerTransition;
    const count = Math.max(1, Math.floor(model.options.latents / tokens));
    return { context: context.segment === undefined ? { episodes: count } : { ...context, segments: count } };
  },
};

/**
 * Share of a segment that stays visible: on Dark Room, whose episodes are segments of 20, RAD keeps K = 25 transitions, 5 in addition to
 * the segment.
 */
const IN_SIGHT = 0.25;

/**
 * The recurrent compressor with a GRU gate, gradients through all rounds, m latents like CAD and an additional working memory: it sees more
 * tokens than CAD. RAD's own settings on Dark Room are m = 15, K = 25.
 */
const rad: TrainedBaseline = {
  id: 'rad',
  description: 'RAD: m recurrent latents with a GRU gate, updated at each segment, and a working memory of a quarter of a segment',
  compressor: 'recurrent',
  changes: ({ config: { compression }, model: { segment } }) => ({
    compression: { ...compression, update: 'gru', gradientRounds: undefined, workingMemory: Math.max(1, Math.round(IN_SIGHT * segment)) },
  }),
};

/** The update of RSM ("Remember Less, Adapt Longer", 2026): every segment rewrites all latents, and gradients flow through every write. */
const rsm: TrainedBaseline = {
  id: 'rsm',
  description: 'RSM’s memory: m recurrent latents that each segment rewrites, without a gate',
  compressor: 'recurrent',
  changes: ({ config: { compression } }) => ({
    compression: { ...compression, update: 'replace', gradientRounds: undefined, workingMemory: 0 },
  }),
};

/** The memory of Memo (Gupta et al. 2025). It keeps as many summaries as `compression` says, usually more than CAD has latents. */
const memo: TrainedBaseline = {
  id: 'memo',
  description: 'Memo’s memory: each segment adds summaries, and those of the latest compression.capacity segments are kept',
  compressor: 'accumulating',
};

/** The same in the bytes of CAD, or the fewest that hold the summaries of a segment. */
const memoBytes: TrainedBaseline = {
  id: 'memo-bytes',
  description: 'Memo’s memory, with as many summaries as CAD has latents',
  compressor: memo.compressor,
  changes({ config: { compression }, model: { options } }) {
    const summaries = Math.min(Number(compression.summaries), options.latents);
    return { compression: { ...compression, summaries, capacity: Math.floor(options.latents / summaries) } };
  },
};

const TRUNCATED = 'truncated';
const BYTES_OF_FLOAT32 = 4;

/** The settings with another number of context tokens, which for this kind of compressor is m. */
const cutTo = ({ model }: ModelConfig, tokens: number): Pick<ModelConfig, 'model'> => ({ model: { ...model, latents: tokens } });

/**
 * The number of raw context tokens at which an action costs no more FLOPs than CAD's, both counted from their graphs; found by bisection,
 * because a longer context costs more.
 */
function tokensOfEqualFlops(given: BaselineContext): number {
  const { config, model } = given;
  const budget = plannedCost(model, config.compressor).flopsPerAction;
  const affords = (tokens: number) => {
    const settings = { ...config, ...cutTo(config, tokens), compressor: TRUNCATED };
    return plannedCost(modelFor(given, settings), TRUNCATED).flopsPerAction <= budget;
  };
  let [least, beyond] = [0, model.contextTokens + 1];
  while (beyond - least > 1) {
    const middle = Math.floor((least + beyond) / 2);
    if (affords(middle)) least = middle;
    else beyond = middle;
  }
  return least;
}

/**
 * The number of raw context tokens that fit into the bytes of Z (as the policy sees it: float32 numbers, or codes in the fewest bits for
 * their alphabet). A token counts with all numbers of its row as float32, as the encoder gets it: a denser encoding of flags and one-hot
 * fields would take less.
 */
function tokensOfEqualBytes({ config, model }: BaselineContext): number {
  const { bitsPerContext = 0 } = plannedCost(model, config.compressor);
  const tokenBytes = BYTES_OF_FLOAT32 * model.tokenizer.context.width;
  return Math.min(model.contextTokens, Math.floor(bitsPerContext / 8 / tokenBytes));
}

const truncatedFlops: TrainedBaseline = {
  id: 'truncated-flops',
  description: 'AD on the last tokens of the raw context, as many as give an action at most CAD’s FLOPs',
  compressor: TRUNCATED,
  changes: given => cutTo(given.config, tokensOfEqualFlops(given)),
};

const truncatedBytes: TrainedBaseline = {
  id: 'truncated-bytes',
  description: 'AD on the last tokens of the raw context, as many float32 rows as fit into the bytes of Z',
  compressor: TRUNCATED,
  changes: given => cutTo(given.config, tokensOfEqualBytes(given)),
};

/** The experiment's model with another compressor and no other change. */
const inPlace = (id: string): Baseline => ({ id, description: compressor(id).description, compressor: id });

/** The registry of baselines. */
export const baselines = new Registry<Baseline>(
  'baseline',
  [
    full,
    ad,
    inPlace('truncated'),
    truncatedFlops,
    truncatedBytes,
    inPlace('mean-pool'),
    inPlace('max-pool'),
    inPlace('strided-pool'),
    inPlace('memory-traces'),
    inPlace('pca'),
    inPlace('random-projection'),
    bestEpisodes,
    dpt,
    rad,
    rsm,
    memo,
    memoBytes,
    inPlace('gru'),
    inPlace('linear-attention'),
    inPlace('none'),
    {
      id: 'oracle',
      description: 'an optimal policy that knows the task: 1 by definition, which checks the environment and the scores',
      given: 'the task',
      plays: 'oracle',
    },
  ],
  { description: 'string' },
);

/**
 * The baseline with this id.
 *
 * @throws {CadenzaError} `E_CONFIG` for an unknown id.
 * @example baseline('truncated').description
 */
export const baseline = (id: string): Baseline => baselines.get(id);
