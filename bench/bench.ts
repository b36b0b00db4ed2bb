/** @file The interface of a benchmark. */

/** A result as plain JSON. Numbers are rounded only for display. */
export type Result = { readonly [key: string]: number | string | boolean | Result };

/** What the command line may set. */
export interface BenchOptions {
  /** Size of the data, for benchmarks of data. */
  readonly transitions?: number;
}

export interface Bench {
  readonly description: string;
  /** Runs the benchmark. `say` prints progress. */
  run(say: (line: string) => void, options: BenchOptions): Promise<Result>;
  /** A report as a table in Markdown, for the documentation. */
  table?(report: Report): string;
}

/** A result with facts about the machine. */
export type Report = Readonly<Record<'machine' | 'result', Result>>;
