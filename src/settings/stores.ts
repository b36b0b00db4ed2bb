/**
 * @file What a context database may contain for retrieval (method 7.1), one record each. Training and evaluation use the same records.
 */

/** Where a context comes from. */
export interface Origin {
  readonly task: string;
  /** The history or rollout that contains it. */
  readonly stream: string;
}

export interface StoreKind {
  /** Name of its method in the results. */
  readonly method: string;
  /** What it contains in an evaluation, for reports. */
  readonly of: string;
  /** Whether, in an evaluation, it contains contexts of training histories and of earlier streams on the evaluated tasks. */
  readonly holds: { readonly training: boolean; readonly evaluated: boolean };
  /** Whether `query` may retrieve `stored`. Contexts of the same stream are always excluded. */
  accepts(query: Origin, stored: Origin): boolean;
}

/** All kinds of context database. */
export const STORES = {
  others: {
    method: 'cad+retrieval',
    of: 'contexts of training tasks other than the current one',
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
    of: 'no contexts (an empty database)',
    holds: { training: false, evaluated: false },
    accepts: () => false,
  },
} as const satisfies Record<string, StoreKind>;

export type StoreId = keyof typeof STORES;
export const STORE_IDS = Object.keys(STORES) as [StoreId, ...StoreId[]];
