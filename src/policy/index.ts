/** @file The policy, and trained agents from their exported files, in Node and in pages. */

export { begun, changing, NEXT, type StepProgram, type StepState } from './acting.ts';
export * from './belief.ts';
export * from './description.ts';
export * from './heads/index.ts';
export * from './in-context.ts';
export * from './load.ts';
export {
  type Carried,
  type CompressProgram,
  type ContextEncoder,
  type ContextSlot,
  contextEncoder,
  type MemoryModel,
  type Retriever,
  TransitionLog,
} from './memory.ts';
export * from './predictor.ts';
export * from './returns.ts';
export * from './transformer.ts';
