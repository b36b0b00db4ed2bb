/** @file The registry of heads for actions: one file and one line each. */

import { describeActions, type Space } from '../../rl/index.ts';
import { CadenzaError } from '../../util/errors.ts';
import { Registry } from '../../util/registry.ts';
import { gaussian } from './gaussian.ts';
import { categorical, discretized } from './grid.ts';
import type { ActionHead, HeadKind, HeadSettings } from './head.ts';

export * from './head.ts';

export const heads = new Registry<HeadKind>('head', [categorical, discretized, gaussian], {
  description: 'string',
  takes: 'string',
  make: 'function',
});

/** Tried in this order where nobody chose. */
const AUTO: readonly HeadKind[] = [categorical, gaussian];

/** What a configuration may name. */
export const headChoices = (): readonly string[] => ['auto', ...heads.ids];

export const DEFAULT_HEAD: HeadSettings = { kind: 'auto', bins: 11, autoregressive: true };

/** The head for actions of a space. Throws `E_CONFIG` where the kind does not take them, or has too many combinations to list. */
export const actionHead = (space: Space, settings?: HeadSettings): ActionHead => chooseHead(space, settings).head;

/** The head for actions of a space, with its kind. Throws as `actionHead` does. */
export function chooseHead(space: Space, settings: HeadSettings = DEFAULT_HEAD): { readonly kind: HeadKind; readonly head: ActionHead } {
  const { kind } = settings;
  const candidates = kind === 'auto' ? AUTO : [heads.get(kind)];
  for (const candidate of candidates) {
    const head = candidate.make(space, settings);
    // What nobody has to choose is in no key.
    const choice = AUTO.includes(candidate) ? head?.choice : (head?.choice ?? { kind: candidate.id });
    if (head) return { kind: candidate, head: { ...head, choice } };
  }
  const takes = candidates.map(candidate => candidate.takes).join(' or ');
  throw new CadenzaError('E_CONFIG', `policy.head.kind ${kind} takes ${takes}, but there are ${describeActions(space)}; choose another.`);
}
