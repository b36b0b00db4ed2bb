/** @file The exact oracle. It lives in `rl`, where the learning sources may read it too; this is its name among environments. */

export { type OptimalActions, optimalActions, optimalReturn } from '../rl/planning.ts';
