/**
 * @file The registry of baselines, one record each: the model of the experiment with something else in the compressor's place, rows that see all
 * of the raw context, its end as far as the same budget goes, or its best episodes, and RAD (arXiv 2609.35333).
 */

import { compressor } from '../../compressor/index.ts';
import { Registry } from '../../util/registry.ts';
import { plannedCost } from '../cost.ts';
import { Model, type ModelConfig } from '../model.ts';

/** The experiment that a baseline stands beside. */
export interface BaselineContext {
  readonly config: ModelConfig;
  /** CAD's model, whose compressor is `config.compressor`. */
  readonly model: Model;
}

interface BaselineLabels {
  /** Name of the row, and of the stages that make it. */
  readonly id: string;
  readonly description: string;
  /** What it was given that the other rows did not have, as it ends "Given …"; nothing when left out. */
  readonly given?: string;
}

/** A model that is trained on ℓ_task alone, and plays as the others do. */
export interface TrainedBaseline extends BaselineLabels {
  /** What stands in the compressor's place. */
  readonly compressor: string;
  /** Settings of its model that are not the experiment's; none when left out. */
  readonly changes?: (given: BaselineContext) => Partial<ModelConfig>;
  /** What it imitates: the source, or whoever knows the task and plays optimally from where the source was. */
  readonly labels?: 'optimal';
}

/** A source that plays for itself, as `source` and `random` do in every table. */
export interface PlayedBaseline extends BaselineLabels {
  readonly plays: string;
}

export type Baseline = TrainedBaseline | PlayedBaseline;

export const isTrained = (baseline: Baseline): baseline is TrainedBaseline => 'compressor' in baseline;

/** The settings of the experiment as the model of a baseline has them. */
export function settingsOf({ compressor, changes }: TrainedBaseline, given: BaselineContext): ModelConfig {
  return { ...given.config, ...changes?.(given), compressor };
}

/** The model of such settings: the past stands in its context as it does in CAD's, unless what takes the compressor's place needs it otherwise. */
export function modelFor({ model }: BaselineContext, settings: ModelConfig): Model {
  const { contextLayout } = compressor(settings.compressor);
  return new Model(settings, model.family, contextLayout === 'window' ? model.contextLayout : contextLayout);
}

/** The model of the teacher, trained as the baselines are. */
const full: TrainedBaseline = {
  id: 'full',
  description:
    'AD on the whole raw context: encoded once an episode, every token of it in the policy’s cross-attention; the teacher’s model',
  compressor: 'full',
};

/**
 * AD as it was published (Laskin et al. 2022, arXiv 2210.14215): one causal transformer over the tokens of the context and the running episode. Its
 * layers are as many as CAD has in both of its networks. Other than there, only the actions of the running episode are targets, as everywhere here.
 */
const ad: TrainedBaseline = {
  id: 'ad',
  description:
    'AD’s own transformer: the whole raw context and the running episode in one causal stack of layers, all of it anew for every action',
  compressor: 'full',
  changes: ({ config: { model, policy } }) => ({
    model: { ...model, encoderLayers: 0, decoderLayers: model.encoderLayers + model.decoderLayers },
    policy: { ...policy, architecture: 'prefix', crossLayers: 'every', query: 'episode' },
  }),
};

/** Decision-pretrained transformer (Lee et al. 2023, arXiv 2306.14892), here with the running episode as its query. */
const dpt: TrainedBaseline = {
  id: 'dpt',
  description: 'DPT: the whole raw context, trained to say what an optimal player would do who knows the task',
  compressor: 'full',
  labels: 'optimal',
  given: 'labels of optimal actions in training, made by who knows the training tasks',
};

/**
 * Whole episodes (or segments, where the experiment cuts episodes), since half of one does not show how it was done: as many as fit into m tokens,
 * and at least one. On Dark Room one has 20 tokens where CAD has m = 8. The past is all of the own past, not a window of it.
 */
const bestEpisodes: TrainedBaseline = {
  id: 'best-episodes',
  description:
    'retrieval: those of the own past episodes that returned most, raw and encoded, as many as fit into m tokens and at least one',
  compressor: 'best-episodes',
  given: 'all of its own past to choose from, not the end of it alone',
  changes({ config: { context }, model }) {
    const tokens = model.segment * model.tokenizer.tokensPerTransition;
    const count = Math.max(1, Math.floor(model.options.latents / tokens));
    return { context: context.segment === undefined ? { episodes: count } : { ...context, segments: count } };
  },
};

/** Share of a segment that stays in sight: on Dark Room, whose episodes are segments of 20, RAD keeps K = 25 transitions, 5 beside the segment. */
const IN_SIGHT = 0.25;

/**
 * The recurrent compressor with a GRU gate, gradients through all rounds, m latents as CAD has and the working memory beside them: it sees more tokens
 * than CAD. RAD's own numbers on Dark Room are m = 15, K = 25.
 */
const rad: TrainedBaseline = {
  id: 'rad',
  description: 'RAD: m latents that go on from segment to segment through a GRU gate, beside a working memory of a quarter of a segment',
  compressor: 'recurrent',
  changes: ({ config: { compression }, model: { segment } }) => ({
    compression: { ...compression, update: 'gru', gradientRounds: undefined, workingMemory: Math.max(1, Math.round(IN_SIGHT * segment)) },
  }),
};

const TRUNCATED = 'truncated';
const BYTES_OF_FLOAT32 = 4;

/** The settings with another number of tokens that the row is cut to, which for this kind is what m says. */
const cutTo = ({ model }: ModelConfig, tokens: number): Pick<ModelConfig, 'model'> => ({ model: { ...model, latents: tokens } });

/**
 * As many tokens of the raw context as an action may cost no more FLOPs with than CAD's, both counted from their graphs; found by bisection, since
 * a longer context costs more.
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
 * As many tokens of the raw context as fit into the bytes of Z (what the policy sees of it: float32 numbers, or codes as short as their alphabet
 * lets them be). A token counts with all numbers of its row as float32, as it reaches the encoder: flags and one-hot fields, of which a denser
 * code would take less.
 */
function tokensOfEqualBytes({ config, model }: BaselineContext): number {
  const { bitsPerContext = 0 } = plannedCost(model, config.compressor);
  const tokenBytes = BYTES_OF_FLOAT32 * model.tokenizer.context.width;
  return Math.min(model.contextTokens, Math.floor(bitsPerContext / 8 / tokenBytes));
}

const truncatedFlops: TrainedBaseline = {
  id: 'truncated-flops',
  description: 'AD on the last tokens of the raw context, as many as an action costs no more FLOPs with than CAD’s',
  compressor: TRUNCATED,
  changes: given => cutTo(given.config, tokensOfEqualFlops(given)),
};

const truncatedBytes: TrainedBaseline = {
  id: 'truncated-bytes',
  description: 'AD on the last tokens of the raw context, as many as fit into the bytes of Z as rows of float32',
  compressor: TRUNCATED,
  changes: given => cutTo(given.config, tokensOfEqualBytes(given)),
};

/** The model of the experiment with something else in the compressor's place, and nothing else changed. */
const inPlace = (id: string): Baseline => ({ id, description: compressor(id).description, compressor: id });

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
    inPlace('none'),
    {
      id: 'oracle',
      description: 'an optimal player who is told the task: 1 by definition, which checks the environment and the scores',
      given: 'the task',
      plays: 'oracle',
    },
  ],
  { description: 'string' },
);

/** The baseline with this id. Throws `E_CONFIG` for an unknown one. */
export const baseline = (id: string): Baseline => baselines.get(id);
