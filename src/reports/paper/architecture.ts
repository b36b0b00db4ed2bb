/** @file Methods: the problem, tokens, C_θ and A_φ (method 1–3). */

import type { ExperimentConfig } from '../../config/experiment.ts';
import type { MetricId } from '../../data/retrieval.ts';
import { type Facts, minimizes } from './facts.ts';
import { compressorProse, headProse, latentProse } from './prose.ts';
import { lengthOfStream } from './tables.ts';
import { paragraph, rebase, type Written } from './write.ts';

type Paragraphs = (Written | undefined)[];

const raw = String.raw;

/** Whether X is also reconstructed. */
export const reconstructs = (facts: Facts): boolean => minimizes(facts, 'reconstruction');

/** What the compressor has read. */
function pastOf({ config: { context, queries } }: Facts): string {
  const each = 'each of at most <config/context/segment|transition> of one episode';
  if (queries.consecutive) return context.segment ? `all segments before the current one, ${each}` : 'all episodes before the current one';
  if (context.segment) return `the transitions of the last <config/context/segments|segment>, ${each}`;
  return 'the last <setting/context/transitions|transition> before the current episode, as many as <config/context/episodes|episode> can have';
}

export function overview(facts: Facts): Paragraphs {
  const { context, policy } = facts.config;
  const { workingMemory } = facts.setting.latents;
  const past = pastOf(facts);
  const query =
    policy.query === 'state'
      ? 'is the current state alone'
      : `is the current ${context.segment ? 'segment' : 'episode'} up to the current state`;
  return [
    paragraph(facts, [
      `We study in-context reinforcement learning: an agent acts in a task that its networks were not trained on for ${lengthOfStream(facts)} with fixed weights, so it can learn about the task only from its own history.`,
      raw`\emph{Compressed-context algorithm distillation} (CAD) uses two networks.`,
      raw`A compression transformer $C_\theta$ maps the raw context $X$, ${past}, to $m = <setting/latents/count>$ latent tokens $Z = C_\theta(X)$.`,
      raw`An AD transformer $A_\phi$, as in algorithm distillation~\cite{laskin2023}, outputs a distribution over actions $p_\phi(a \mid Z, Q)$, where the query $Q$ ${query}${policy.prompt ? ', with a few-shot prompt before it' : ''}.`,
      raw`$A_\phi$ receives no other information about the past${workingMemory > 0 ? ' except a short working memory' : ''}${policy.retrieval.contexts > 0 ? ', unless contexts are retrieved' : ''}.`,
      raw`Figure~\ref{fig:pipeline} shows the pipeline with its shapes.`,
    ]),
  ];
}

const TOKENS: Readonly<Record<string, string>> = {
  packed:
    'Every transition of the context is one token, a vector of <setting/context/numbers|number> with presence flags, the state, the action, the reward, the next state, and whether the episode ended.',
  'packed-changes':
    'Every transition of the context is one token, a vector of <setting/context/numbers|number> with presence flags, the state, the action, the reward, the next state, whether the episode ended, and for each integer of the state the sign of its change.',
  interleaved:
    'Every transition of the context is three tokens: its state, its action, and its reward together with whether the episode ended. Each is a vector of <setting/context/numbers|number> with a flag for its type.',
};

const QUERY_TOKENS: Readonly<Record<string, string>> = {
  packed:
    'A token of the query contains the current state and, except for the first token, the action and the reward that led to it (<setting/query/numbers|number>); an action is predicted at every token.',
  'packed-changes':
    'A token of the query contains the current state and, except for the first token, the action and the reward that led to it and the signs of the changes of the state (<setting/query/numbers|number>); an action is predicted at every token.',
  interleaved: 'The query has the same tokens, and an action is predicted at the token of every state.',
};

const POSITIONS: Readonly<Record<ExperimentConfig['model']['positions'], string>> = {
  learned: 'Learned position embeddings are added to the tokens.',
  sinusoidal: raw`Sinusoidal position embeddings~\cite{vaswani2017} with a learned gain are added to the tokens.`,
  rotary: raw`Self-attention uses rotary position embeddings~\cite{su2024}.`,
  'relative-bias': raw`Self-attention uses a learned relative position bias for each head and distance~\cite{shaw2018,raffel2020}.`,
  none: 'Tokens have no position embeddings.',
};

const IMAGES: Readonly<Record<ExperimentConfig['model']['image']['encoder'], string>> = {
  patches:
    'An image is cut into patches of <config/model/image/patch> by <config/model/image/patch|pixel>. A linear map with learned row and column embeddings and a ReLU gives <config/model/image/features|feature> per patch; the scaled sum over patches is embedded and added to its token.',
  conv: 'An image passes through two strided convolutions with <config/model/image/features|feature> and a ReLU each; the output is embedded and added to its token.',
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
        ? 'Every token of the query is a single state (<setting/query/numbers|number>), at which an action is predicted.'
        : QUERY_TOKENS[tokenizer],
      raw`The context has $N = <setting/context/tokens>$ tokens and the query at most $T = <setting/query/tokens>$${policy.prompt ? ', including those of the prompt' : ''}.`,
      `Discrete values are one-hot${spaces.includes('multi-discrete') ? ', with one field per factor of a state or an action' : ''}.`,
      spaces.includes('box') && 'Real vectors are normalized by their mean and standard deviation over the training histories.',
      model.rewards !== 'scalar' && 'A reward is embedded in buckets: one flag for each edge (<config/model/rewards>) below it.',
      raw`A linear map projects each vector to the width $D = <setting/latents/width>$.`,
      spaces.includes('image') && IMAGES[model.image.encoder],
      POSITIONS[model.positions],
      'If a history is shorter than the context, zero vectors, whose presence flags are off, fill the rest.',
    ]),
  ];
}

export function compressor(facts: Facts): Paragraphs {
  const { config, setting, kinds } = facts;
  const { encoderLayers } = config.model;
  return [
    paragraph(facts, [
      encoderLayers > 0
        ? raw`$C_\theta$ begins with <config/model/encoderLayers|pre-norm transformer block>~\cite{vaswani2017} over the embedded context: self-attention with <config/model/heads|head> and a feed-forward layer with a hidden width of $<config/model/feedForward> \cdot D$ and a ReLU.`
        : raw`$C_\theta$ has no transformer blocks over the embedded context.`,
      encoderLayers > 0 &&
        setting.context.span < setting.context.tokens &&
        raw`Attention in these blocks is restricted to chunks of <setting/context/span|token>, so that their cost grows linearly with $N$.`,
      raw`$H$ denotes their normalized output.`,
      encoderLayers > 0 &&
        raw`Layer normalization has no gain or bias, the linear maps of blocks have no biases~\cite{raffel2020}, and the output maps of residual branches are initialized with a scale divided by the square root of the number of branches.`,
    ]),
    paragraph(facts, [
      rebase(compressorProse(kinds.compressor, config.compression), 'config'),
      rebase(latentProse(kinds.latents).form, 'config'),
    ]),
    paragraph(facts, [
      reconstructs(facts) &&
        raw`A small decoder $R_\psi$, used in training only, reconstructs the context from the latents: one cross-attention with <config/model/heads|head> from $N$ learned positions to $Z$, and a linear output layer.`,
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
  const places = config.model.positions === 'sinusoidal' ? 'sinusoidal position embeddings' : 'learned position embeddings';
  return [
    paragraph(facts, [
      raw`$A_\phi$ is a decoder of <config/model/decoderLayers|block> with <config/model/heads|head>, width $D$ and feed-forward layers of $<config/model/feedForward> \cdot D$:`,
      raw`\begin{align*} ${equations} \end{align*}`,
      alone
        ? 'Tokens of the query do not attend to each other and have no position embeddings.'
        : 'Self-attention over the query is causal.',
      architecture === 'prefix'
        ? 'The latents are a prefix of the query in self-attention; there is no cross-attention.'
        : raw`Here $p$ are ${places} of the latents.`,
      architecture === 'encoder-decoder' &&
        raw`Before cross-attention, $Z + p$${prompt ? ' and the prompt pass' : ' passes'} through <config/policy/encoderLayers|block> of self-attention.`,
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
      prompt.length ? ', the first <config/policy/prompt/length|transition> of each' : ''
    }, in the format of an episode, with a learned type embedding.`,
    architecture === 'encoder-decoder'
      ? raw`It passes through the encoder together with $Z$, and cross-attention reads both.`
      : 'It precedes the current episode in causal self-attention.',
    'The styles of demonstrations are <config/policy/prompt/styles>.',
    'For every demonstration of a training task (<config/policy/prompt/demonstrations> of each style), a new learner observes the demonstration and then learns as usual; after a prompt, the agent imitates the history of that learner.',
    prompt.unprompted > 0 &&
      'A fraction of <config/policy/prompt/unprompted> of every batch has no prompt and comes from the other histories.',
  ]);
}

function returns(facts: Facts): Written | undefined {
  if (!facts.config.policy.returns) return undefined;
  return paragraph(facts, [
    raw`The policy also predicts the returns $G_k$ of <config/policy/returns/episodes> episodes: the rest of the current one and those after it. Each is a categorical distribution over <config/policy/returns/bins> evenly spaced values~\cite{bellemare2017}.`,
    raw`They are decoded autoregressively, \[ u_k = W h + p_k + \sum_{j<k} E_j[G_j], \qquad p_\phi(G_k \mid G_0, \dots, G_{k-1}, Z, Q) = \mathrm{softmax}(V\,\mathrm{LN}(u_k + \mathrm{FFN}(\mathrm{LN}(u_k))) + b), \] where training uses the true earlier returns; a predicted return is the mean of its expectations over sequences that are decoded at the quantiles of a fixed lattice.`,
  ]);
}

const METRICS: Readonly<Record<MetricId, string>> = {
  l2: 'Euclidean distance',
  cosine: 'cosine distance',
  hamming: 'the number of codes that differ',
};

function retrieval(facts: Facts): Written | undefined {
  const { contexts, metric, shows } = facts.config.policy.retrieval;
  if (contexts === 0) return undefined;
  return paragraph(facts, [
    raw`With retrieval, cross-attention also reads the latents of <config/policy/retrieval/contexts|retrieved context>, the nearest to the current $Z$ by ${METRICS[metric]}. They follow $Z$ and use the same projections, each with a learned embedding of its rank; empty slots are masked.`,
    shows === 'end'
      ? 'The policy sees the last context of the stream that a nearest context belongs to, which contains how that stream continued.'
      : 'The policy sees the nearest contexts themselves.',
    'Contexts of the same stream are excluded.',
  ]);
}
