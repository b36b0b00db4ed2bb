/** @file Rows that see all of the raw context: the teacher's model, AD's own transformer, and DPT. */

import type { TrainedBaseline } from './baseline.ts';

/** The model of the teacher, trained as the baselines are. */
export const full: TrainedBaseline = {
  id: 'full',
  description:
    'AD on the whole raw context: encoded once an episode, every token of it in the policy’s cross-attention; the teacher’s model',
  compressor: 'full',
};

/**
 * AD as it was published (Laskin et al. 2022, arXiv 2210.14215): one causal transformer over the tokens of the context and the running episode. Its
 * layers are as many as CAD has in both of its networks. Other than there, only the actions of the running episode are targets, as everywhere here.
 */
export const ad: TrainedBaseline = {
  id: 'ad',
  description:
    'AD’s own transformer: the whole raw context and the running episode in one causal stack of layers, all of it anew for every action',
  compressor: 'full',
  changes: ({ config: { model, policy } }) => ({
    model: { ...model, encoderLayers: 0, decoderLayers: model.encoderLayers + model.decoderLayers },
    policy: { ...policy, form: 'prefix', crossLayers: 'every', query: 'episode' },
  }),
};

/** Decision-pretrained transformer (Lee et al. 2023, arXiv 2306.14892), here with the running episode as its query. */
export const dpt: TrainedBaseline = {
  id: 'dpt',
  description: 'DPT: the whole raw context, trained to say what an optimal player would do who knows the task',
  compressor: 'full',
  labels: 'optimal',
  given: 'labels of optimal actions in training, made by who knows the training tasks',
};
