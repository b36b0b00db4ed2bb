/** @file Where Z says that things are: colored cells of the grid, and the same in words. */

import type { Belief } from '../../../src/policy/index.ts';
import { colorOf, drawnCells, likeliest } from './shades.ts';

/** A heat map of beliefs over the cells of a grid. */
export function BeliefCells({ beliefs, cell }: { beliefs: readonly Belief[]; cell: number }) {
  return (
    <g class="beliefs">
      {beliefs.map(belief => {
        const { cell: at, probability } = likeliest(belief);
        return (
          <g fill={colorOf(belief.name)} data-belief={belief.name} data-at={at.join()} data-probability={probability.toFixed(3)}>
            {drawnCells(belief).map(({ x, y, strength }) => (
              <rect x={x * cell} y={y * cell} width={cell} height={cell} fill-opacity={(0.85 * strength).toFixed(2)} />
            ))}
          </g>
        );
      })}
    </g>
  );
}

const percent = (share: number): string => `${Math.round(100 * share)}%`;

/** Beliefs in words. */
export function BeliefWords({ beliefs }: { beliefs: readonly Belief[] }) {
  return (
    <ul class="belief-words" aria-label="What the probe reads from Z">
      {beliefs.map(belief => {
        const { cell, probability } = likeliest(belief);
        return (
          <li>
            <i style={{ background: colorOf(belief.name) }} />{' '}
            {belief.unknown > 0.5
              ? `Z does not know the ${belief.name} (${percent(belief.unknown)})`
              : `Z places the ${belief.name} in column ${cell[0] + 1}, row ${cell[1] + 1} (${percent(probability)})`}
          </li>
        );
      })}
    </ul>
  );
}
