/** @file The compressors, where H are the encoded tokens: names stand for values of the configuration. */

import type { ExperimentConfig } from '../../../config/experiment.ts';

const raw = String.raw;

type Compression = ExperimentConfig['compression'];

const UPDATES: Readonly<Record<string, string>> = {
  replace: raw`The update $U(Z, C) = \mathrm{LN}(C)$ replaces the latents.`,
  residual: raw`The update is the normalised sum $U(Z, C) = \mathrm{LN}(Z + C)$.`,
  gru: raw`The update $U$ is the gate of GTrXL~\cite{parisotto2020}, $U(Z, C) = (1 - g) \odot Z + g \odot \tanh(W_h C + U_h (r \odot Z) + b_h)$ with $r = \sigma(W_r C + U_r Z + b_r)$ and $g = \sigma(W_g C + U_g Z + b_g - 1)$.`,
};

/** A projection of pieces of the raw context on directions with this name. */
const projection = (directions: string): string =>
  raw`The raw context is cut into $m$ pieces $x_j$ of equal length, each projected on ${directions}, $z_j = W \Lambda^{-1/2} V^\top (x_j - \mu) + b$, where $\mu$, the directions $V$ and the variances $\Lambda$ along them are computed from contexts as training draws them and $W$ and $b$ are learned.`;

export const COMPRESSORS = {
  bottleneck: raw`A set of $m$ learned queries $q_j$ attends to $H$ with <model/poolHeads|head>. Beside $H$ stands a learned token $s$, so that a query can attend to nothing: \[ p_j = q_j + \mathrm{MultiHead}(q_j, [s; H], [s; H]), \qquad z_j = p_j + \mathrm{FFN}(\mathrm{LN}(p_j)). \] The compressor is not causal: at the end of every episode it compresses the whole context anew.`,
  'strided-attention': raw`$H$ is cut into $m$ stretches $H_j$ of equal length. Each becomes one latent by attention to itself, from its mean, with <model/poolHeads|head> and a learned token $s$ beside it: \[ q_j = \mathrm{mean}(H_j), \quad p_j = q_j + \mathrm{MultiHead}(q_j, [s; H_j], [s; H_j]), \quad z_j = p_j + \mathrm{FFN}(\mathrm{LN}(p_j)). \] At the end of every episode the whole context is compressed anew.`,
  'linear-projection': ({ latentLayers }) =>
    `A learned linear map over the token axis turns the $N$ tokens of $H$ into $m$, to which learned positions are added${
      Number(latentLayers) > 0 ? ' and which then pass through <compression/latentLayers|block> of the same kind' : ''
    }. At the end of every episode the whole context is compressed anew.`,
  causal: ({ latentLayers }) =>
    raw`Every segment is encoded on its own and pooled to <compression/perSegment|latent>, as learned queries $q_j$ attend to its tokens $H_r$ and a learned token $s$ with <model/poolHeads|head>: $p_j = q_j + \mathrm{MultiHead}(q_j, [s; H_r], [s; H_r])$, $z_j = p_j + \mathrm{FFN}(\mathrm{LN}(p_j))$. ${
      Number(latentLayers) > 0
        ? 'In <compression/latentLayers|further block> latents attend to those of their own and of earlier segments. '
        : ''
    }The compressor is causal: a further segment appends its latents and changes none before them.`,
  recurrent: ({ update, gradientRounds, workingMemory }) =>
    raw`The compressor is recurrent: $Z$ begins at zero and goes on from segment to segment, in the manner of recurrent algorithm distillation~\cite{ma2026}. With learned queries $q$, a learned token $s$ and the encoded tokens $H_r$ of segment $r$, one round is \[ u = \mathrm{LN}(Z + q), \quad a = u + \mathrm{MultiHead}(u, [s; u; H_r], [s; u; H_r]), \quad C = a + \mathrm{FFN}(\mathrm{LN}(a)), \quad Z \leftarrow U(Z, C) \] with <model/poolHeads|head>. ${
      UPDATES[String(update)]
    } A segment without a transition leaves $Z$ as it is. ${
      gradientRounds === undefined
        ? 'Gradients flow through all rounds of a context. '
        : 'Gradients flow through the last <compression/gradientRounds|round>. '
    }${
      Number(workingMemory) > 0
        ? 'Beside the latents the policy sees a working memory, the encoded tokens of the last <compression/workingMemory|transition> of the latest segment. '
        : ''
    }An agent carries $Z$ in place of its history, in memory that does not grow.`,
  perceiver: ({ latentLayers }) =>
    raw`A set of $m$ latents reads $H$ <compression/rounds|time>, as in the Perceiver~\cite{jaegle2021}. $Z$ begins with learned queries, and in every round, with weights of its own, <model/poolHeads|head> and a learned token $s$ beside $H$, \[ a = Z + \mathrm{MultiHead}(Z, [s; H], [s; H]), \qquad Z \leftarrow a + \mathrm{FFN}(\mathrm{LN}(a)), \]${
      Number(latentLayers) > 0
        ? ' then <compression/latentLayers|block> of the same kind as those over the context, in which the latents attend to each other'
        : ''
    }. At the end of every episode the whole context is compressed anew.`,
  full: 'Nothing is compressed: the policy attends to every encoded token of the context.',
  'best-episodes': 'Nothing is compressed: the policy attends to every encoded token of those past episodes that returned most.',
  truncated: 'The raw context is cut to its last $m$ tokens, as many as the policy of CAD sees, and the policy attends to these, encoded.',
  'mean-pool': 'The encoded context is cut into $m$ pieces of equal length, and the mean of each is a latent.',
  'max-pool': 'The encoded context is cut into $m$ pieces of equal length, and the largest of every number of each is a latent.',
  'strided-pool': 'The encoded context is cut into $m$ pieces of equal length, and the last token of each is a latent.',
  'memory-traces': raw`Latent $j$ is a memory trace~\cite{eberhard2025}, an exponential moving average of the encoded context, $z_j = \sum_i w_{ij} h_i$ with weights that sum to one. The half-lives of the traces are fixed and rise geometrically from a few tokens to most of the context.`,
  pca: projection('the first principal components of such pieces'),
  'random-projection': projection('orthonormal directions that are drawn at random and fixed'),
  none: 'Nothing of the past reaches the policy, which has no cross-attention and sees the running episode alone.',
} satisfies Readonly<Record<string, string | ((compression: Compression) => string)>>;
