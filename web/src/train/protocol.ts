/** @file Messages between the page and the worker that trains. */

import type { TrainedWorld } from './experiment.ts';
import type { TrainSettings } from './settings.ts';

/** What the page asks for. */
export type TrainRequest =
  | { readonly kind: 'start'; readonly world: TrainedWorld; readonly settings: TrainSettings }
  | { readonly kind: 'pause' }
  | { readonly kind: 'continue' }
  /** No further step: the agent is done as it is. */
  | { readonly kind: 'stop' };

/** How an agent does on held-out tasks after so many steps: the return of each episode, as a share of the oracle's. */
export interface Evaluated {
  readonly step: number;
  readonly curve: readonly number[];
}

/** What the worker answers. */
export type TrainAnswer =
  /** The share of the histories that are there. */
  | { readonly kind: 'histories'; readonly share: number }
  /** The first step follows. */
  | { readonly kind: 'ready'; readonly parameters: number; readonly train: number; readonly heldOut: number; readonly threads: number }
  /** Losses of the steps since the last message, and the milliseconds that they took. */
  | { readonly kind: 'losses'; readonly losses: readonly number[]; readonly ms: number }
  | { readonly kind: 'evaluating'; readonly step: number }
  | { readonly kind: 'evaluated'; readonly evaluated: Evaluated }
  /** The last step is done: the files of the agent. */
  | { readonly kind: 'done'; readonly files: Readonly<Record<string, Uint8Array>> }
  | { readonly kind: 'failed'; readonly code: string; readonly message: string };
