export * from './layers.ts';
export * from './losses.ts';
export * from './parameters.ts';
export * from './positions.ts';
