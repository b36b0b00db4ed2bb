/**
 * @file Model-based interval estimation with exploration bonus, MBIE-EB (Strehl and Littman 2008, eq. 6):
 * Q(s, a) = R̂(s, a) + β / √n(s, a) + γ max_a′ Q(s′, a′), where pairs never tried keep an optimistic value.
 * In a family with phases, s is what is seen and the phase.
 */

import { actionIndex, phaseCounter, situationIndex } from '../rl/index.ts';
import { defineSource, largestOf, spreadOverBest } from './source.ts';

export const countBased = defineSource({
  id: 'count-based',
  description: 'learns moves and rewards from what it saw, plans in that model with a bonus β/√n for pairs seldom tried (MBIE-EB)',
  knows: 'The observation space and the actions; nothing of the moves or the rewards.',
  options: {
    bonus: { default: 0.01, range: [0, 1e6], about: 'β, the bonus of a pair tried once' },
    initial: {
      default: 3,
      range: [0, 1e6],
      about: 'value of a pair never tried; at rewardMax / (1 − γ) it finds the best way for sure, below that it settles sooner',
    },
    discount: { default: 0.8, range: [0, 1], about: 'γ, the worth of a reward one step later' },
    sweeps: { default: 4, range: [0, 1000], integer: true, about: 'planning sweeps over all tried pairs after every episode' },
  },
  learner(family, _task, _random, { bonus, initial, discount, sweeps }) {
    const index = situationIndex(family);
    const phase = phaseCounter(family);
    const { count: actions, of: actionOf } = actionIndex(family, 'Source count-based');
    const pairs = index.count * actions;
    const values = new Float64Array(pairs).fill(initial);
    const count = new Int32Array(pairs);
    const meanReward = new Float64Array(pairs);
    // The last outcome of every pair stands for its transition probabilities, exactly so where moves are deterministic. −1: it ended there.
    const outcome = new Int32Array(pairs);
    const tried: number[] = [];

    const backup = (pair: number) => {
      const best = outcome[pair] < 0 ? 0 : largestOf(values, outcome[pair] * actions, actions);
      values[pair] = meanReward[pair] + bonus / Math.sqrt(count[pair]) + discount * best;
    };
    return {
      distribution: (observation, out) => spreadOverBest(values, index.of(observation, phase.now) * actions, out),
      observe(observation, action, reward, nextObservation, terminated, truncated) {
        const pair = index.of(observation, phase.now) * actions + actionOf(action);
        const arrived = phase.step(reward, terminated || truncated);
        if (count[pair]++ === 0) tried.push(pair);
        meanReward[pair] += (reward - meanReward[pair]) / count[pair];
        outcome[pair] = terminated ? -1 : index.of(nextObservation, arrived);
        backup(pair);
        if (!terminated && !truncated) return;
        // Latest first, so that what an episode's end taught flows back along the way in one sweep.
        for (let sweep = 0; sweep < sweeps; sweep++) for (let i = tried.length - 1; i >= 0; i--) backup(tried[i]);
      },
    };
  },
});
