/**
 * @file `discretised`: every real number of an action becomes one of `bins` values, evenly from the lower to the upper bound, both included.
 * Labels are the mass that the source's Gaussian has nearest to each value, what lies beyond the bounds falling to the outermost.
 */

import type { BoxSpace } from '../../rl/index.ts';
import { normalBelow } from '../../util/normal.ts';
import { gridHead } from './grid.ts';
import type { HeadKind } from './head.ts';

export const discretised: HeadKind = {
  id: 'discretised',
  description: 'probabilities of evenly spaced values of every real number of an action',
  takes: 'real numbers',
  make(space, { bins, autoregressive }) {
    if (space.kind !== 'box') return undefined;
    const values = valuesOf(space, bins);
    const several = values.length > 1;
    const marginals = new Float64Array(values.length * bins);
    /** Marginal probabilities of a recorded mean and deviation, one dimension behind the other. */
    const masses = (label: ArrayLike<number>, from: number) => {
      for (const [i, own] of values.entries()) {
        const [mean, deviation] = [label[from + i], label[from + values.length + i]];
        let below = 0;
        for (let k = 0; k < bins; k++) {
          const upTo = k + 1 < bins ? normalBelow((own[k] + own[k + 1]) / 2, mean, deviation) : 1;
          marginals[i * bins + k] = upTo - below;
          below = upTo;
        }
      }
      return marginals;
    };
    return gridHead({
      space,
      values,
      autoregressive,
      choice: { kind: 'discretised', bins, ...(several ? { autoregressive } : {}) },
      writeJoint(label, from, out, at) {
        masses(label, from);
        const combinations = bins ** values.length;
        for (let index = 0; index < combinations; index++) {
          let [mass, rest] = [1, index];
          for (let i = values.length - 1; i >= 0; i--) {
            mass *= marginals[i * bins + (rest % bins)];
            rest = Math.floor(rest / bins);
          }
          out[at + index] = mass;
        }
      },
      writeMarginals: (label, from, out, at) => out.set(masses(label, from), at),
    });
  },
};

const valuesOf = ({ low, high }: BoxSpace, bins: number): number[][] =>
  low.map((lowest, i) => Array.from({ length: bins }, (_, k) => lowest + ((high[i] - lowest) * k) / (bins - 1)));
