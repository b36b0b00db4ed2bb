/** @file `categorical`: probabilities of integers, of one or of several dimensions. */

import type { Space } from '../../rl/index.ts';
import { gridHead } from './grid.ts';
import { copying, type HeadKind, type WriteTarget } from './head.ts';

const sizesOf = (space: Space): readonly number[] | undefined =>
  space.kind === 'discrete' ? [space.n] : space.kind === 'multi-discrete' ? space.nvec : undefined;

export const categorical: HeadKind = {
  id: 'categorical',
  description: 'probabilities of integers, of one or of several dimensions',
  takes: 'integers',
  make(space, { autoregressive }) {
    const sizes = sizesOf(space);
    return (
      sizes &&
      gridHead({
        space,
        values: sizes.map(n => Array.from({ length: n }, (_, i) => i)),
        autoregressive,
        choice: sizes.length > 1 ? { kind: 'categorical', autoregressive } : undefined,
        writeJoint: copying(sizes.reduce((product, n) => product * n, 1)),
        writeMarginals: marginals(sizes),
      })
    );
  },
};

/** Sources record the probability of every combination, the last dimension fastest; each dimension's are sums over the others. */
const marginals =
  (sizes: readonly number[]): WriteTarget =>
  (label, from, out, at) => {
    const [combinations, total] = [sizes.reduce((product, n) => product * n, 1), sizes.reduce((sum, n) => sum + n, 0)];
    out.fill(0, at, at + total);
    for (let index = 0; index < combinations; index++) {
      let [rest, end] = [index, at + total];
      for (let i = sizes.length - 1; i >= 0; i--) {
        end -= sizes[i];
        out[end + (rest % sizes[i])] += label[from + index];
        rest = Math.floor(rest / sizes[i]);
      }
    }
  };
