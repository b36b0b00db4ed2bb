/**
 * @file Tabular Q-learning (Watkins 1989; Sutton and Barto 2018, §6.5), ε-greedy, with optimistic initial values (§2.6) and one table per
 * phase.
 */

import { actionIndex, mixUniform, phaseCounter, situationIndex } from '../rl/index.ts';
import { defineSource, largestOf, spreadOverBest } from './source.ts';

export const qLearning = defineSource({
  id: 'q-learning',
  description: 'tabular Q-learning, ε-greedy with exponentially decreasing ε',
  knows: 'The observation and action spaces; nothing about moves or rewards.',
  options: {
    stepSize: { default: 0.5, range: [0, 1], about: 'step size of the temporal-difference update' },
    discount: { default: 0.9, range: [0, 1], about: 'γ, the discount factor' },
    initial: { default: 0.5, range: [-1e6, 1e6], about: 'initial value of every action; positive values encourage exploration' },
    epsilon: { default: 0.5, range: [0, 1], about: 'ε, the share of uniform actions, in the first episode' },
    epsilonDecay: { default: 0.98, range: [0, 1], about: 'factor on ε after every episode' },
    epsilonFinal: { default: 0, range: [0, 1], about: 'lower bound of ε' },
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
        // A truncated episode would have continued, so the value of its last state counts; a terminated one is over.
        const target = reward + (terminated ? 0 : discount * best);
        values[pair] += stepSize * (target - values[pair]);
        if (terminated || truncated) share = Math.max(epsilonFinal, share * epsilonDecay);
      },
    };
  },
});
