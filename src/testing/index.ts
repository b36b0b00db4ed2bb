export type { Check } from './check.ts';
export * from './compressor.ts';
export * from './engine.ts';
export { environmentChecks } from './environment.ts';
export * from './executor.ts';
export * from './source.ts';
