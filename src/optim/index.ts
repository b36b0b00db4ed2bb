/** @file Training steps as one graph: AdamW, clipping, schedules, packed parameters. */

export * from './packing.ts';
export * from './step.ts';
export * from './transforms.ts';
