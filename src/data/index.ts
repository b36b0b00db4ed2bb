/** @file Learning histories and contexts on the disk: shards, manifests, data sets, splits and look-up. */

export { COLUMN_NAMES, type Columns, checkHistory, type DecodedHistory, type ShardMeta } from './columns.ts';
export * from './dataset.ts';
export * from './manifest.ts';
export * from './shards.ts';
export * from './split.ts';
export * from './store.ts';
export * from './stored.ts';
