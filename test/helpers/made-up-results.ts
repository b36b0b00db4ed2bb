/** @file Results as a run writes them, made up, for the tests of reports. */

import {
  describeIntervals,
  type MethodResult,
  methodResult,
  oracleReference,
  RESULTS_FORMAT,
  type Results,
} from '../../src/records/index.ts';
import type { ReturnError } from '../../src/statistics/index.ts';
import { Random } from '../../src/util/random.ts';

export const EPISODES = 30;
export const TASKS = Array.from({ length: 8 }, (_, i) => `dark-room goal=${(i * 5) % 9},${(i * 7) % 9}`);

/** Runs that learn from `start` toward `end` at `rate`, with a share of tasks never solved, as Dark Room runs look. */
function learner(seed: number, start: number, end: number, rate: number, failing: number, flopsPerAction: number, stateBytes: number) {
  const random = Random.seeded(seed);
  const seeds = [0, 1].map(() => {
    const tasks = Array.from({ length: 24 }, (_, i) => TASKS[i % 8]);
    const returns = tasks.flatMap((_, stream) =>
      Array.from({ length: EPISODES }, (_, e) => {
        const solved = stream % 8 >= failing * 8;
        const level = solved ? end - (end - start) * Math.exp(-rate * e) : start;
        return Math.round(16 * Math.max(0, level + 0.08 * random.normal()));
      }),
    );
    return { returns, tasks };
  });
  const reference = oracleReference(TASKS.map(task => [task, 16]));
  const cost = { flopsPerAction, stateBytes, historyBytes: stateBytes / 2 };
  return methodResult({ seeds, episodes: EPISODES, reference, cost, random, resamples: 200 });
}

export const results: Results = {
  format: RESULTS_FORMAT,
  name: 'Dark Room <9×9> & "friends"',
  oracle: { mean: 16.543 },
  episodes: EPISODES,
  streams: 24,
  seeds: 2,
  sampling: 'sample',
  intervalNote: describeIntervals({ tasks: 8, streams: 24, seeds: 2, resamples: 200 }),
  methods: {
    ad: learner(1, 0.2, 0.94, 0.25, 0, 144.8e6, 96_000),
    'ad-short-window': learner(2, 0.18, 0.62, 0.3, 0.25, 31e6, 24_000),
    cad: learner(3, 0.2, 0.97, 0.35, 0, 27.8e6, 6_144),
    'cad-no-distill': learner(4, 0.2, 0.8, 0.2, 0.12, 27.8e6, 6_144),
    dpt: learner(5, 0.15, 0.93, 0.5, 0.25, 120e6, 96_000),
    oracle: learner(6, 1, 1, 1, 0, 0, 0),
    'q-learning': learner(7, 0.05, 0.55, 0.05, 0, 420, 1_620),
    random: learner(8, 0.08, 0.08, 1, 0, 5, 0),
    rad: learner(9, 0.2, 0.9, 0.3, 0, 30e6, 9_000),
  },
  tables: {
    'q-learning histories': { ad: learner(10, 0.1, 0.8, 0.1, 0, 144.8e6, 96_000), cad: learner(11, 0.1, 0.84, 0.12, 0, 27.8e6, 6_144) },
  },
  split: { method: 'by content (task key)', train: 73, test: 8, overlap: 0 },
  run: {
    command: 'cadenza run experiments/dark-room.yaml --set pretrain.lr=3e-4',
    config: { name: 'dark-room', policy: { width: 64, layers: 4, heads: 4 }, goals: [[1, 2]], note: '<script>alert(1)</script>' },
    commit: '7a9799f',
    version: '0.1.0',
    node: 'v20.20.2',
    machine: { cpu: 'AMD EPYC', cores: 2 },
    dataHashes: { histories: 'ab'.repeat(32) },
    seconds: { generate: 4.21, pretrain: 200, evaluate: 3720 },
  },
};
export const names = Object.keys(results.methods);

/** One episode on drawn tasks, with regret. */
function bandit(regret: number): MethodResult {
  const tasks = ['a', 'b', 'c', 'd'].map(name => `means=${name.repeat(150)}`);
  const seeds = [{ tasks, returns: [4, 5, 6, 7], regret: tasks.flatMap((_, i) => [regret + i - 1.5, 1]) }];
  const reference = oracleReference(tasks.map(task => [task, 8]));
  const cost = { flopsPerAction: 1, stateBytes: 1, historyBytes: 0 };
  const how = { resamples: 100, resampled: 'tasks', regretParts: ['before', 'after'] } as const;
  return methodResult({ seeds, episodes: 1, reference, cost, random: Random.seeded(1), ...how });
}
export const lifetime: Results = {
  ...results,
  episodes: 1,
  streams: 4,
  seeds: 1,
  methods: { cad: bandit(4), random: bandit(9) },
  tables: {},
};

/** Two predictors that are off by the same everywhere. */
const offBy = (error: number): ReturnError => {
  const episodes = { absolute: [error, error], squared: [error ** 2, error ** 2] };
  const [absolute, squared] = [error, error ** 2].map(mean => ({ mean, low: mean, high: mean }));
  return { absolute, squared, byEpisode: episodes, byAhead: episodes };
};
export const predictors = { 'last return': offBy(0.5), cad: offBy(0.25) };
export const withPredictions: Results = { ...results, returns: { [results.name]: { histories: 16, predictors } } };
