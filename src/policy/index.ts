export * from './in-context.ts';
export * from './transformer.ts';
