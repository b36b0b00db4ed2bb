/** @file `continuous`: latents as the compressor gives them; R(Z) is their mean square (an L2 penalty, method 4.1). */

import { mean, square } from '../../engine/index.ts';
import type { LatentKind } from './kind.ts';

export const continuous: LatentKind = {
  id: 'continuous',
  description: 'real numbers as the compressor gives them',
  prose: {
    form: 'The latents are real numbers, used as the compressor gives them.',
    capacity: String.raw`the mean square of the latents, $R(Z) = \frac{1}{mD} \sum_{j,d} z_{jd}^2$`,
  },
  apply: (_, z_BMD) => ({ trained: z_BMD, settled: z_BMD, capacity: mean(square(z_BMD)) }),
};
