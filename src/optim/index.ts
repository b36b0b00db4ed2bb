export * from './step.ts';
export * from './transforms.ts';
