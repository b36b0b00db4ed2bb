/** @file Scenes: what there is to draw of a world, declared once. `draw.ts` draws them as text and as SVG. */

import { COLORS } from '../util/palette.ts';

/** What a mark stands for. */
export type Role = 'agent' | 'goal' | 'key' | 'door' | 'start' | 'visited' | 'card' | 'question';

/** The letter and the color of every role, the same in all drawings. */
export const ROLES: Readonly<Record<Role, { readonly letter: string; readonly color: string }>> = {
  agent: { letter: '@', color: COLORS.blue },
  goal: { letter: 'G', color: COLORS.green },
  key: { letter: 'K', color: COLORS.orange },
  door: { letter: 'D', color: COLORS.vermilion },
  start: { letter: 'S', color: COLORS.gray },
  visited: { letter: '+', color: COLORS.blue },
  card: { letter: 'C', color: COLORS.pink },
  question: { letter: '?', color: COLORS.sky },
};

/** Something at a place of a grid or a plane. */
export interface Mark {
  /** What it stands for. */
  readonly role: Role;
  /** The cell [column, row], or the point [x, y]. */
  readonly at: ArrayLike<number>;
  /** One character in place of the letter of its role. */
  readonly letter?: string;
  /** Radius of a disc in a plane; a point when left out. */
  readonly radius?: number;
  /** Whether the agent cannot see it. As text its letter is lowercase, and as SVG its outline is dashed. */
  readonly hidden?: boolean;
}

/** What all scenes have. */
interface Captioned {
  /** What else there is to say, in one or several lines. */
  readonly caption?: string;
}

/** Cells with marks; row 0 is at the top. */
export interface GridScene extends Captioned {
  /** Names the kind of scene. */
  readonly kind: 'grid';
  /** Cells in a row. */
  readonly columns: number;
  /** Cells in a column. */
  readonly rows: number;
  /** [rows × columns] nonzero for a wall; no walls when left out. */
  readonly walls?: ArrayLike<number>;
  /** Later marks cover earlier ones. */
  readonly marks: readonly Mark[];
}

/** A rectangle of the plane with marks; y points up. */
export interface PlaneScene extends Captioned {
  /** Names the kind of scene. */
  readonly kind: 'plane';
  /** The lower left corner [x, y]. */
  readonly low: readonly [x: number, y: number];
  /** The upper right corner [x, y]. */
  readonly high: readonly [x: number, y: number];
  /** Later marks cover earlier ones. */
  readonly marks: readonly Mark[];
}

/** Numbers as bars, such as the means of the arms of a bandit. */
export interface BarsScene extends Captioned {
  /** Names the kind of scene. */
  readonly kind: 'bars';
  /** The value of the longest possible bar; positive. */
  readonly max: number;
  /** The bars, from top to bottom. */
  readonly bars: readonly Bar[];
}

/** One bar, from 0 to its value. */
export interface Bar {
  readonly name: string;
  /** From 0 to the `max` of its scene. */
  readonly value: number;
  /** Text after the bar, such as its value. */
  readonly text: string;
  /** What the bar stands for; nothing in particular when left out. */
  readonly roles?: readonly Role[];
}

/**
 * What there is to draw of a world at one moment, its hidden parts included. `EnvFamily.render` returns one.
 *
 * @example
 * const scene: Scene = { kind: 'grid', columns: 3, rows: 1, marks: [{ role: 'agent', at: [0, 0] }, { role: 'goal', at: [2, 0], hidden: true }] };
 */
export type Scene = GridScene | PlaneScene | BarsScene;
