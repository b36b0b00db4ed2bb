/** @file Every built-in baseline keeps the contract of baselines. */

import { describe, it } from 'vitest';
import { baselineChecks } from '../../testing/baseline.ts';
import { baselines } from './index.ts';

describe.each(baselines.all)('$id', baseline => {
  for (const { name, run } of baselineChecks(baseline)) it(name, run);
});
