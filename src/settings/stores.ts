/**
 * @file What a store of contexts may hold for a policy that looks contexts up (method 7.1). One record each: the same one says what is found
 * in training, where a history looks up others, and in evaluation.
 */

/** Where a context is from. */
export interface Origin {
  readonly task: string;
  /** The history or rollout that it is a part of. */
  readonly stream: string;
}

export interface StoreKind {
  /** Name of its row in the results. */
  readonly method: string;
  /** What it holds in an evaluation, for the report. */
  readonly of: string;
  /** Whether it holds contexts of training histories in an evaluation, and of earlier streams on the evaluated tasks. */
  readonly holds: { readonly training: boolean; readonly evaluated: boolean };
  /** Whether a context may be found by one of `query`. Never one of the same stream. */
  accepts(query: Origin, stored: Origin): boolean;
}

/** The registry of stores. */
export const STORES = {
  others: {
    method: 'cad+retrieval',
    of: 'contexts of training tasks, none of which is the own',
    holds: { training: true, evaluated: false },
    accepts: (query, stored) => stored.task !== query.task,
  },
  own: {
    method: 'cad+retrieval-own',
    of: 'contexts of earlier streams on the same task',
    holds: { training: false, evaluated: true },
    accepts: (query, stored) => stored.task === query.task && stored.stream !== query.stream,
  },
  all: {
    method: 'cad+retrieval-all',
    of: 'contexts of training tasks and of earlier streams on all evaluated tasks',
    holds: { training: true, evaluated: true },
    accepts: (query, stored) => stored.stream !== query.stream,
  },
  none: {
    method: 'cad+retrieval-none',
    of: 'contexts in an empty store',
    holds: { training: false, evaluated: false },
    accepts: () => false,
  },
} as const satisfies Record<string, StoreKind>;

export type StoreId = keyof typeof STORES;
export const STORE_IDS = Object.keys(STORES) as [StoreId, ...StoreId[]];
