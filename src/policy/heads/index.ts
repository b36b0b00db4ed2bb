/** @file The registry of action heads: each has one file and one line here. */

import { describeActions, type Space } from '../../rl/index.ts';
import { CadenzaError } from '../../util/errors.ts';
import { Registry } from '../../util/registry.ts';
import { gaussian } from './gaussian.ts';
import { categorical, discretized } from './grid.ts';
import type { ActionHead, HeadKind, HeadSettings } from './head.ts';

export * from './head.ts';

/** The registry of action heads. */
export const heads = new Registry<HeadKind>('head', [categorical, discretized, gaussian], {
  description: 'string',
  takes: 'string',
  make: 'function',
});

/** Kinds that `auto` tries, in this order. */
const AUTO: readonly HeadKind[] = [categorical, gaussian];

/** Values of the setting `policy.head.kind`. */
export const headChoices = (): readonly string[] => ['auto', ...heads.ids];

/** The settings used by default. */
export const DEFAULT_HEAD: HeadSettings = { kind: 'auto', bins: 11, autoregressive: true };

/**
 * The head for actions of a space.
 *
 * @throws {CadenzaError} `E_CONFIG` if the kind does not support them, or there are too many combinations to list.
 */
export const actionHead = (space: Space, settings?: HeadSettings): ActionHead => chooseHead(space, settings).head;

/**
 * The head for actions of a space, with its kind.
 *
 * @throws {CadenzaError} `E_CONFIG` as `actionHead` does.
 */
export function chooseHead(space: Space, settings: HeadSettings = DEFAULT_HEAD): { readonly kind: HeadKind; readonly head: ActionHead } {
  const { kind } = settings;
  const candidates = kind === 'auto' ? AUTO : [heads.get(kind)];
  for (const candidate of candidates) {
    const head = candidate.make(space, settings);
    // Settings without effect are not part of stage keys.
    const choice = AUTO.includes(candidate) ? head?.choice : (head?.choice ?? { kind: candidate.id });
    if (head) return { kind: candidate, head: { ...head, choice } };
  }
  const takes = candidates.map(candidate => candidate.takes).join(' or ');
  throw new CadenzaError(
    'E_CONFIG',
    `policy.head.kind ${kind} supports ${takes}, but the environment has ${describeActions(space)}. Choose another head.`,
  );
}
