/** @file Layers, losses, positions and named parameters, as functions that build graphs. */

export * from './layers.ts';
export * from './losses.ts';
export * from './parameters.ts';
export * from './positions.ts';
