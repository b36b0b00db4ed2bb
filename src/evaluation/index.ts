export * from './codes.ts';
export * from './recorded.ts';
export * from './results.ts';
export * from './rollout.ts';
export * from './statistics.ts';
export * from './study.ts';
export * from './supervised.ts';
