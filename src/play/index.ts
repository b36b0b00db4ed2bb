/** @file Rollouts, replays and timings of policies in environments. */

export * from './latency.ts';
export * from './replay.ts';
export * from './rollout.ts';
export * from './transplant.ts';
