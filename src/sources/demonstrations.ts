/**
 * @file Demonstrations in several styles (method 5.2): fixed policies that do not learn. Each history is of one style, drawn by the weights.
 *
 *   expert    optimal actions
 *   noisy     optimal actions, but a share of them uniform
 *   mediocre  Boltzmann-rational (Ziebart et al. 2010; Jeon, Milli and Dragan 2020): p(a) ∝ exp(Q(s, a) / temperature), Q exact with the steps left
 *   random    uniform actions
 */

import { type EnvFamily, mixUniform, type OptimalActions, optimalActions, type Task, tabularModel } from '../rl/index.ts';
import { CadenzaError } from '../util/errors.ts';
import type { Random } from '../util/random.ts';
import { expert, optimally, type Rule } from './expert.ts';
import { defineSource } from './source.ts';

/** The styles, with what is done in them. */
export const DEMONSTRATION_STYLES = {
  expert: 'optimal actions of a player who is told the task',
  noisy: 'such a player whose actions are in part uniform',
  mediocre: 'such a player whose actions are the likelier the less return they lose',
  random: 'uniform actions',
} as const;
export type DemonstrationStyle = keyof typeof DEMONSTRATION_STYLES;
const STYLES = Object.keys(DEMONSTRATION_STYLES) as DemonstrationStyle[];

/** Options of the source with which all histories are of one style. */
export const inStyle = (style: DemonstrationStyle) => Object.fromEntries(STYLES.map(each => [each, Number(each === style)]));

const weight = (style: DemonstrationStyle) => ({
  default: 1,
  range: [0, 1e6] as const,
  about: `weight of the style ${style} among the histories`,
});

export const demonstrations = defineSource({
  id: 'demonstrations',
  description: 'players that never learn, each history by one of four: expert, noisy, mediocre or random',
  knows: 'Everything: players told the task, its hidden goal included; how well they play is their style.',
  options: {
    expert: weight('expert'),
    noisy: weight('noisy'),
    mediocre: weight('mediocre'),
    random: weight('random'),
    noise: { default: 0.3, range: [0, 1], about: 'noisy: share of uniform actions' },
    temperature: { default: 1, range: [1e-6, 1e6], about: 'mediocre: loss of return at which an action is e times rarer than the best' },
  },
  learner(family, task, random, { noise, temperature, ...weights }) {
    tabularModel(family, 'A demonstrator');
    const plan = optimalActions(family, task);
    const best = optimally(plan);
    const rules: Record<DemonstrationStyle, Rule> = {
      expert: best,
      noisy(left, state, out) {
        best(left, state, out);
        mixUniform(out, noise);
      },
      mediocre: boltzmann(family, task, plan, temperature),
      random: (_left, _state, out) => void out.fill(1 / out.length),
    };
    return expert(family, task, rules[drawStyle(weights, random)]);
  },
});

function drawStyle(weights: Readonly<Record<DemonstrationStyle, number>>, random: Random): DemonstrationStyle {
  const row = Float32Array.from(STYLES, style => weights[style]);
  if (row.some(value => value > 0)) return STYLES[random.categorical(row, 0, row.length)];
  throw new CadenzaError('E_CONFIG', `source demonstrations: expected one of ${STYLES.join(', ')} to weigh more than 0, but none does.`);
}

/** p(a) ∝ exp(Q_k(s, a) / temperature) with Q_k(s, a) = r(s, a, s′) + [s′ not terminal] V_{k−1}(s′). */
function boltzmann(family: EnvFamily, task: Task, { values }: OptimalActions, temperature: number): Rule {
  const model = tabularModel(family, 'A Boltzmann-rational player');
  return (left, state, out) => {
    let highest = -Infinity;
    for (let a = 0; a < out.length; a++) {
      const to = model.next(task, state, a);
      out[a] = model.reward(task, state, a, to) + (model.terminal(task, to) ? 0 : values[(left - 1) * model.states + to]);
      highest = Math.max(highest, out[a]);
    }
    let total = 0;
    for (let a = 0; a < out.length; a++) {
      out[a] = Math.exp((out[a] - highest) / temperature);
      total += out[a];
    }
    for (let a = 0; a < out.length; a++) out[a] /= total;
  };
}
