export * from './env.ts';
export * from './history.ts';
export * from './policy.ts';
export * from './spaces.ts';
