/** @file Tasks, spaces, environments, histories, policies and planning: the types that all of it shares. */

export * from '../util/options.ts';
export * from './actions.ts';
export * from './advantage.ts';
export * from './columns.ts';
export * from './draw.ts';
export * from './env.ts';
export * from './family.ts';
export * from './history.ts';
export * from './maze.ts';
export * from './planning.ts';
export * from './policy.ts';
export * from './scene.ts';
export * from './spaces.ts';
export * from './tabular.ts';
