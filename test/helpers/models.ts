/** @file Tiny models of every kind that the policy supports, with a batch of real episodes for each. */

import { Model } from '../../src/agent/model.ts';
import { experimentSchema } from '../../src/config/experiment.ts';
import { environment } from '../../src/envs/index.ts';
import { POSITION_KINDS } from '../../src/nn/index.ts';
import { type EnvFamily, listedTasks, pickEpisodes } from '../../src/rl/index.ts';
import { generateHistory, source } from '../../src/sources/index.ts';
import { BatchSampler, IMAGE_ENCODER_KINDS, newBatch, tokenizers, writePrompts } from '../../src/tokenizers/index.ts';
import { loadConfig } from '../../src/util/config.ts';
import { Random } from '../../src/util/random.ts';

/** Number of sequences in a batch. */
export const BATCH = 3;
const SIZES =
  'name: a\ncontext: {episodes: 2}\nmodel: {width: 8, heads: 2, poolHeads: 4, feedForward: 2, encoderLayers: 1, decoderLayers: 1, latents: 2}';
export const rooms = environment('dark-room', { size: 3, horizon: 4 });
const pictures = environment('dark-room-pixels', { size: 3, horizon: 4 });

/** A tiny model and a batch for it. */
export function build(tokenizer: string, overrides: readonly string[] = [], family: EnvFamily = rooms) {
  const config = loadConfig(experimentSchema(), { file: 'a.yaml', text: SIZES, overrides: [`tokenizer=${tokenizer}`, ...overrides] });
  const model = new Model(config, family);
  const histories = listedTasks(family, 'A test').map((task, i) => {
    return generateHistory({ family, task, source: source('r-max'), random: Random.seeded(i), episodes: 4 });
  });
  const shape = model.batchShape(BATCH);
  const { place: _, ...batch } = newBatch(model.tokenizer, shape);
  const sampler = new BatchSampler(histories, model.tokenizer, shape);
  sampler.fill({ ...batch, place: _ }, Random.seeded(1));
  const shown = histories.map(history => pickEpisodes(history, [3]));
  if (model.prompt) writePrompts(model.tokenizer, { ...batch, place: _ }, shown);
  return { model, batch };
}

const packed = (...overrides: string[]): Parameters<typeof build> => ['packed', overrides];

/** What tiny models are called, and how to build them. */
export const MODELS: Record<string, Parameters<typeof build>> = {
  ...Object.fromEntries(tokenizers.ids.map(id => [`of ${id} tokens`, [id]])),
  ...Object.fromEntries(POSITION_KINDS.map(kind => [`with ${kind} positions`, packed(`model.positions=${kind}`)])),
  ...Object.fromEntries(
    IMAGE_ENCODER_KINDS.map(kind => [
      `of images by ${kind}`,
      ['packed', [`model.image={encoder: ${kind}, patch: 2, features: 3}`], pictures],
    ]),
  ),
  'with bucketed rewards': packed('model.rewards=[0, 0.5]'),
  'in the encoder-decoder form': packed('policy.architecture=encoder-decoder', 'policy.encoderLayers=2'),
  'with one layer of two that attends to Z': packed('model.decoderLayers=2', 'policy.crossLayers=[1]'),
  'with Z before the query': packed('policy.architecture=prefix'),
  'with a prompt': packed('policy.prompt.episodes=2'),
  'with a prompt of interleaved tokens, with rotary positions': ['interleaved', ['policy.prompt.length=2', 'model.positions=rotary']],
  'with a prompt and Z in the encoder': packed('policy.prompt.episodes=2', 'policy.architecture=encoder-decoder'),
  'that predicts returns': packed('policy.returns={episodes: 2, bins: 5, weight: 1}'),
  'asked about the state': packed('policy.query=state'),
  'asked about the state, of interleaved tokens': ['interleaved', ['policy.query=state']],
};
