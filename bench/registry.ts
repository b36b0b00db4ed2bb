/** @file The benchmarks by name. One file and one line here make another. */

import type { Bench } from './bench.ts';
import { executors } from './executors.ts';
import { gymnasium } from './gymnasium.ts';
import { history } from './history.ts';
import { ppo } from './ppo.ts';
import { input, loop } from './road.ts';
import { trainStep } from './train-step.ts';

export const BENCHES: Record<string, Bench> = {
  'train-step': trainStep,
  executors,
  input,
  loop,
  history,
  gymnasium,
  ppo,
};
