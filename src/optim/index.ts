export * from './packing.ts';
export * from './step.ts';
export * from './transforms.ts';
