export * from './in-context.ts';
export * from './load.ts';
export * from './transformer.ts';
