/**
 * @file Sentences of the Methods section about the kinds that an experiment uses, in LaTeX with <names> as in `write.ts`. A kind that is not in these
 * tables is described by its id and description.
 */

import type { ExperimentConfig } from '../../config/experiment.ts';
import type { Kind, Kinds } from '../../records/index.ts';
import type { OptionValues } from '../../util/options.ts';
import { escapeTex } from './escape.ts';

const raw = String.raw;

// ---- environments: <horizon>, <tasks> and <options/…> stand for values of the setting of the environment ----------------------

/** Columns by rows of a room. */
const cells = ({ width, height }: OptionValues): string =>
  `<options/${width ? 'width' : 'size'}> by <options/${height ? 'height' : 'size'}> cells`;
const permuted = ({ permutations }: OptionValues): string =>
  permutations ? ' The actions of a task are in a hidden order, and otherwise equal tasks occur with <options/permutations|order>.' : '';
const SEEN = 'The agent observes its coordinates.';
const COMPASS_WORDS = 'Its actions are to stay or to move to a neighboring cell; a move against a wall has no effect.';
const PAID_STAYS = 'Every step that ends on the goal has a reward of one, and an episode lasts <horizon|step>.';
const PAID_ONCE = 'Reaching the goal gives a reward of one and ends the episode, which lasts at most <horizon|step>.';
const TASKS = 'A task is a goal; there are <tasks> of them.';

/** A room: its name, then the sentences in which rooms differ. */
const room =
  (
    name: string,
    { seen = SEEN, moves = COMPASS_WORDS, endsOnGoal = false }: { seen?: string; moves?: string; endsOnGoal?: boolean } = {},
  ) =>
  (options: OptionValues): string => {
    const start = `Every episode starts in ${options.start === 'corner' ? 'a corner' : 'the center'}.`;
    const goal = `${name} is a room of ${cells(options)}, one of which is a hidden goal.`;
    return [goal, start, seen, moves, endsOnGoal ? PAID_ONCE : PAID_STAYS, TASKS].join(' ') + permuted(options);
  };

export const ENVIRONMENTS: Readonly<Record<string, string | ((options: OptionValues) => string)>> = {
  'dark-room': room(raw`Dark Room~\cite{laskin2023}`),
  'dark-room-hard': room(raw`Dark Room Hard~\cite{laskin2023}`, { endsOnGoal: true }),
  'dark-room-pixels': room(raw`Pixel Dark Room, a variant of Dark Room~\cite{laskin2023},`, {
    seen: 'The agent observes a grayscale image in which every cell is a square of <options/pixels> by <options/pixels|pixel>: its own cell is bright and everything else, including the goal, is dark.',
  }),
  'dark-room-moves': room(raw`Dark Room with two-component moves, a variant of Dark Room~\cite{laskin2023},`, {
    moves:
      'An action is a pair of integers that change each coordinate by minus one, zero or one, so that a diagonal move is one step; a move against a wall does not change that coordinate.',
  }),
  'point-room': raw`Point Room is Dark Room~\cite{laskin2023} with real-valued states and actions: a point in a square with coordinates from $-1$ to $1$ and a hidden disc with a radius of <options/radius>. The agent observes its coordinates and starts every episode in the center. An action is a displacement, which is clipped to a length of <options/stepLength>. Every step that ends in the disc has a reward of one, and an episode lasts <horizon|step>. A task is the center of the disc, one of <tasks> on a grid of <options/goals> by <options/goals>.`,
  'key-to-door': options =>
    raw`Dark Key-to-Door~\cite{laskin2023} is a room of <options/size> by <options/size> cells with a hidden key and a hidden door. The agent observes its coordinates and starts every episode in a random cell. Its actions are to stay or to move to a neighboring cell. The first step that ends on the key has a reward of one; the first step after it that ends on the door has another reward of one and ends the episode, which lasts at most <horizon|step>. A task is a pair of cells for the key and the door; there are <tasks> of them.` +
    permuted(options),
  'key-to-door-life': ({ every, everyMax }) =>
    raw`Lifelong Key-to-Door~\cite{grigsby2024} is a room of <options/size> by <options/size> cells with a start, a hidden key and a hidden door, each in a random cell. An episode is a life of <horizon|call> of the environment in many attempts. An attempt begins at the start and has at most <options/attempt|step>; its actions are to stay or to move to a neighboring cell. The first step that ends on the key has a reward of one; the first step after it that ends on the door has another reward of one and ends the attempt. The call after an attempt only resets: its action is ignored and is neither a training target nor scored. The agent observes its coordinates, whether it has the key and the number of steps of the attempt. A task ${
      Number(every) === 0
        ? 'consists of the cells of start, key and door.'
        : `is a sequence of layouts of start, key and door. In a fraction of <options/changing> of the tasks, a new layout begins at the first reset after every interval, which no observation announces; other tasks have one layout. ${
            Number(everyMax) > 0
              ? 'Intervals are drawn uniformly from <options/every> to <options/everyMax|call>.'
              : 'Every interval has <options/every|call>.'
          }`
    }`,
  'delayed-bandit': ({ every }) =>
    raw`The delayed bandit~\cite{ma2026} has <options/arms|arm> whose mean rewards are drawn uniformly from the unit interval for every task. An episode has <options/pulls|pull>, then a delay of <options/delay> distractor steps, then <options/pulls|pull> of the same arms, <horizon|step> in total. A pull has a Gaussian reward around the mean of its arm with a standard deviation of <options/deviation>. On a distractor step, the environment executes a random arm, whatever the agent chooses, without a reward; such a step is neither a training target nor scored. The agent observes only whether the step is a distractor.${
      Number(every) > 0 ? ' After every <options/every|pull>, all arms get other means, which no observation announces.' : ''
    }`,
  't-maze': raw`The passive T-maze~\cite{bakker2001, ni2023} is a corridor of <options/shortest> to <options/longest> moves, in steps of <options/every>, that ends at a junction. The first observation shows a cue, which is never shown again; all cells of the corridor look alike, and the agent observes when it is at the junction. The turn that the cue names has a reward of one. Every other step of the corridor that is not a move forward has a reward of minus <options/penalty>. An episode has one step more than the corridor has moves, whatever the agent does. A task is a cue and a length; there are <tasks> of them.`,
  'count-recall': raw`CountRecall~\cite{morad2023}, at level <options/level>, deals a card in every step and asks how many cards of one kind (color, suit or rank) were dealt so far, the present one included. The agent observes the kind of the card and the kind that is asked for, and its action is the answer. An episode has <horizon|question>. The rewards of correct answers sum to one over an episode; a wrong answer has the same reward with a negative sign. A task is a deal of cards and questions.`,
  'maze-runner': ({ calls }) =>
    raw`MazeRunner~\cite{grigsby2024} is a random maze of <options/side> by <options/side> cells with <options/goals|goal>, which must be reached in order. Walls grow from random cells as in mazelab~\cite{zuo2018}, and the rows around the start are open. The agent observes its row and column, the number of free cells in each of the four directions, the time, and the coordinates of the goals that remain, but not the map. Its actions are to stay or to move to a neighboring cell, in a hidden order. Each goal has a reward of one. ${
      calls
        ? 'An attempt ends at the last goal or after <options/steps|step>; the next step only leads back to the start and is neither a training target nor scored. An episode has <options/calls|step> and thus many attempts in the same maze.'
        : 'An episode ends at the last goal or after <options/steps|step>.'
    } A task is a maze with its goals and the order of the actions.`,
  gymnasium: raw`The environment is <options/make:tt> of Gymnasium~\cite{towers2024}, and an episode lasts at most <horizon|step>. Tasks differ in the arguments, attributes or seed of the environment; there are <tasks> of them.`,
};

// ---- sources, each as it ends "The source is …": <options/…> stand for values of the setting of the source --------------------

/** Sentences about the table of Q-learning. */
const TABLE = raw`The learner knows the actions but neither transitions nor rewards. All values are initialized to <options/initial>, the step size is <options/stepSize>, the discount <options/discount>, and actions are $\epsilon$-greedy: $\epsilon$ is <options/epsilon> in the first episode and is multiplied by <options/epsilonDecay> after every episode until it reaches <options/epsilonFinal>.`;

/** The styles of demonstrations, in their order. */
const STYLES: Readonly<Record<string, string>> = {
  expert: 'expert, optimal actions of a player that knows the task',
  noisy: 'noisy, such a player with a fraction of <options/noise> of uniformly random actions',
  mediocre: raw`mediocre, Boltzmann-rational actions~\cite{ziebart2010} $p(a) \propto \exp(Q(s, a) / \tau)$ with exact values and $\tau = <options/temperature>$`,
  random: 'random, uniform actions',
};

export const SOURCES: Readonly<Record<string, string | ((options: OptionValues) => string)>> = {
  'r-max': ({ rewardingStates, ties }) =>
    raw`R-MAX~\cite{brafman2002} with known transitions and unknown rewards. The learner knows the transitions of the room ${
      Number.isFinite(rewardingStates)
        ? `and that <options/rewardingStates|state> has a reward at any time, but not which`
        : 'but not which states have a reward, nor how many'
    }. It assumes a reward in every state where it has not observed the contrary, walks to the nearest such state, and stays where it finds a reward. If several actions are equally good, ${
      ties === 'first' ? 'it takes the first of them' : 'its distribution is uniform over them'
    }.`,
  'count-based': raw`model-based interval estimation with an exploration bonus~\cite{strehl2008}. The learner knows the actions but neither transitions nor rewards. It plans in the model estimated from its counts $n(s, a)$, \[ Q(s, a) = \hat{r}(s, a) + b / \sqrt{n(s, a)} + \gamma \max_{a'} Q(s', a'), \] with $b = <options/bonus>$ and $\gamma = <options/discount>$; a pair that was never tried has the value <options/initial>, and after every episode value iteration runs for <options/sweeps|sweep>. It acts greedily.`,
  'q-learning': raw`tabular Q-learning~\cite{watkins1992}. ${TABLE}`,
  'noise-curriculum': raw`the noise curriculum of AD$^\epsilon$~\cite{zisman2024}: a player that knows the task and acts optimally, except that a fraction $\epsilon$ of its actions is uniformly random. Along the history, $\epsilon$ decreases linearly from one to zero, so that an expert resembles a learner.`,
  demonstrations: weights =>
    `players that do not learn. Each history has one style, drawn by its weight: ${Object.entries(STYLES)
      .filter(([style]) => Number(weights[style]) > 0)
      .map(([style, words]) => `${words} (weight <options/${style}>)`)
      .join('; ')}.`,
  'replay-buffer': ({ capacity }) =>
    raw`the replay buffer~\cite{lin1992} of tabular Q-learning~\cite{watkins1992}: ${
      Number.isFinite(capacity) ? 'the last <options/capacity|episode> of a learner' : 'all episodes of a learner'
    } in random order, so that a history does not show progress. ${TABLE}`,
  ucb: raw`upper confidence bounds~\cite{auer2002}: one pull of each arm in order, then the arm with the largest $\hat{\mu}_a + b / \sqrt{n_a}$ with $b = <options/bonus>$, ties broken by order, where $\hat{\mu}_a$ is the mean reward of its $n_a$ scored pulls.`,
  'sliding-window-ucb': raw`upper confidence bounds over a sliding window~\cite{garivier2011}: the arm with the largest $\hat{\mu}_a + b / \sqrt{n_a}$ with $b = <options/bonus>$, ties broken by order, where $\hat{\mu}_a$ is the mean reward of the $n_a$ pulls of the arm among the last <options/window|scored pull>. An arm without any is pulled first.`,
  'discounted-ucb': raw`discounted upper confidence bounds~\cite{kocsis2006}: the arm with the largest $\hat{\mu}_a + b / \sqrt{n_a}$ with $b = <options/bonus>$, ties broken by order, where $n_a$ and the mean reward $\hat{\mu}_a$ weight every scored pull by $<options/discount>$ to the power of the number of later pulls. Each arm is pulled once first.`,
  thompson: raw`Thompson sampling~\cite{thompson1933} with a Gaussian posterior of the mean reward of each arm. The learner knows the standard deviation of rewards, <options/deviation>, and has a Gaussian prior with mean <options/priorMean> and standard deviation <options/priorDeviation>. It pulls every arm with the probability that the arm is the best under the posterior, and these probabilities are recorded.`,
  'disc-search': ({ deviation }) =>
    raw`a search by elimination, R-MAX~\cite{brafman2002} for a point in the plane. The learner knows the transitions, the radius of the disc and the candidates for its center. It moves straight to the nearest remaining candidate; after a reward, it stays with the candidates that explain it. ${
      Number(deviation) > 0
        ? 'Its distribution is a Gaussian around that step with a standard deviation of <options/deviation>.'
        : 'It executes and records exact steps.'
    }`,
  'layout-search': raw`a search by elimination that forgets, after R-MAX~\cite{brafman2002}. The learner knows the transitions of the room and the rules of an attempt, but neither where key and door are nor when they change. It walks to the nearest cell that may hold the key, then to the nearest one that may hold the door, and to their cells once they are known. It forgets everything when an attempt starts in another cell than the last one, when a step on a known cell has no reward, and when a cell that it has ruled out has one. If several actions are equally good, its distribution is uniform over them.`,
  recall:
    'a player that knows the rules and nothing of the task: it remembers exactly what the observations of the episode show, and takes the optimal action that follows from it.',
  'maze-search': raw`a search under belief. The learner knows the rules of the maze and the goal that it observes, but neither the walls nor the order of the actions. It draws a map of what it sees, rules out orders that do not explain how it moved, and takes the action that may lead nearest to the goal, where unseen cells count as free (optimism, as in R-MAX~\cite{brafman2002}); of such actions, it takes the one with the smallest expected distance.`,
  ppo: ({ memory, scaleRewards }) =>
    raw`proximal policy optimization~\cite{schulman2017} with a policy and a value network of two hidden layers of width <options/hidden> each. The learner knows the actions but neither transitions nor rewards. It acts in <options/environments|parallel environment> of the task; its history consists of its episodes in the order in which they end. After every <options/rollout|step> of each environment, it trains on these steps for <options/epochs|epoch> of <options/minibatches> minibatches with Adam~\cite{kingma2015}, a learning rate of <options/learningRate> and a gradient norm of at most <options/gradientNorm>. It uses generalized advantage estimation~\cite{schulman2016} with $\gamma = <options/discount>$ and $\lambda = <options/lambda>$, a clip range of <options/clip>, a weight of <options/valueWeight> for the squared error of the values and of <options/entropy> for the entropy. The entropy weight and the learning rate decrease to zero over the history.${
      scaleRewards ? ' Rewards are divided by the running standard deviation of discounted returns.' : ''
    }${memory ? raw` Both networks also receive the state of a gated recurrent unit~\cite{cho2014} of width <options/memory> over the current episode.` : ''}`,
  oracle: 'a player that knows the task and acts optimally from the first step.',
  random: 'uniformly random actions.',
};

// ---- compressors, where H are the encoded tokens: names stand for values of the configuration, here and below -----------------

type Compression = ExperimentConfig['compression'];

const GRU = raw`The update $U$ is the gate of GTrXL~\cite{parisotto2020}, $U(Z, C) = (1 - g) \odot Z + g \odot \tanh(W_h C + U_h (r \odot Z) + b_h)$ with $r = \sigma(W_r C + U_r Z + b_r)$ and $g = \sigma(W_g C + U_g Z + b_g - 1)$.`;

const UPDATES: Readonly<Record<string, string>> = {
  replace: raw`The update $U(Z, C) = \mathrm{LN}(C)$ replaces the latents.`,
  residual: raw`The update is the normalized sum $U(Z, C) = \mathrm{LN}(Z + C)$.`,
  gru: GRU,
  'closing-gru': raw`${GRU} Instead of $g$, $\max(0, (g - 0.1) / 0.9)$ is used, so that numbers of $Z$ about which a segment says nothing do not change at all.`,
};

/** A projection of chunks of the raw context on directions with this name. */
const projection = (directions: string): string =>
  raw`The raw context is cut into $m$ chunks $x_j$ of equal length, each projected on ${directions}, $z_j = W \Lambda^{-1/2} V^\top (x_j - \mu) + b$, where $\mu$, the directions $V$ and the variances $\Lambda$ along them are computed from training contexts and $W$ and $b$ are learned.`;

/** What recurrent compressors are for. */
const CONSTANT = 'An agent stores $Z$ instead of its history, so its memory has a constant size.';

export const COMPRESSORS = {
  bottleneck: raw`A set of $m$ learned queries $q_j$ attends to $H$ with <model/poolHeads|head>. A learned token $s$ is added to $H$, so that a query can attend to nothing: \[ p_j = q_j + \mathrm{MultiHead}(q_j, [s; H], [s; H]), \qquad z_j = p_j + \mathrm{FFN}(\mathrm{LN}(p_j)). \] The compressor is not causal: it compresses the whole context again at the end of every episode.`,
  'strided-attention': raw`$H$ is cut into $m$ chunks $H_j$ of equal length. Each becomes one latent by attention from its mean to its tokens and a learned token $s$, with <model/poolHeads|head>: \[ q_j = \mathrm{mean}(H_j), \quad p_j = q_j + \mathrm{MultiHead}(q_j, [s; H_j], [s; H_j]), \quad z_j = p_j + \mathrm{FFN}(\mathrm{LN}(p_j)). \] The whole context is compressed again at the end of every episode.`,
  'linear-projection': ({ latentLayers }) =>
    `A learned linear map over the token axis turns the $N$ tokens of $H$ into $m$ latents, to which learned position embeddings are added${
      Number(latentLayers) > 0 ? ' and which then pass through <compression/latentLayers|transformer block>' : ''
    }. The whole context is compressed again at the end of every episode.`,
  causal: ({ latentLayers }) =>
    raw`Every segment is encoded separately and pooled to <compression/perSegment|latent>: learned queries $q_j$ attend to its tokens $H_r$ and a learned token $s$ with <model/poolHeads|head>, $p_j = q_j + \mathrm{MultiHead}(q_j, [s; H_r], [s; H_r])$, $z_j = p_j + \mathrm{FFN}(\mathrm{LN}(p_j))$. ${
      Number(latentLayers) > 0
        ? 'In <compression/latentLayers|further block>, latents attend to those of the same and of earlier segments. '
        : ''
    }The compressor is causal: a new segment appends its latents and changes no earlier ones.`,
  recurrent: ({ update, gradientRounds, workingMemory }) =>
    raw`The compressor is recurrent, as in recurrent algorithm distillation~\cite{ma2026}: $Z$ starts at zero and is updated after every segment. With learned queries $q$, a learned token $s$ and the encoded tokens $H_r$ of segment $r$, one update is \[ u = \mathrm{LN}(Z + q), \quad a = u + \mathrm{MultiHead}(u, [s; u; H_r], [s; u; H_r]), \quad C = a + \mathrm{FFN}(\mathrm{LN}(a)), \quad Z \leftarrow U(Z, C) \] with <model/poolHeads|head>. ${
      UPDATES[String(update)]
    } A segment without transitions does not change $Z$. ${
      gradientRounds === undefined
        ? 'Gradients flow through all updates of a context. '
        : 'Gradients flow through the last <compression/gradientRounds|update>. '
    }${
      Number(workingMemory) > 0
        ? 'In addition to the latents, the policy receives a working memory: the encoded tokens of the last <compression/workingMemory|transition> of the last segment. '
        : ''
    }${CONSTANT}`,
  accumulating: raw`The compressor accumulates summaries, as in Memo~\cite{gupta2025}: every segment adds <compression/summaries|latent>, which see the earlier ones, and the latents of the last <compression/capacity|segment> are kept. $Z$ starts at zero. With learned queries $q_j$, a learned token $s$ and the encoded tokens $H_r$ of segment $r$, the added latents are \[ p_j = q_j + \mathrm{MultiHead}(q_j, [s; Z; H_r], [s; Z; H_r]), \qquad z_j = \mathrm{LN}(p_j + \mathrm{FFN}(\mathrm{LN}(p_j))) \] with <model/poolHeads|head>. A segment without transitions does not change $Z$. ${CONSTANT}`,
  gru: raw`$Z$ is the hidden state of a gated recurrent unit~\cite{cho2014} with $mD$ numbers, which starts at zero. Instead of $H$, the unit reads the normalized embeddings $x$ of the tokens one after another, without positions or transformer blocks: \[ r = \sigma(W_r x + U_r Z + b_r), \quad g = \sigma(W_g x + U_g Z + b_g), \quad n = \tanh(W_n x + b_n + r \odot U_n Z), \quad Z \leftarrow (1 - g) \odot n + g \odot Z. \] ${CONSTANT}`,
  'linear-attention': raw`$Z$ is the state of a linear attention~\cite{katharopoulos2020} with a decay that depends on the token~\cite{dao2024}. It starts at zero. Every segment is encoded separately, and each of its encoded tokens $h$ updates every latent, \[ z_j \leftarrow a_j z_j + (1 - a_j) k_j v, \qquad a_j = \exp(-\mathrm{softplus}(c_j)), \] where $c$, $k$ and $v$ are linear maps of $h$. ${CONSTANT}`,
  perceiver: ({ latentLayers }) =>
    raw`A set of $m$ latents reads $H$ <compression/rounds|time>, as in the Perceiver~\cite{jaegle2021}. $Z$ starts as learned queries. Every round has its own weights, <model/poolHeads|head> and a learned token $s$, \[ a = Z + \mathrm{MultiHead}(Z, [s; H], [s; H]), \qquad Z \leftarrow a + \mathrm{FFN}(\mathrm{LN}(a)), \]${
      Number(latentLayers) > 0 ? ' followed by <compression/latentLayers|transformer block> in which the latents attend to each other' : ''
    }. The whole context is compressed again at the end of every episode.`,
  full: 'There is no compression: the policy attends to every encoded token of the context.',
  'best-episodes': 'There is no compression: the policy attends to every encoded token of the past episodes with the highest returns.',
  truncated:
    'The raw context is truncated to its last $m$ tokens, as many as CAD has latents, and the policy attends to these tokens after encoding.',
  'mean-pool': 'The encoded context is cut into $m$ chunks of equal length, and the mean of each is a latent.',
  'max-pool': 'The encoded context is cut into $m$ chunks of equal length, and the elementwise maximum of each is a latent.',
  'strided-pool': 'The encoded context is cut into $m$ chunks of equal length, and the last token of each is a latent.',
  'memory-traces': raw`Latent $j$ is a memory trace~\cite{eberhard2025}, an exponential moving average of the encoded context, $z_j = \sum_i w_{ij} h_i$ with weights that sum to one. The half-lives of the traces are fixed and increase geometrically from a few tokens to most of the context.`,
  pca: projection('the first principal components of such chunks'),
  'random-projection': projection('fixed random orthonormal directions'),
  none: 'The policy has no memory of past episodes and no cross-attention; it sees only the current episode.',
} satisfies Readonly<Record<string, string | ((compression: Compression) => string)>>;

// ---- latents ------------------------------------------------------------------------------------------------------------------

export interface LatentProse {
  /** How the compressor's output becomes latents. */
  readonly form: string;
  /** R(Z), if there is one; completes "The capacity penalty is …". */
  readonly capacity?: string;
}

export const LATENTS: Readonly<Record<string, LatentProse>> = {
  continuous: {
    form: 'The latents are the real-valued outputs of the compressor.',
    capacity: raw`the mean square of the latents, $R(Z) = \frac{1}{mD} \sum_{j,d} z_{jd}^2$`,
  },
  variational: {
    form: raw`The latents are Gaussian~\cite{alemi2017}: the policy is trained on $Z = \mu + \sigma \odot \epsilon$ with standard normal noise $\epsilon$, where $\mu$ is the output of the compressor and $\log \sigma^2$ a linear map of its normalized output, and acts on $Z = \mu$.`,
    capacity: raw`the Kullback--Leibler divergence from the standard Gaussian per number, $R(Z) = \frac{1}{2mD} \sum_{j,d} (\mu_{jd}^2 + \sigma_{jd}^2 - \log \sigma_{jd}^2 - 1)$`,
  },
  fsq: {
    form: raw`The latents are discrete, by finite scalar quantization~\cite{mentzer2024}: a linear map of each normalized latent gives <latents/groups|group> of numbers, which are bounded by a hyperbolic tangent and rounded to <latents/levels> levels, respectively, so that each group is one code; another linear map restores the width of a latent. Gradients use the straight-through estimator.`,
  },
  vq: {
    form: raw`The latents are discrete, by vector quantization~\cite{oord2017}: a linear map of each normalized latent gives <latents/groups|group> of <latents/codeWidth|number>, each of which is replaced by the nearest of the <latents/codes|code> of its codebook; another linear map restores the width of a latent. Gradients use the straight-through estimator. The codebooks are moving averages of the vectors assigned to each code, with a decay of <latents/decay>; a code that is used less than a fraction of <latents/revive> of the average is reinitialized from the batch~\cite{dhariwal2020}.`,
    capacity: `the commitment loss, which is the mean squared distance between a vector and its code, with a weight of at least <latents/commitment>`,
  },
};

// ---- heads for actions, where h is a hidden state -----------------------------------------------------------------------------

interface HeadFacts {
  /** Numbers per action. */
  readonly dimensions: number;
  readonly autoregressive: boolean;
}

/** How a head over finitely many values decodes. */
function grid({ dimensions, autoregressive }: HeadFacts): string {
  if (dimensions === 1) return 'A linear map of the hidden state $h$ and a softmax give the distribution over actions.';
  return autoregressive
    ? raw`The dimensions of an action are decoded autoregressively, $p_\phi(a) = \prod_i p_\phi(a_i \mid a_{1}, \dots, a_{i-1})$ with $p_\phi(a_i \mid a_{1}, \dots, a_{i-1}) = \mathrm{softmax}(W_i\, \mathrm{relu}(V_i h + \sum_{j=1}^{i-1} E_{ij}[a_j]))$, for all prefixes in parallel, so that the joint distribution is exact.`
    : 'The dimensions of an action are independent, with one softmax each.';
}

export const HEADS: Readonly<Record<string, string | ((facts: HeadFacts) => string)>> = {
  categorical: grid,
  discretized: facts =>
    `Every real number of an action is discretized to <policy/head/bins> evenly spaced values between its bounds; the target for each value is the probability that the Gaussian of the source assigns to its bin. ${grid(facts)}`,
  gaussian:
    'The head outputs the mean and the standard deviation of a Gaussian for every number of an action, with bounds on the standard deviation relative to the range; sampled actions are clipped to the range.',
};

// ---- baselines ----------------------------------------------------------------------------------------------------------------

const { truncated, none, pca, 'mean-pool': meanPool, 'max-pool': maxPool, 'strided-pool': stridedPool } = COMPRESSORS;

export const BASELINES: Readonly<Record<string, string>> = {
  full: 'The context is encoded as in CAD but not compressed; the policy attends to every encoded token. This is the model of the full-context teacher.',
  ad: raw`Algorithm distillation in its original form~\cite{laskin2023}: one causal transformer over the tokens of the raw context and of the current episode, with as many layers as both networks of CAD together. Only the actions of the current episode are targets, and no cache is kept between actions.`,
  truncated,
  'truncated-flops':
    'The raw context is truncated to the largest number of last tokens with which an action costs no more floating-point operations than an action of CAD; the policy attends to these tokens after encoding.',
  'truncated-bytes':
    'The raw context is truncated to as many last tokens as fit into the bytes of $Z$, with a single-precision float for every number of a token; the policy attends to these tokens after encoding.',
  'mean-pool': meanPool,
  'max-pool': maxPool,
  'strided-pool': stridedPool,
  'memory-traces': COMPRESSORS['memory-traces'],
  pca,
  'random-projection': COMPRESSORS['random-projection'],
  'best-episodes':
    'Retrieval: the policy attends to the encoded tokens of its own past episodes with the highest returns (of equal ones, the latest), as many complete episodes as fit into $m$ tokens and at least one.',
  dpt: raw`A decision-pretrained transformer~\cite{lee2023}: the policy attends to every encoded token of the context, and its labels are the optimal actions in the states of the source.`,
  rad: raw`Recurrent algorithm distillation~\cite{ma2026}: as many latents as in CAD are updated after every segment by a GRU gate, with gradients through all updates, and the policy also receives the encoded tokens of the last quarter of the last segment.`,
  rsm: "The memory of RSM (``Remember Less, Adapt Longer''): as many latents as in CAD, which every segment rewrites without a gate, with gradients through all updates.",
  memo: raw`The memory of Memo~\cite{gupta2025}: every segment adds summaries, which see the earlier ones, and those of the latest segments are kept.`,
  'memo-bytes': raw`The memory of Memo~\cite{gupta2025}, with at most as many summaries as CAD has latents.`,
  gru: raw`The state of a gated recurrent unit~\cite{cho2014} that reads the tokens one after another, with as many numbers as the latents of CAD.`,
  'linear-attention': raw`The state of a linear attention~\cite{katharopoulos2020} with a decay that depends on the token~\cite{dao2024}, with as many numbers as the latents of CAD.`,
  none,
  oracle: 'A player that knows the task and acts optimally from the first step.',
};

// ---- terms of losses that have sentences of their own --------------------------------------------------------------------------

export const TASK = raw`\ell_\mathrm{task}`;
export const KL = raw`\ell_\mathrm{KL}`;
export const RETURNS = raw`\ell_\mathrm{ret}`;
export const RECONSTRUCTION = raw`\mathcal{L}_\mathrm{rec}`;

// ---- look-up of the texts ----------------------------------------------------------------------------------------------------

/** The full-context teacher, which has no compressor. */
export const TEACHER: string = COMPRESSORS.full;

/** Names are relative to the setting of the environment. */
export const environmentProse = (kind: NonNullable<Kinds['environment']>): string =>
  own(ENVIRONMENTS, kind, kind.options) ?? `The environment is ${plain(kind)}`;

/** Completes "The source is …"; further sentences may follow. Names are relative to the setting of the source. */
export const sourceProse = (kind: NonNullable<Kinds['source']>): string => own(SOURCES, kind, kind.options) ?? plain(kind);

/** Names are relative to the configuration, here and below. */
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

/** The text of a built-in kind, which may depend on values. Undefined for a kind that is not in the table. */
function own<T, W extends string | object>(
  table: Readonly<Record<string, W | ((values: T) => W)>>,
  { id }: Kind,
  values: T,
): W | undefined {
  if (!Object.hasOwn(table, id)) return undefined;
  const words = table[id];
  return typeof words === 'function' ? words(values) : words;
}

/** The end of a sentence about a kind without prose: its id and description. */
const plain = ({ id, description }: Kind): string => String.raw`\texttt{${escapeTex(id)}}: ${escapeTex(description.replace(/\.$/, ''))}.`;
