export * from './results.ts';
export * from './rollout.ts';
export * from './statistics.ts';
