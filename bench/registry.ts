/** @file The benchmarks by name. One file and one line here make another. */

import { executors } from './executors.ts';
import { input, loop } from './road.ts';
import { trainStep } from './train-step.ts';

/** A result: plain JSON. Numbers are kept whole here and rounded where they are shown. */
export type Result = { readonly [key: string]: number | string | boolean | Result };

export interface Bench {
  readonly description: string;
  /** Measures; `say` shows progress. */
  run(say: (line: string) => void): Promise<Result>;
}

export const BENCHES: Record<string, Bench> = {
  'train-step': trainStep,
  executors,
  input,
  loop,
};
