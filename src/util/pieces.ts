/** @file Long work in pieces, as a generator that yields between them. What happens there is for its caller to say: nothing, or see breathe.ts. */

/** Work that yields between its pieces, and returns its result. */
export type Pieces<T> = Generator<void, T, void>;

/** All pieces, one right after the other. */
export function atOnce<T>(work: Pieces<T>): T {
  for (;;) {
    const { done, value } = work.next();
    if (done) return value;
  }
}
