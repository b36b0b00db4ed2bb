/** @file Long work as a generator that yields between pieces. The caller decides what happens there: nothing, or see breathe.ts. */

/** Work that yields between its pieces and returns its result. */
export type Pieces<T> = Generator<void, T, void>;

/** Runs all pieces without a pause. */
export function atOnce<T>(work: Pieces<T>): T {
  for (;;) {
    const { done, value } = work.next();
    if (done) return value;
  }
}
