/** @file A session in the address of the page: `#world=dark-room&agents=cad,source&seed=1&steps=120,120&edits=…&speed=8`. */

import type { Edit, EditKind, Setup } from './session.ts';
import { worldIds, worldOf } from './worlds.ts';

/** What a link restores. */
export interface Linked extends Setup {
  /** Steps of the agents. */
  readonly steps: readonly number[];
  /** What was done. */
  readonly edits: readonly Edit[];
  /** Steps a second. */
  readonly speed: number;
  /** The agent whose memory is shown. */
  readonly shown: number;
}

/** Most agents side by side, and most steps that a link restores. */
export const [MOST_AGENTS, MOST_STEPS] = [4, 100_000];
/** Steps a second. */
export const SPEEDS = [1, 2, 5, 10, 30, 100, 1000] as const;

/** Edits in few characters: `lane.at.kind.arguments`, separated by `~`. */
const KINDS: Readonly<
  Record<EditKind['kind'], { write(edit: never): (string | number)[]; read(parts: readonly string[]): EditKind | undefined }>
> = {
  move: {
    write: ({ role, cell }: Extract<EditKind, { kind: 'move' }>) => [role, cell[0], cell[1]],
    read: ([role, x, y]) => (isNatural(x) && isNatural(y) ? { kind: 'move', role, cell: [natural(x), natural(y)] } : undefined),
  },
  wipe: { write: () => [], read: () => ({ kind: 'wipe' }) },
  freeze: {
    write: ({ on }: Extract<EditKind, { kind: 'freeze' }>) => [Number(on)],
    read: ([on]) => ({ kind: 'freeze', on: on === '1' }),
  },
  exchange: {
    write: ({ other }: Extract<EditKind, { kind: 'exchange' }>) => [other],
    read: ([other]) => ({ kind: 'exchange', other: natural(other) }),
  },
  latent: {
    // A point would end the number.
    write: ({ index, value }: Extract<EditKind, { kind: 'latent' }>) => [index, Math.round(value * 1000)],
    read: ([index, value]) => ({ kind: 'latent', index: natural(index), value: Number(value) / 1000 }),
  },
  act: {
    write: ({ action }: Extract<EditKind, { kind: 'act' }>) => [action],
    read: ([action]) => ({ kind: 'act', action: natural(action) }),
  },
};

const isNatural = (text: string | undefined): boolean => /^\d+$/.test(text ?? '');

const natural = (text: string | undefined, most = Number.MAX_SAFE_INTEGER): number => {
  const value = Number(text);
  return Number.isInteger(value) && value >= 0 ? Math.min(value, most) : 0;
};

const written = ({ lane, at, ...what }: Edit): string =>
  [lane, at, what.kind, ...(KINDS[what.kind].write as (edit: EditKind) => (string | number)[])(what)].join('.');

function readEdit(text: string): Edit[] {
  const [lane, at, kind, ...rest] = text.split('.');
  const what = Object.hasOwn(KINDS, kind) ? KINDS[kind as EditKind['kind']].read(rest) : undefined;
  return what ? [{ lane: natural(lane), at: natural(at, MOST_STEPS), ...what }] : [];
}

/** The part of an address after `#`. */
export function toLink({ world, options = {}, agents, seed, steps, edits, speed, shown }: Linked): string {
  const given = Object.keys(options).length > 0 ? JSON.stringify(options) : '';
  const fields = {
    world,
    options: given,
    agents: agents.join(','),
    seed,
    steps: steps.join(','),
    edits: edits.map(written).join('~'),
    speed,
    shown,
  };
  return Object.entries(fields)
    .filter(([, value]) => value !== '')
    .map(([key, value]) => `${key}=${encodeURIComponent(value).replaceAll('%2C', ',')}`)
    .join('&');
}

/** The options of a world; none if it refuses them. */
function readOptions(world: string, text: string | null): Linked['options'] {
  try {
    const options: unknown = JSON.parse(text ?? '{}');
    if (typeof options !== 'object' || options === null || Array.isArray(options)) return {};
    worldOf(world, options as Linked['options']);
    return options as Linked['options'];
  } catch {
    return {};
  }
}

/**
 * Reads what `toLink` wrote. What is missing or unknown has its default, so any text is a link.
 *
 * @param agentsOf the agents of a world if the link has none.
 */
export function fromLink(hash: string, agentsOf: (world: string) => readonly string[]): Linked {
  const fields = new URLSearchParams(hash.replace(/^#/, ''));
  const list = (name: string) => (fields.get(name) ?? '').split(',').filter(Boolean);
  const speed = natural(fields.get('speed') ?? undefined);
  const world = worldIds.find(id => id === fields.get('world')) ?? worldIds[0];
  return {
    world,
    options: readOptions(world, fields.get('options')),
    agents: (list('agents').length > 0 ? list('agents') : agentsOf(world)).slice(0, MOST_AGENTS),
    seed: natural(fields.get('seed') ?? '1', 2 ** 32 - 1),
    steps: list('steps').map(steps => natural(steps, MOST_STEPS)),
    edits: (fields.get('edits') ?? '').split('~').flatMap(readEdit),
    speed: SPEEDS.find(each => each === speed) ?? worldOf(world).speed,
    shown: natural(fields.get('shown') ?? '0', MOST_AGENTS - 1),
  };
}
