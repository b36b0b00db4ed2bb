export * from './env.ts';
export * from './history.ts';
export * from './options.ts';
export * from './planning.ts';
export * from './policy.ts';
export * from './spaces.ts';
export * from './tabular.ts';
