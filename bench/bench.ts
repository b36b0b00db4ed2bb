/** @file What a benchmark is. */

/** A result: plain JSON. Numbers are kept whole here and rounded where they are shown. */
export type Result = { readonly [key: string]: number | string | boolean | Result };

export interface Bench {
  readonly description: string;
  /** Measures; `say` shows progress. */
  run(say: (line: string) => void): Promise<Result>;
}
