/** @file Estimators with their intervals: bootstrap, aggregates, learning curves, probes. */

export * from './aggregates.ts';
export * from './attention.ts';
export * from './bootstrap.ts';
export * from './codes.ts';
export * from './imitation.ts';
export * from './learning.ts';
export * from './linear-probe.ts';
export * from './probes.ts';
export * from './reconstruction.ts';
export * from './reference.ts';
export * from './return-errors.ts';
export * from './softmax-probe.ts';
