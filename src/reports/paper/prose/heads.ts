/** @file The heads for actions, where h is a hidden state: names stand for values of the configuration. */

const raw = String.raw;

/** What the words of a head depend on. */
export interface HeadFacts {
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
  discretised: facts =>
    `Every real number of an action is one of <policy/head/bins> values at even distances between its bounds; the target is the mass that the Gaussian of the source has nearest to each. ${grid(facts)}`,
  gaussian:
    'The head gives a Gaussian for every number of an action, its mean and its standard deviation, the latter between bounds relative to the width of the range; actions that are drawn are clipped to the range.',
};
