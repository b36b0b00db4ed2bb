/** @file All benchmarks by name. To add one, write a file and add a line here. */

import type { Bench } from './bench.ts';
import { browser } from './browser.ts';
import { executors } from './executors.ts';
import { gymnasium } from './gymnasium.ts';
import { history } from './history.ts';
import { input, loop } from './loop.ts';
import { peers } from './peers.ts';
import { ppo } from './ppo.ts';
import { profile } from './profile.ts';
import { trainStep } from './train-step.ts';
import { workers } from './workers.ts';

export const BENCHES: Record<string, Bench> = {
  'train-step': trainStep,
  executors,
  browser,
  input,
  loop,
  history,
  gymnasium,
  peers,
  ppo,
  workers,
  profile,
};
