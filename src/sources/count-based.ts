/**
 * @file Model-based interval estimation with exploration bonus, MBIE-EB (Strehl and Littman 2008, eq. 6): Q(s, a) = R̂(s, a) + β / √n(s, a)
 * + γ max_a′ Q(s′, a′), where untried pairs keep an optimistic value. In a family with phases, s is the observation and the phase.
 */

import { actionIndex, phaseCounter, situationIndex } from '../rl/index.ts';
import { defineSource, largestOf, spreadOverBest } from './source.ts';

export const countBased = defineSource({
  id: 'count-based',
  description: 'learns a model of moves and rewards, and plans in it with an exploration bonus β/√n for rarely tried pairs (MBIE-EB)',
  knows: 'The observation and action spaces; nothing about moves or rewards.',
  options: {
    bonus: { default: 0.01, range: [0, 1e6], about: 'β, the bonus of a state-action pair that was tried once' },
    initial: {
      default: 3,
      range: [0, 1e6],
      about: 'value of an untried pair; rewardMax / (1 − γ) guarantees finding the optimum, smaller values converge sooner',
    },
    discount: { default: 0.8, range: [0, 1], about: 'γ, the discount factor' },
    sweeps: { default: 4, range: [0, 1000], integer: true, about: 'number of planning sweeps over all tried pairs after each episode' },
  },
  learner(family, _task, _random, { bonus, initial, discount, sweeps }) {
    const index = situationIndex(family);
    const phase = phaseCounter(family);
    const { count: actions, of: actionOf } = actionIndex(family, 'Source count-based');
    const pairs = index.count * actions;
    const values = new Float64Array(pairs).fill(initial);
    const count = new Int32Array(pairs);
    const meanReward = new Float64Array(pairs);
    // The last outcome of every pair stands for its transition probabilities, which is exact for deterministic moves. −1: the episode ended
    // there.
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
        // Latest first, so that what the end of an episode taught propagates along the whole path in one sweep.
        for (let sweep = 0; sweep < sweeps; sweep++) for (let i = tried.length - 1; i >= 0; i--) backup(tried[i]);
      },
    };
  },
});
