/** @file A drawing of cells, in which a click, or the arrow keys and Enter, choose one. */

import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';

/** Directions of keys, and of actions by their names. */
export const WAYS: Readonly<Record<string, readonly [number, number]>> = {
  up: [0, -1],
  down: [0, 1],
  left: [-1, 0],
  right: [1, 0],
  forward: [1, 0],
  back: [-1, 0],
};

/** What every drawing is given. */
export interface DrawingProps {
  readonly label: string;
  /** What a click moves, if anything. */
  readonly moving?: string;
  readonly onPlace?: (cell: readonly [number, number]) => void;
}

interface CellsProps extends DrawingProps {
  readonly kind: 'grid' | 'bars';
  /** Of the whole drawing. */
  readonly viewBox: string;
  readonly columns: number;
  readonly rows: number;
  /** Width and height of a cell. */
  readonly size: readonly [number, number];
  readonly children: ComponentChildren;
}

/** A cell in words. */
const nameOf = ([column, row]: readonly [number, number]): string => `column ${column + 1}, row ${row + 1}`;

export function Drawing({ kind, viewBox, columns, rows, size, moving, onPlace, label, children }: CellsProps) {
  const [cursor, setCursor] = useState<readonly [number, number]>([0, 0]);
  const [said, say] = useState('');
  const places = moving !== undefined && onPlace !== undefined;
  const onKeyDown = (event: KeyboardEvent) => {
    const way = WAYS[event.key.replace('Arrow', '').toLowerCase()];
    if (way) {
      const clamp = (value: number, count: number) => Math.max(0, Math.min(count - 1, value));
      const next = [clamp(cursor[0] + way[0], columns), clamp(cursor[1] + way[1], rows)] as const;
      setCursor(next);
      say(nameOf(next));
    } else if (event.key === 'Enter' || event.key === ' ') {
      onPlace?.(cursor);
      say(`${moving}: ${nameOf(cursor)}`);
    } else return;
    event.preventDefault();
  };
  const [width, height] = size;
  return (
    <>
      <svg
        class={places ? `${kind} places` : kind}
        viewBox={viewBox}
        role={places ? 'application' : 'img'}
        aria-label={places ? `${label} Arrow keys choose a cell, Enter moves ${moving} there.` : label}
        tabindex={places ? 0 : undefined}
        onKeyDown={places ? onKeyDown : undefined}
        data-columns={columns}
      >
        {children}
        {places && (
          <>
            {Array.from({ length: columns * rows }, (_, i) => [i % columns, Math.floor(i / columns)] as const).map(([x, y]) => (
              // biome-ignore lint/a11y/noStaticElementInteractions: the drawing itself takes the keys.
              <rect
                class="target"
                data-cell={`${x},${y}`}
                x={x * width}
                y={y * height}
                width={width}
                height={height}
                onClick={() => onPlace([x, y])}
              />
            ))}
            <rect class="cursor" x={cursor[0] * width + 2} y={cursor[1] * height + 2} width={width - 4} height={height - 4} />
          </>
        )}
      </svg>
      {places && (
        <p class="sr" role="status">
          {said}
        </p>
      )}
    </>
  );
}
