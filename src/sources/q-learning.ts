/** @file Tabular Q-learning (Watkins 1989; Sutton and Barto 2018, §6.5), ε-greedy, with optimistic first values (§2.6); a table a phase. */

import { actionIndex, mixUniform, phaseCounter, situationIndex } from '../rl/index.ts';
import { defineSource, largestOf, spreadOverBest } from './source.ts';

export const qLearning = defineSource({
  id: 'q-learning',
  description: 'tabular Q-learning, ε-greedy with ε falling exponentially; its distribution is the ε-greedy one',
  knows: 'The observation space and the actions; nothing of the moves or the rewards.',
  options: {
    stepSize: { default: 0.5, range: [0, 1], about: 'share of the temporal-difference error that is corrected at once' },
    discount: { default: 0.9, range: [0, 1], about: 'γ, the worth of a reward one step later' },
    initial: { default: 0.5, range: [-1e6, 1e6], about: 'first value of every action; positive values make it try everything' },
    epsilon: { default: 0.5, range: [0, 1], about: 'share of uniform actions in the first episode' },
    epsilonDecay: { default: 0.98, range: [0, 1], about: 'factor on ε after every episode' },
    epsilonFinal: { default: 0, range: [0, 1], about: 'ε does not fall below this' },
  },
  learner(family, _task, _random, { stepSize, discount, initial, epsilon, epsilonDecay, epsilonFinal }) {
    const index = situationIndex(family);
    const phase = phaseCounter(family);
    const { count: actions, of: actionOf } = actionIndex(family, 'Source q-learning');
    const values = new Float64Array(index.count * actions).fill(initial);
    let share = epsilon;
    return {
      distribution(observation, out) {
        spreadOverBest(values, index.of(observation, phase.now) * actions, out);
        mixUniform(out, share);
      },
      observe(observation, action, reward, nextObservation, terminated, truncated) {
        const pair = index.of(observation, phase.now) * actions + actionOf(action);
        const row = index.of(nextObservation, phase.step(reward, terminated || truncated)) * actions;
        const best = largestOf(values, row, actions);
        // A truncated episode would have gone on, so its last value counts; a terminated one is over.
        const target = reward + (terminated ? 0 : discount * best);
        values[pair] += stepSize * (target - values[pair]);
        if (terminated || truncated) share = Math.max(epsilonFinal, share * epsilonDecay);
      },
    };
  },
});
