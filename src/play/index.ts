/** @file Rollouts, replays and timings of policies in environments. */

export * from './interventions.ts';
export * from './latency.ts';
export * from './life.ts';
export * from './replay.ts';
export * from './rollout.ts';
export * from './steps.ts';
export * from './transplant.ts';
