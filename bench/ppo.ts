/**
 * @file Returns and environment steps per second of the source `ppo` for each kind of action, with a recurrent memory, and in Gymnasium. Returns
 * are divided by the oracle's, or raw without an oracle. Gymnasium cases are skipped if it is not installed.
 */

import { nodeExecutor } from '../src/engine/executors/node.ts';
import { environment } from '../src/envs/index.ts';
import { episodeReturns, type History, listedTasks } from '../src/rl/index.ts';
import { generateHistories, source } from '../src/sources/index.ts';
import { CadenzaError } from '../src/util/errors.ts';
import { Random } from '../src/util/random.ts';
import type { Bench, Result } from './bench.ts';

interface Case {
  readonly env: string;
  readonly envOptions?: Readonly<Record<string, unknown>>;
  /** Number of tasks, drawn from the environment's list. */
  readonly tasks: number;
  readonly episodes: number;
  /** Number of episodes to average at the end of a history. Default: a fraction of all. */
  readonly last?: number;
  readonly options?: Readonly<Record<string, number>>;
}

const SEEDS = 3;

/** Every kind of action; a room that hides whether the key is held, without and with memory; and two that count as solved at 475 and −200. */
const CASES: Readonly<Record<string, Case>> = {
  'dark-room': { env: 'dark-room', tasks: 21, episodes: 500 },
  'dark-room-moves': { env: 'dark-room-moves', tasks: 21, episodes: 500 },
  'point-room': { env: 'point-room', tasks: 21, episodes: 1000 },
  'key-to-door': { env: 'key-to-door', tasks: 12, episodes: 1500 },
  'key-to-door-memory': { env: 'key-to-door', tasks: 12, episodes: 1500, options: { memory: 16 } },
  cartpole: {
    env: 'gymnasium',
    envOptions: { make: 'CartPole-v1' },
    tasks: 1,
    episodes: 600,
    last: 100,
    options: { discount: 0.99, rollout: 64, entropy: 0 },
  },
  pendulum: {
    env: 'gymnasium',
    envOptions: { make: 'Pendulum-v1' },
    tasks: 1,
    episodes: 800,
    last: 100,
    options: { discount: 0.9, rollout: 256, epochs: 10, minibatches: 16, learningRate: 0.001, entropy: 0 },
  },
};

/** Fractions of the episodes to average at the start and end of a history. */
const [FIRST, LAST] = [0.02, 0.1];

async function learn({ env, envOptions, tasks, episodes, last = Math.round(LAST * episodes), options }: Case): Promise<Result> {
  const family = environment(env, envOptions);
  const chosen = Random.seeded(0).split('tasks').shuffled(listedTasks(family, 'This benchmark')).slice(0, tasks);
  const seeds = Array.from({ length: SEEDS }, (_, seed) => seed);
  const wanted = seeds.flatMap(seed => chosen.map((task, i) => ({ task, random: Random.seeded(seed).split(i) })));
  const began = performance.now();
  const histories = await generateHistories({
    family,
    source: source('ppo'),
    episodes,
    options,
    wanted,
    executor: nodeExecutor({ threads: 1 }),
    signal: new AbortController().signal,
  });
  const seconds = (performance.now() - began) / 1000;
  const steps = histories.reduce((sum, { reward }) => sum + reward.length, 0);
  const earned = (history: History, from: number, to = episodes) => {
    const returns = episodeReturns(history).slice(from, to);
    return returns.reduce((sum, value) => sum + value, 0) / returns.length / (family.oracleReturn?.(history.task) ?? 1);
  };
  const mean = (of: readonly History[], from: number, to?: number) =>
    of.reduce((sum, history) => sum + earned(history, from, to), 0) / of.length;
  const from = episodes - last;
  return {
    returns: family.oracleReturn ? 'fraction of the oracle' : 'raw',
    learners: histories.length,
    episodes,
    stepsOfALearner: Math.round(steps / histories.length),
    firstEpisodes: mean(histories, 0, Math.round(FIRST * episodes)),
    lastEpisodes: mean(histories, from),
    lastEpisodesBySeed: Object.fromEntries(seeds.map(seed => [seed, mean(histories.slice(seed * tasks, (seed + 1) * tasks), from)])),
    worstLearner: Math.min(...histories.map(history => earned(history, from))),
    seconds,
    stepsPerSecond: steps / seconds,
  };
}

export const ppo: Bench = {
  description: 'returns and steps per second of PPO with each kind of action, with memory and in Gymnasium (needs Python with gymnasium)',
  async run(say) {
    const found: Record<string, Result> = {};
    for (const [name, each] of Object.entries(CASES)) {
      say(`${name} …`);
      try {
        found[name] = await learn(each);
      } catch (error) {
        if (!(error instanceof CadenzaError && error.code === 'E_INSTALL')) throw error;
        found[name] = { skipped: error.message };
      }
    }
    return found;
  },
};
