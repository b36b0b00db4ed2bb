/** @file Exact memory: remembers what the rules say matters (a cue, counts), and acts optimally by it. */

import { actionIndex, type EnvFamily, type RecallModel, spaceSize } from '../rl/index.ts';
import { CadenzaError } from '../util/errors.ts';
import { defineSource, type Learner } from './source.ts';

export const recall = defineSource({
  id: 'recall',
  description: 'remembers exactly what the observations of an episode showed, and takes the action that follows from it',
  knows: 'The rules: what must be remembered, and which action follows from it; nothing of the task.',
  options: {},
  learner(family) {
    if (family.recall) return recaller(family, family.recall);
    const what = `Source recall needs an environment that declares what must be remembered (recall), which ${family.id} does not`;
    throw new CadenzaError('E_CONFIG', `${what}. Choose another source.`);
  },
});

/** Acts by the family's model of what must be remembered. Throws `E_CONFIG` for real actions. */
export function recaller(family: EnvFamily, { memory: about, remember, act }: RecallModel): Learner {
  actionIndex(family, 'Exact memory');
  const memory = new Float64Array(spaceSize(about.space));
  const now = new Float64Array(memory.length);
  let ended = false;
  return {
    distribution(observation, out) {
      if (ended) now.fill(0);
      else now.set(memory);
      remember(now, observation);
      out.fill(0);
      out[act(now, observation)] = 1;
    },
    observe(observation, _action, _reward, _nextObservation, terminated, truncated) {
      // What an episode showed is remembered until the next one begins.
      if (ended) memory.fill(0);
      remember(memory, observation);
      ended = terminated || truncated;
    },
    beliefs: [{ ...about, value: () => [...memory] }],
  };
}
