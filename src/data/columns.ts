/** @file The columns of a learning history, as shards store them. */

import { expectActions } from '../rl/actions.ts';
import type { History } from '../rl/history.ts';
import { type Space, spaceSize } from '../rl/spaces.ts';
import { CadenzaError, invariant } from '../util/errors.ts';

export type Column = Exclude<keyof History, 'task' | 'taskKey' | 'stream' | 'knownStarts'>;

/** Sizes that all histories of a shard share. */
export interface ShardMeta {
  /** Id of the environment family. */
  readonly environment: string;
  /** Numbers per observation. */
  readonly F: number;
  /** Numbers per distribution over actions. */
  readonly A: number;
  /** The action space, unless an action is one integer below `A`. */
  readonly actionSpace?: Space;
}

/** The numbers of a column. */
export type Numbers = typeof Float32Array | typeof Int32Array | typeof Uint8Array;

/** Every column of a history: its numbers, and how many there are per transition if it is a list. A missing column does not compile. */
export const columnsOf = ({ F, A, actionSpace }: ShardMeta): Record<Column, { type: Numbers; width?: number }> => ({
  observation: { type: Float32Array, width: F },
  action: { type: actionSpace?.kind === 'box' ? Float32Array : Int32Array, width: actionSpace && spaceSize(actionSpace) },
  probabilities: { type: Float32Array, width: A },
  reward: { type: Float32Array },
  nextObservation: { type: Float32Array, width: F },
  terminated: { type: Uint8Array },
  truncated: { type: Uint8Array },
});

/** Names of the columns, in the order of the file. */
export const COLUMN_NAMES = Object.keys(columnsOf({ environment: '', F: 1, A: 1 })) as readonly Column[];

/** The columns of one history. */
export type Columns = Pick<History, Column>;

/** A history in the bytes of a shard. */
export interface DecodedHistory extends Pick<History, 'task' | 'taskKey' | 'stream'> {
  /** Its columns, as views of the bytes. */
  readonly columns: Columns;
}

/**
 * Checks that a history fits the sizes of its shard.
 *
 * @throws {CadenzaError} `E_SHAPE` for a wrong length or an action out of range, `E_NUMERICS` for a number that is not finite.
 */
export function checkHistory(history: History, meta: ShardMeta): void {
  const length = history.terminated.length;
  const columns = columnsOf(meta);
  const where = `history '${history.stream}' of task ${history.taskKey}`;
  invariant(length > 0, `${where} has no transitions; expected at least one. Remove it.`);
  for (const name of COLUMN_NAMES) {
    const { type, width = 1 } = columns[name];
    const wanted = length * width;
    const column = history[name];
    invariant(column instanceof type, `${where}: ${name} must be a ${type.name}, got ${column?.constructor.name}.`);
    invariant(column.length === wanted, `${where}: ${name} must hold [${length} × ${width}] = ${wanted} numbers, got ${column.length}.`);
    const bad = firstNotFinite(column);
    if (bad >= 0)
      throw new CadenzaError('E_NUMERICS', `${where}: ${name}[${bad}] is ${column[bad]}; expected finite numbers. Fix its source.`);
  }
  expectActions({ id: where, actionSpace: meta.actionSpace ?? { kind: 'discrete', n: meta.A } }, history.action, length);
}

/** The place of the first number that is not finite, or −1. */
function firstNotFinite(column: Columns[Column]): number {
  if (!(column instanceof Float32Array)) return -1;
  for (let i = 0; i < column.length; i++) if (!Number.isFinite(column[i])) return i;
  return -1;
}
