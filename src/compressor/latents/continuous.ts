/** @file `continuous`: latents as the compressor gives them; R(Z) is their mean square (an L2 penalty, method 4.1). */

import { mean, square } from '../../engine/index.ts';
import type { LatentKind } from './kind.ts';

export const continuous: LatentKind = {
  id: 'continuous',
  description: 'real numbers as the compressor gives them',
  apply: (_, z_BMD) => ({ trained: z_BMD, settled: z_BMD, capacity: mean(square(z_BMD)) }),
};
