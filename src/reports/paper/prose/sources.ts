/** @file The sources of learning histories, each as it ends "The source is …": <options/…> stand for values of the setting of the source. */

const raw = String.raw;

type Options = Readonly<Record<string, number>>;

/** What is said of the table of Q-learning. */
const TABLE = raw`The learner knows the actions and nothing of moves or rewards. All values begin at <options/initial>, the step size is <options/stepSize>, the discount <options/discount>, and actions are $\epsilon$-greedy: $\epsilon$ is <options/epsilon> in the first episode and is multiplied by <options/epsilonDecay> after every episode until it reaches <options/epsilonFinal>.`;

/** The styles of demonstrations, in their order. */
const STYLES: Readonly<Record<string, string>> = {
  expert: 'expert, optimal actions of a player who is told the task',
  noisy: 'noisy, such a player of whose actions a share of <options/noise> is uniformly random',
  mediocre: raw`mediocre, Boltzmann-rational actions~\cite{ziebart2010} $p(a) \propto \exp(Q(s, a) / \tau)$ with exact values and $\tau = <options/temperature>$`,
  random: 'random, uniform actions',
};

export const SOURCES: Readonly<Record<string, string | ((options: Options) => string)>> = {
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
      .filter(([style]) => weights[style] > 0)
      .map(([style, words]) => `${words} (weight <options/${style}>)`)
      .join('; ')}.`,
  'replay-buffer': ({ capacity }) =>
    raw`the replay buffer~\cite{lin1992} of tabular Q-learning~\cite{watkins1992}: ${
      Number.isFinite(capacity) ? 'the latest <options/capacity|episode> of a learner' : 'all episodes of a learner'
    } in random order, so that a history does not show progress. ${TABLE}`,
  ucb: raw`upper confidence bounds~\cite{auer2002}: one pull of each arm in order, then the arm with the largest $\hat{\mu}_a + b / \sqrt{n_a}$ with $b = <options/bonus>$, the first of equals, where $\hat{\mu}_a$ is the mean reward of its $n_a$ pulls that were scored.`,
  'disc-search': ({ deviation }) =>
    raw`a search by elimination, R-MAX~\cite{brafman2002} for a point in the plane. The learner knows the moves, the radius of the disc and the places where its centre may be, but not which. It goes straight to the nearest place where the disc may still be, and once paid stays with the places that explain it. ${
      deviation > 0
        ? 'Its distribution is a Gaussian around that step with a standard deviation of <options/deviation>.'
        : 'It executes and records exact steps.'
    }`,
  oracle: 'a player who is told the task and acts optimally from its first step on.',
  random: 'uniformly random actions.',
};
