/** @file Methods: the problem, tokens, C_θ and A_φ (method 1–3). */

import type { ExperimentConfig } from '../../config/experiment.ts';
import type { MetricId } from '../../data/retrieval.ts';
import { type Facts, minimizes } from './facts.ts';
import { compressorProse, headProse, latentProse } from './prose.ts';
import { paragraph, rebase, type Written } from './write.ts';

type Paragraphs = (Written | undefined)[];

const raw = String.raw;

/** Whether X is also reconstructed. */
export const reconstructs = (facts: Facts): boolean => minimizes(facts, 'reconstruction');

export function overview(facts: Facts): Paragraphs {
  const { context, policy } = facts.config;
  const { workingMemory } = facts.setting.latents;
  const past = context.segment
    ? 'the transitions of the latest <config/context/segments|segment>, each of at most <config/context/segment|transition> of one episode'
    : 'the latest <setting/context/transitions|transition> before the running episode, as many as <config/context/episodes|episode> can have';
  const query =
    policy.query === 'state'
      ? 'is the current state alone'
      : `is the running ${context.segment ? 'segment' : 'episode'} up to the current state`;
  return [
    paragraph(facts, [
      'We study in-context reinforcement learning: an agent meets a task that its networks were not trained on and acts in it for <results/episodes|episode> with fixed weights, so that whatever it learns of the task it has to take from its own history.',
      raw`\emph{Compressed-context algorithm distillation} (CAD) divides this among two networks.`,
      raw`A compression transformer $C_\theta$ maps the raw context $X$, ${past}, to $m = <setting/latents/count>$ latent tokens $Z = C_\theta(X)$.`,
      raw`An AD transformer $A_\phi$, in the manner of algorithm distillation~\cite{laskin2023}, gives a distribution over actions $p_\phi(a \mid Z, Q)$, where the query $Q$ ${query}${policy.prompt ? ', with a few-shot prompt before it' : ''}.`,
      raw`Nothing else of the past reaches $A_\phi$${workingMemory > 0 ? ' but a short working memory' : ''}${policy.retrieval.contexts > 0 ? ', unless contexts are retrieved' : ''}.`,
      raw`Figure~\ref{fig:pipeline} shows the pipeline with its shapes.`,
    ]),
  ];
}

const TOKENS: Readonly<Record<string, string>> = {
  packed:
    'Every transition of the context is one token, a row of <setting/context/numbers|number> that holds flags for what is present, the state, the action, the reward, the state that followed, and whether the episode ended.',
  interleaved:
    'Every transition of the context is three tokens, its state, its action, and its reward with whether the episode ended, each a row of <setting/context/numbers|number> with a flag for its type.',
};

const QUERY_TOKENS: Readonly<Record<string, string>> = {
  packed:
    'A token of the query holds the current state and, except for the first, the action and the reward that led to it (<setting/query/numbers|number>); the action is predicted at every token.',
  interleaved: 'The query is written in the same way, and an action is predicted at the token of every state.',
};

const POSITIONS: Readonly<Record<ExperimentConfig['model']['positions'], string>> = {
  learned: 'Learned positions are added to the tokens.',
  sinusoidal: raw`Sinusoidal positions~\cite{vaswani2017}, times a learned gain, are added to the tokens.`,
  rotary: raw`Self-attention is told places by rotary positions~\cite{su2024}.`,
  'relative-bias': raw`Self-attention is told places by a learned bias for each head and distance~\cite{shaw2018,raffel2020}.`,
  none: 'Tokens are told no places.',
};

const IMAGES: Readonly<Record<ExperimentConfig['model']['image']['encoder'], string>> = {
  patches:
    'An image is cut into patches of <config/model/image/patch> by <config/model/image/patch|pixel>; one linear map and learned embeddings of row and column take each to <config/model/image/features|feature>, a ReLU follows, and the scaled sum over patches is embedded and added to its token.',
  conv: 'An image passes through two strided convolutions with <config/model/image/features|feature> and a ReLU each, whose output is embedded and added to its token.',
};

export function tokens(facts: Facts): Paragraphs {
  const { config, setting } = facts;
  const { tokenizer, model, policy } = config;
  const spaces = [setting.environment.observation, setting.environment.action];
  const isState = policy.query === 'state';
  return [
    paragraph(facts, [
      TOKENS[tokenizer],
      isState
        ? 'Every token of the query is a state alone (<setting/query/numbers|number>), at which an action is predicted.'
        : QUERY_TOKENS[tokenizer],
      raw`So the context has $N = <setting/context/tokens>$ tokens and the query at most $T = <setting/query/tokens>$${policy.prompt ? ', those of the prompt included' : ''}.`,
      `Discrete values are one-hot${spaces.includes('multi-discrete') ? ', each factor of a state or an action in a field of its own' : ''}.`,
      spaces.includes('box') && 'Real vectors are normalized by their mean and standard deviation over the training histories.',
      model.rewards !== 'scalar' &&
        'A reward is embedded by buckets, as one flag for each edge (<config/model/rewards>) that lies below it.',
      raw`A linear map takes a row to the width $D = <setting/latents/width>$.`,
      spaces.includes('image') && IMAGES[model.image.encoder],
      POSITIONS[model.positions],
      'Where a history is younger than the context, rows of zeros, whose flags are off, stand for what is missing.',
    ]),
  ];
}

export function compressor(facts: Facts): Paragraphs {
  const { config, setting, kinds } = facts;
  const { encoderLayers } = config.model;
  return [
    paragraph(facts, [
      encoderLayers > 0
        ? raw`$C_\theta$ begins with <config/model/encoderLayers|residual block> over the embedded context: self-attention with <config/model/heads|head>, then a feed-forward layer with a hidden width of $<config/model/feedForward> \cdot D$ and a ReLU, each after a layer normalization~\cite{vaswani2017}.`
        : raw`$C_\theta$ has no blocks of its own over the embedded context.`,
      encoderLayers > 0 &&
        setting.context.span < setting.context.tokens &&
        raw`Attention in these blocks stays within pieces of <setting/context/span|token>, so that their cost grows linearly with $N$.`,
      raw`What comes of this, normalized, is $H$.`,
      encoderLayers > 0 &&
        raw`Layer normalization has neither gain nor bias, the linear maps of blocks have no biases~\cite{raffel2020}, and the output maps of a stack of residual branches start smaller by the square root of their number.`,
    ]),
    paragraph(facts, [
      rebase(compressorProse(kinds.compressor, config.compression), 'config'),
      rebase(latentProse(kinds.latents).form, 'config'),
    ]),
    paragraph(facts, [
      reconstructs(facts) &&
        raw`A light decoder $R_\psi$ reconstructs the context from the latents for training alone: one cross-attention with <config/model/heads|head> from $N$ learned positions to $Z$, and a linear read-out.`,
    ]),
  ];
}

export function policy(facts: Facts): Paragraphs {
  const { config, kinds, setting } = facts;
  const { architecture, crossLayers, query, prompt } = config.policy;
  const alone = query === 'state';
  const equations = [
    ...(alone ? [] : [raw`h &\leftarrow h + \mathrm{SelfAttention}(\mathrm{LN}(h)),`]),
    ...(architecture === 'prefix' ? [] : [raw`h &\leftarrow h + \mathrm{CrossAttention}(\mathrm{LN}(h), Z + p),`]),
    raw`h &\leftarrow h + \mathrm{FFN}(\mathrm{LN}(h)).`,
  ].join(String.raw` \\ `);
  const places = config.model.positions === 'sinusoidal' ? 'sinusoidal positions' : 'learned positions';
  return [
    paragraph(facts, [
      raw`$A_\phi$ is a decoder of <config/model/decoderLayers|block> with <config/model/heads|head>, width $D$ and feed-forward layers of $<config/model/feedForward> \cdot D$:`,
      raw`\begin{align*} ${equations} \end{align*}`,
      alone ? 'Tokens of the query do not see each other, and have no places.' : 'Self-attention over the query is causal.',
      architecture === 'prefix'
        ? 'The latents stand before the query in self-attention; there is no cross-attention.'
        : raw`Here $p$ are ${places}, by which the latents keep their order.`,
      architecture === 'encoder-decoder' &&
        raw`Before that, $Z + p$${prompt ? ' and the prompt pass' : ' passes'} through <config/policy/encoderLayers|block> of self-attention.`,
      crossLayers !== 'every' &&
        raw`Only the layers <config/policy/crossLayers>, counted from zero, attend to $Z$; the others have no cross-attention.`,
      rebase(headProse(kinds.head, config.policy.head), 'config'),
    ]),
    prompts(facts),
    returns(facts),
    retrieval(facts),
    paragraph(facts, [
      raw`$C_\theta$ has <setting/parameters/compressor> parameters, $A_\phi$ has <setting/parameters/policy>${
        setting.parameters.decoder ? raw`, and $R_\psi$ has <setting/parameters/decoder>` : ''
      }.`,
    ]),
  ];
}

function prompts(facts: Facts): Written | undefined {
  const { prompt, architecture } = facts.config.policy;
  if (!prompt) return undefined;
  return paragraph(facts, [
    `The query begins with a prompt of <config/policy/prompt/episodes|demonstrated episode> of the task${
      prompt.length ? ', of each the first <config/policy/prompt/length|transition>' : ''
    }, written as a running episode is and marked by a learned type embedding.`,
    architecture === 'encoder-decoder'
      ? raw`It passes through the encoder beside $Z$, and cross-attention reads both.`
      : 'It stands before the running episode in causal self-attention.',
    'The styles of demonstrations are <config/policy/prompt/styles>.',
    'For every demonstration of a training task (<config/policy/prompt/demonstrations> of each style) a fresh learner observes it and then learns as ever, and what is imitated after a prompt is the history of that learner.',
    prompt.unprompted > 0 &&
      'A share of <config/policy/prompt/unprompted> of every batch has no prompt and comes from the other histories.',
  ]);
}

function returns(facts: Facts): Written | undefined {
  if (!facts.config.policy.returns) return undefined;
  return paragraph(facts, [
    raw`The policy has a second target, the returns $G_k$ of the running episode (from the current step on) and of those after it, <config/policy/returns/episodes> in all, each a categorical distribution over <config/policy/returns/bins> evenly spaced values~\cite{bellemare2017}.`,
    raw`They are decoded one after the other, \[ u_k = W h + p_k + \sum_{j<k} E_j[G_j], \qquad p_\phi(G_k \mid G_0, \dots, G_{k-1}, Z, Q) = \mathrm{softmax}(V\,\mathrm{LN}(u_k + \mathrm{FFN}(\mathrm{LN}(u_k))) + b), \] where training gives the true earlier returns; a predicted return is the mean of its expectations along sequences decoded at the quantiles of a fixed lattice.`,
  ]);
}

const METRICS: Readonly<Record<MetricId, string>> = {
  l2: 'Euclidean distance',
  cosine: 'the angle between them',
  hamming: 'the number of codes that differ',
};

function retrieval(facts: Facts): Written | undefined {
  const { contexts, metric, shows } = facts.config.policy.retrieval;
  if (contexts === 0) return undefined;
  return paragraph(facts, [
    raw`With retrieval, cross-attention also reads the latents of <config/policy/retrieval/contexts|retrieved context>, the nearest to the own $Z$ by ${METRICS[metric]}, behind it and through the same maps, each with a learned embedding of its rank; slots without a context are masked.`,
    shows === 'end'
      ? 'Of a stream that is near, the policy sees its last context, which knows how that stream went on.'
      : 'The policy sees the context that is near.',
    'Contexts of the own stream are never found.',
  ]);
}
