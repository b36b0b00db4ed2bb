/**
 * @file The root of the package: what one registers kinds of one's own with, runs experiments by, and reads results with. The parts that pages
 * embed have exports of their own (cadenza/policy, cadenza/envs, …).
 */

export { type LossTerm, lossTerms, type Pass } from './agent/terms.ts';
