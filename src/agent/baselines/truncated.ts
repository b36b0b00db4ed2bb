/** @file AD on the end of the raw context, which is as long as the same budget lets it be: the FLOPs of an action, or the bytes of Z. */

import { plannedCost } from '../cost.ts';
import type { ModelConfig } from '../model.ts';
import { type Beside, modelBeside, type TrainedBaseline } from './baseline.ts';

const TRUNCATED = 'truncated';
const BYTES_OF_FLOAT32 = 4;

/** The settings with another number of tokens that the row is cut to, which for this kind is what m says. */
const cutTo = ({ model }: ModelConfig, tokens: number): Pick<ModelConfig, 'model'> => ({ model: { ...model, latents: tokens } });

/**
 * As many tokens of the raw context as an action may cost no more FLOPs with than CAD's, both counted from their graphs; found by bisection, since
 * a longer context costs more.
 */
function tokensOfEqualFlops(beside: Beside): number {
  const { config, model } = beside;
  const budget = plannedCost(model, config.compressor).flopsPerAction;
  const affords = (tokens: number) => {
    const settings = { ...config, ...cutTo(config, tokens), compressor: TRUNCATED };
    return plannedCost(modelBeside(beside, settings), TRUNCATED).flopsPerAction <= budget;
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
function tokensOfEqualBytes({ config, model }: Beside): number {
  const { bitsPerContext = 0 } = plannedCost(model, config.compressor);
  const tokenBytes = BYTES_OF_FLOAT32 * model.tokenizer.context.width;
  return Math.min(model.contextTokens, Math.floor(bitsPerContext / 8 / tokenBytes));
}

export const truncatedFlops: TrainedBaseline = {
  id: 'truncated-flops',
  description: 'AD on the last tokens of the raw context, as many as an action costs no more FLOPs with than CAD’s',
  compressor: TRUNCATED,
  changes: beside => cutTo(beside.config, tokensOfEqualFlops(beside)),
};

export const truncatedBytes: TrainedBaseline = {
  id: 'truncated-bytes',
  description: 'AD on the last tokens of the raw context, as many as fit into the bytes of Z as rows of float32',
  compressor: TRUNCATED,
  changes: beside => cutTo(beside.config, tokensOfEqualBytes(beside)),
};
