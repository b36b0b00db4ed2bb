export * from './dataset.ts';
export * from './manifest.ts';
export * from './shards.ts';
export * from './split.ts';
export * from './store.ts';
