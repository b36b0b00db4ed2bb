/** @file What training stages log besides the terms of their losses (`src/agent/terms.ts`), for the documentation. */

/** Metrics by name; one that ends in a dot stands for a name for each field or each kind of latents. */
export const TRAINING_METRICS: Readonly<Record<string, string>> = {
  step: 'Steps of the optimizer that are done',
  loss: 'The loss that is minimized, of this batch',
  gradientNorm: 'Global norm of the gradient before it is clipped',
  learningRate: 'Learning rate of this step',
  validation: 'Errors on validation tasks, by number of examples; supervised experiments',
  'validation.return': 'Mean score of an episode, or of a window, on validation tasks; `evaluate.every`, as the next',
  'validation.lastReturn': 'The same for the last episode or window of each stream',
  'reconstruction.': 'Error of one field of the decoded context: cross-entropy (nats) or squared error',
  'accuracy.': 'Share of the values of one field that are decoded exactly',
  'recall.': 'Share of the rewards above 0 that are decoded as more than half of their size',
  'latents.': "What the kind of latents measures of itself: `divergence` (nats) or the codes' `perplexity`",
  entropy: 'Entropy of the policy (nats); stage `reinforce`, as all that follow',
  approxKl: 'Estimate of the divergence from the policy that acted to the present one (nats)',
  clipFraction: 'Share of the steps whose probability ratio is beyond the clipping range',
  valueError: 'Mean squared error of the predicted values',
  imitation: 'Cross-entropy with the labels of the own steps (nats)',
  return: 'Mean score of an episode of the latest rollouts',
  lastReturn: 'Mean score of the last episode of the latest rollouts',
  discounted: 'Mean discounted return of a stream',
  explained: 'Share of the variance of returns that the values explain',
};
