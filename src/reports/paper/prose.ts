/**
 * @file What a Methods section says of the kinds that an experiment chose: sentences in LaTeX, with <names> as in `write.ts`. A kind that is not
 * in these tables is described by its id and description.
 */

import type { ExperimentConfig } from '../../config/experiment.ts';
import type { Kind, Kinds } from '../../records/index.ts';
import type { OptionValues } from '../../util/options.ts';
import { escapeTex } from './escape.ts';

const raw = String.raw;

// ---- environments: <horizon>, <tasks> and <options/…> stand for values of the setting of the environment ----------------------

const ROOM = `a room of <options/size> by <options/size> cells, one of which is a hidden goal`;
const START = 'Every episode starts in the center.';
const SEEN = 'The agent sees its coordinates.';
const COMPASS_WORDS = 'It chooses among staying and the moves to the neighboring cells; a move against a wall leaves it where it is.';
const PAID_STAYS = 'Every step that ends on the goal pays a reward of one, and an episode lasts <horizon|step>.';
const PAID_ONCE = 'Reaching the goal pays a reward of one and ends the episode, which lasts at most <horizon|step>.';
const TASKS = 'A task is a goal, and the family has <tasks> of them.';

/** A room: its name with what is like it, then what differs between rooms. */
const room = (
  name: string,
  { seen = SEEN, moves = COMPASS_WORDS, endsOnGoal = false }: { seen?: string; moves?: string; endsOnGoal?: boolean } = {},
): string => [`${name} is ${ROOM}.`, START, seen, moves, endsOnGoal ? PAID_ONCE : PAID_STAYS, TASKS].join(' ');

export const ENVIRONMENTS: Readonly<Record<string, string>> = {
  'dark-room': room(raw`Dark Room~\cite{laskin2023}`),
  'dark-room-hard': room(raw`Dark Room Hard~\cite{laskin2023}`, { endsOnGoal: true }),
  'dark-room-pixels': room(raw`Pixel Dark Room, a variant of Dark Room~\cite{laskin2023},`, {
    seen: 'The agent sees a picture of one gray channel in which every cell is a square of <options/pixels> by <options/pixels|pixel>: the cell where it stands is bright and everything else dark, the goal included.',
  }),
  'dark-room-moves': room(raw`Dark Room with pairs of moves, a variant of Dark Room~\cite{laskin2023},`, {
    moves:
      'An action is a pair of integers, which say by how much each coordinate changes (back, stay or on), so that diagonal moves are one step; a move against a wall leaves that coordinate as it is.',
  }),
  'point-room': raw`Point Room is Dark Room~\cite{laskin2023} with real states and actions: a point in a square that reaches from $-1$ to $1$ in both coordinates, and in it a hidden disc with a radius of <options/radius>. The agent sees its coordinates and starts every episode in the center. An action is a displacement, which is shortened to a length of <options/stepLength> where it is longer. Every step that ends in the disc pays a reward of one, and an episode lasts <horizon|step>. A task is the center of the disc, one of <tasks> on a grid of <options/goals> by <options/goals>.`,
  'key-to-door': raw`Dark Key-to-Door~\cite{laskin2023} is a room of <options/size> by <options/size> cells that hides a key and a door. The agent sees its coordinates and starts every episode in a random cell. It chooses among staying and the moves to the neighboring cells. The first step that ends on the key pays a reward of one; the first step after it that ends on the door pays one more and ends the episode, which lasts at most <horizon|step>. A task is a cell for the key and one for the door, and the family has <tasks> such pairs.`,
  'delayed-bandit': raw`The delayed bandit~\cite{ma2026} has <options/arms|arm> whose mean rewards are drawn uniformly from the unit interval for every task. An episode is <options/pulls|pull>, then a delay of <options/delay> distractor steps, then <options/pulls|pull> of the same arms, <horizon|step> in all. A pull pays a Gaussian reward around the mean of its arm with a standard deviation of <options/deviation>. On a distractor step the environment executes a random arm whatever the agent says and pays nothing; such a step is neither a target nor scored. The agent sees nothing but whether the step is a distractor.`,
  gymnasium: raw`The environment is <options/make:tt> of Gymnasium~\cite{towers2024}, and an episode lasts at most <horizon|step>. Tasks differ in the arguments, attributes or seed of the environment, and the family has <tasks> of them.`,
};

// ---- sources, each as it ends "The source is …": <options/…> stand for values of the setting of the source --------------------

/** What is said of the table of Q-learning. */
const TABLE = raw`The learner knows the actions and nothing of moves or rewards. All values begin at <options/initial>, the step size is <options/stepSize>, the discount <options/discount>, and actions are $\epsilon$-greedy: $\epsilon$ is <options/epsilon> in the first episode and is multiplied by <options/epsilonDecay> after every episode until it reaches <options/epsilonFinal>.`;

/** The styles of demonstrations, in their order. */
const STYLES: Readonly<Record<string, string>> = {
  expert: 'expert, optimal actions of a player who is told the task',
  noisy: 'noisy, such a player of whose actions a share of <options/noise> is uniformly random',
  mediocre: raw`mediocre, Boltzmann-rational actions~\cite{ziebart2010} $p(a) \propto \exp(Q(s, a) / \tau)$ with exact values and $\tau = <options/temperature>$`,
  random: 'random, uniform actions',
};

export const SOURCES: Readonly<Record<string, string | ((options: OptionValues) => string)>> = {
  'r-max': ({ rewardingStates }) =>
    raw`R-MAX~\cite{brafman2002} where moves are known and rewards are not. The learner knows the moves of the room ${
      Number.isFinite(rewardingStates)
        ? `and that <options/rewardingStates|state> of it can pay at any time, but not which`
        : 'but not how many of its states pay, nor which'
    }. It takes every state that has not yet proved worthless for one that pays, walks to the nearest such state, and stays with what does pay. Where several actions are equally good, its distribution is uniform over them.`,
  'count-based': raw`model-based interval estimation with an exploration bonus~\cite{strehl2008}. The learner knows the actions and nothing of moves or rewards. It plans in the model that its counts $n(s, a)$ give, \[ Q(s, a) = \hat{r}(s, a) + b / \sqrt{n(s, a)} + \gamma \max_{a'} Q(s', a'), \] with $b = <options/bonus>$ and $\gamma = <options/discount>$; a pair that was never tried is worth <options/initial>, and after every episode values are swept <options/sweeps|time>. It acts greedily.`,
  'q-learning': raw`tabular Q-learning~\cite{watkins1992}. ${TABLE}`,
  'noise-curriculum': raw`the noise curriculum of AD$^\epsilon$~\cite{zisman2024}: a player who is told the task and acts optimally, except that a share $\epsilon$ of its actions is uniformly random. Along the history $\epsilon$ falls linearly from one to zero, which makes an expert look like a learner.`,
  demonstrations: weights =>
    `players who do not learn. Each history is played in one style, drawn by its weight: ${Object.entries(STYLES)
      .filter(([style]) => Number(weights[style]) > 0)
      .map(([style, words]) => `${words} (weight <options/${style}>)`)
      .join('; ')}.`,
  'replay-buffer': ({ capacity }) =>
    raw`the replay buffer~\cite{lin1992} of tabular Q-learning~\cite{watkins1992}: ${
      Number.isFinite(capacity) ? 'the latest <options/capacity|episode> of a learner' : 'all episodes of a learner'
    } in random order, so that a history does not show progress. ${TABLE}`,
  ucb: raw`upper confidence bounds~\cite{auer2002}: one pull of each arm in order, then the arm with the largest $\hat{\mu}_a + b / \sqrt{n_a}$ with $b = <options/bonus>$, the first of equals, where $\hat{\mu}_a$ is the mean reward of its $n_a$ pulls that were scored.`,
  'disc-search': ({ deviation }) =>
    raw`a search by elimination, R-MAX~\cite{brafman2002} for a point in the plane. The learner knows the moves, the radius of the disc and the places where its center may be, but not which. It goes straight to the nearest place where the disc may still be, and once paid stays with the places that explain it. ${
      Number(deviation) > 0
        ? 'Its distribution is a Gaussian around that step with a standard deviation of <options/deviation>.'
        : 'It executes and records exact steps.'
    }`,
  ppo: ({ memory, scaleRewards }) =>
    raw`proximal policy optimization~\cite{schulman2017} with a policy and a value network of two hidden layers of width <options/hidden> each. The learner knows the actions and nothing of moves or rewards. It plays <options/environments|environment> of the task at once; its history is its episodes in the order in which they end. After every <options/rollout|step> of each it goes through these steps <options/epochs|time> in <options/minibatches> parts, each a step of Adam~\cite{kingma2015} with a learning rate of <options/learningRate> and gradients of norm at most <options/gradientNorm>. Advantages are generalized~\cite{schulman2016} with $\gamma = <options/discount>$ and $\lambda = <options/lambda>$; the ratio of probabilities is clipped at a distance of <options/clip>; the squared error of the values weighs <options/valueWeight> and the entropy <options/entropy>. That weight and the learning rate fall to zero over the history.${
      scaleRewards ? ' Rewards are divided by the running deviation of discounted returns.' : ''
    }${memory ? raw` Both networks also see a gated recurrent unit~\cite{cho2014} of width <options/memory> over the episode so far.` : ''}`,
  oracle: 'a player who is told the task and acts optimally from its first step on.',
  random: 'uniformly random actions.',
};

// ---- compressors, where H are the encoded tokens: names stand for values of the configuration, here and below -----------------

type Compression = ExperimentConfig['compression'];

const UPDATES: Readonly<Record<string, string>> = {
  replace: raw`The update $U(Z, C) = \mathrm{LN}(C)$ replaces the latents.`,
  residual: raw`The update is the normalized sum $U(Z, C) = \mathrm{LN}(Z + C)$.`,
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

// ---- latents ------------------------------------------------------------------------------------------------------------------

export interface LatentProse {
  /** What becomes of the compressor's output. */
  readonly form: string;
  /** What R(Z) is, where there is one; completes "The capacity penalty is …". */
  readonly capacity?: string;
}

export const LATENTS: Readonly<Record<string, LatentProse>> = {
  continuous: {
    form: 'The latents are real numbers, used as the compressor gives them.',
    capacity: raw`the mean square of the latents, $R(Z) = \frac{1}{mD} \sum_{j,d} z_{jd}^2$`,
  },
  variational: {
    form: raw`The latents are Gaussian~\cite{alemi2017}: the policy is trained on $Z = \mu + \sigma \odot \epsilon$ with standard normal noise $\epsilon$, where $\mu$ is what the compressor gives and $\log \sigma^2$ a linear map of its normalized output, and acts on $Z = \mu$.`,
    capacity: raw`the Kullback--Leibler divergence from the unit Gaussian for each number, $R(Z) = \frac{1}{2mD} \sum_{j,d} (\mu_{jd}^2 + \sigma_{jd}^2 - \log \sigma_{jd}^2 - 1)$`,
  },
  fsq: {
    form: raw`The latents are discrete, by finite scalar quantization~\cite{mentzer2024}: a linear map of each normalized latent gives <latents/groups|group> of numbers, which are bounded by a hyperbolic tangent and rounded to <latents/levels> levels in turn, so that each group is one code; another linear map leads back to the width of a latent. Gradients pass straight through the rounding.`,
  },
  vq: {
    form: raw`The latents are discrete, by vector quantization~\cite{oord2017}: a linear map of each normalized latent gives <latents/groups|group> of <latents/codeWidth|number>, each of which is replaced by the nearest of the <latents/codes|code> of its codebook; another linear map leads back to the width of a latent. Gradients pass straight through the look-up. The codebooks are running averages of what is quantized to each code, with a decay of <latents/decay>; a code that is used less than a fraction of <latents/revive> of the average is made anew from the batch~\cite{dhariwal2020}.`,
    capacity: `the commitment loss, the mean square of the distance between what is quantized and its code, with a weight of at least <latents/commitment>`,
  },
};

// ---- heads for actions, where h is a hidden state -----------------------------------------------------------------------------

interface HeadFacts {
  /** Numbers of an action. */
  readonly dimensions: number;
  readonly autoregressive: boolean;
}

/** What a head over finitely many values decodes. */
function grid({ dimensions, autoregressive }: HeadFacts): string {
  if (dimensions === 1) return 'A linear map of the hidden state $h$ and a softmax give the distribution over actions.';
  return autoregressive
    ? raw`The dimensions of an action are decoded one after the other, $p_\phi(a) = \prod_i p_\phi(a_i \mid a_{1}, \dots, a_{i-1})$ with $p_\phi(a_i \mid a_{1}, \dots, a_{i-1}) = \mathrm{softmax}(W_i\, \mathrm{relu}(V_i h + \sum_{j=1}^{i-1} E_{ij}[a_j]))$, for all beginnings at once, so that the joint distribution is exact.`
    : 'The dimensions of an action are independent, each with a softmax of its own.';
}

export const HEADS: Readonly<Record<string, string | ((facts: HeadFacts) => string)>> = {
  categorical: grid,
  discretized: facts =>
    `Every real number of an action is one of <policy/head/bins> values at even distances between its bounds; the target is the mass that the Gaussian of the source has nearest to each. ${grid(facts)}`,
  gaussian:
    'The head gives a Gaussian for every number of an action, its mean and its standard deviation, the latter between bounds relative to the width of the range; actions that are drawn are clipped to the range.',
};

// ---- baselines ----------------------------------------------------------------------------------------------------------------

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

// ---- terms of losses that have sentences of their own --------------------------------------------------------------------------

export const TASK = raw`\ell_\mathrm{task}`;
export const KL = raw`\ell_\mathrm{KL}`;
export const RETURNS = raw`\ell_\mathrm{ret}`;
export const RECONSTRUCTION = raw`\mathcal{L}_\mathrm{rec}`;

// ---- what a paper asks for ----------------------------------------------------------------------------------------------------

/** The full-context teacher: what stands in the compressor's place. */
export const TEACHER: string = COMPRESSORS.full;

/** Names begin where the setting of the environment does. */
export const environmentProse = (kind: Kind): string => own(ENVIRONMENTS, kind, undefined) ?? `The environment is ${plain(kind)}`;

/** Ends "The source is …"; further sentences may follow. Names begin where the setting of the source does. */
export const sourceProse = (kind: NonNullable<Kinds['source']>): string => own(SOURCES, kind, kind.options) ?? plain(kind);

/** Names begin at the configuration, here and below. */
export const compressorProse = (kind: Kind, compression: ExperimentConfig['compression']): string =>
  own(COMPRESSORS, kind, compression) ?? `The compressor is ${plain(kind)}`;

export const latentProse = (kind: Kinds['latents']): LatentProse =>
  own(LATENTS, kind, undefined) ?? {
    form: `The kind of latents is ${plain(kind)}`,
    ...(kind.capacity ? { capacity: 'the $R(Z)$ of this kind of latents' } : {}),
  };

export const headProse = ({ dimensions, ...kind }: Kinds['head'], { autoregressive }: ExperimentConfig['policy']['head']): string =>
  own(HEADS, kind, { dimensions, autoregressive }) ?? `The head for actions is ${plain(kind)}`;

export const baselineProse = (kind: Kind): string => own(BASELINES, kind, undefined) ?? `The baseline is ${plain(kind)}`;

/** The words of a built-in kind: they stand in the table, or follow from values. Undefined for a kind that the table does not have. */
function own<T, W extends string | object>(
  table: Readonly<Record<string, W | ((values: T) => W)>>,
  { id }: Kind,
  values: T,
): W | undefined {
  if (!Object.hasOwn(table, id)) return undefined;
  const words = table[id];
  return typeof words === 'function' ? words(values) : words;
}

/** The end of a sentence about a kind without prose: its id and its description. */
const plain = ({ id, description }: Kind): string => String.raw`\texttt{${escapeTex(id)}}: ${escapeTex(description.replace(/\.$/, ''))}.`;
