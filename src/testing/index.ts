/** @file The contracts of kinds, as named checks for any test runner. */

export * from './baseline.ts';
export type { Check } from './check.ts';
export * from './compressor.ts';
export * from './engine.ts';
export { environmentChecks } from './environment.ts';
export * from './executor.ts';
export * from './head.ts';
export * from './latents.ts';
export * from './loss-term.ts';
export * from './source.ts';
export * from './stage.ts';
export * from './tokenizer.ts';
