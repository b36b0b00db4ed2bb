/** @file The baselines: names stand for values of the configuration. */

import { COMPRESSORS } from './compressors.ts';

const raw = String.raw;

const { truncated, none, pca, 'mean-pool': meanPool, 'max-pool': maxPool, 'strided-pool': stridedPool } = COMPRESSORS;

export const BASELINES: Readonly<Record<string, string>> = {
  full: 'The context is encoded as for CAD but not compressed, and the policy attends to every encoded token of it: the model of the full-context teacher.',
  ad: raw`Algorithm distillation in its own form~\cite{laskin2023}: one causal transformer over the tokens of the raw context and of the running episode, with as many layers as both networks of CAD have together. Only the actions of the running episode are targets, and nothing is kept from one action to the next.`,
  truncated,
  'truncated-flops':
    'The raw context is cut to its last tokens, as many as an action costs no more floating-point operations with than an action of CAD, and the policy attends to these, encoded.',
  'truncated-bytes':
    'The raw context is cut to its last tokens, as many as fit into the bytes of $Z$ where every number of a token takes a float of single precision, and the policy attends to these, encoded.',
  'mean-pool': meanPool,
  'max-pool': maxPool,
  'strided-pool': stridedPool,
  'memory-traces': COMPRESSORS['memory-traces'],
  pca,
  'random-projection': COMPRESSORS['random-projection'],
  'best-episodes':
    'Retrieval: the policy attends to the encoded tokens of those of its own past episodes that returned most, the later of equal ones, as many whole ones as fit into $m$ tokens and at least one.',
  dpt: raw`A decision-pretrained transformer~\cite{lee2023}: the policy attends to every encoded token of the context, and its labels are the actions that are optimal where the source was.`,
  rad: raw`Recurrent algorithm distillation~\cite{ma2026}: as many latents as CAD has go on from segment to segment through a GRU gate, with gradients through all rounds, and the policy also sees the encoded tokens of the last quarter of the latest segment.`,
  none,
  oracle: 'A player who is told the task and acts optimally from its first step on.',
};
