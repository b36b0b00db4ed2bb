/**
 * @file Demonstrations in several styles (method 5.2): fixed policies that do not learn. Each history has one style, sampled by weight.
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

/** The styles, described. */
export const DEMONSTRATION_STYLES = {
  expert: 'optimal actions, given the task',
  noisy: 'optimal actions, given the task, some of them replaced by uniform ones',
  mediocre: 'Boltzmann-rational actions, given the task: the less return an action loses, the more likely it is',
  random: 'uniform actions',
} as const;
/** Name of a style of demonstrations. */
export type DemonstrationStyle = keyof typeof DEMONSTRATION_STYLES;
const STYLES = Object.keys(DEMONSTRATION_STYLES) as DemonstrationStyle[];

/** Options of the source for histories of one style only. */
export const inStyle = (style: DemonstrationStyle) => Object.fromEntries(STYLES.map(each => [each, Number(each === style)]));

const weight = (style: DemonstrationStyle) => ({
  default: 1,
  range: [0, 1e6] as const,
  about: `weight of the style ${style} among the histories`,
});

/** The source of demonstrations. */
export const demonstrations = defineSource({
  id: 'demonstrations',
  description: 'fixed policies that do not learn; each history is expert, noisy, mediocre or random',
  knows: 'Everything: the task, including its hidden goal; the style determines how well it plays.',
  options: {
    expert: weight('expert'),
    noisy: weight('noisy'),
    mediocre: weight('mediocre'),
    random: weight('random'),
    noise: { default: 0.3, range: [0, 1], about: 'noisy: share of uniform actions' },
    temperature: {
      default: 1,
      range: [1e-6, 1e6],
      about: 'mediocre: the loss of return that makes an action e times less likely than the best',
    },
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
  throw new CadenzaError('E_CONFIG', `source demonstrations: all of the weights ${STYLES.join(', ')} are 0. Set at least one above 0.`);
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
