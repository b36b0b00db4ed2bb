/** @file All benchmarks by name. To add one, write a file and add a line here. */

import type { Bench } from './bench.ts';
import { browser } from './browser.ts';
import { env } from './env.ts';
import { executors } from './executors.ts';
import { gymnasium } from './gymnasium.ts';
import { histories } from './histories.ts';
import { history } from './history.ts';
import { input, loop } from './loop.ts';
import { makespan } from './makespan.ts';
import { pageTraining } from './page-training.ts';
import { peers } from './peers.ts';
import { plan } from './plan.ts';
import { playground } from './playground.ts';
import { ppo } from './ppo.ts';
import { profile } from './profile.ts';
import { queue } from './queue.ts';
import { shards } from './shards.ts';
import { trainStep } from './train-step.ts';
import { watch } from './watch.ts';
import { workers } from './workers.ts';

export const BENCHES: Record<string, Bench> = {
  'train-step': trainStep,
  env,
  executors,
  browser,
  'page-training': pageTraining,
  input,
  loop,
  history,
  histories,
  shards,
  gymnasium,
  peers,
  playground,
  ppo,
  workers,
  profile,
  watch,
  makespan,
  queue,
  plan,
};
