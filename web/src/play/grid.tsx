/** @file A room with what is in it, the policy in every cell, and places that a click moves. */

import type { Belief } from '../../../src/policy/index.ts';
import { type GridScene, type Mark, ROLES } from '../../../src/rl/scene.ts';
import { BeliefCells } from './belief.tsx';
import { Drawing, type DrawingProps, WAYS } from './drawing.tsx';

/** Pixels of a cell. */
const CELL = 30;

interface GridProps extends DrawingProps {
  readonly scene: GridScene;
  /** [cells][P] what the agent would do in every cell; nothing where nobody acts. */
  readonly field?: readonly (readonly number[])[];
  /** Where Z says that things are, if that is to be drawn. */
  readonly beliefs?: readonly Belief[];
  readonly actionNames?: readonly string[];
}

const center = (index: number) => (index + 0.5) * CELL;

export function Grid({ scene, field, beliefs, actionNames, ...given }: GridProps) {
  const { columns, rows, walls, marks } = scene;
  const cells = Array.from({ length: columns * rows }, (_, i) => [i % columns, Math.floor(i / columns)] as const);
  return (
    <Drawing
      kind="grid"
      viewBox={`-1 -1 ${columns * CELL + 2} ${rows * CELL + 2}`}
      columns={columns}
      rows={rows}
      size={[CELL, CELL]}
      {...given}
    >
      <rect class="floor" width={columns * CELL} height={rows * CELL} />
      {walls && cells.map(([x, y], i) => walls[i] !== 0 && <rect class="wall" x={x * CELL} y={y * CELL} width={CELL} height={CELL} />)}
      {beliefs && <BeliefCells beliefs={beliefs} cell={CELL} />}
      <path
        class="lines"
        d={[
          ...Array.from({ length: rows + 1 }, (_, y) => `M0 ${y * CELL}h${columns * CELL}`),
          ...Array.from({ length: columns + 1 }, (_, x) => `M${x * CELL} 0v${rows * CELL}`),
        ].join('')}
      />
      {field &&
        actionNames &&
        cells.map(([x, y], i) => field[i].length > 0 && <Arrow x={center(x)} y={center(y)} row={field[i]} names={actionNames} />)}
      {marks.map(mark => (
        <Drawn mark={mark} />
      ))}
    </Drawing>
  );
}

/** The most likely action in a cell: an arrow, or a dot for staying. Its opacity is its probability. */
function Arrow({ x, y, row, names }: { x: number; y: number; row: readonly number[]; names: readonly string[] }) {
  const best = row.indexOf(Math.max(...row));
  const way = WAYS[names[best]];
  const opacity = (row[best] ** 2).toFixed(2);
  if (!way) return <circle class="stay" cx={x} cy={y} r={2.5} opacity={opacity} />;
  const [dx, dy] = way.map(part => part * CELL * 0.3);
  const tip = [x + dx, y + dy];
  const side = [-dy * 0.55, dx * 0.55];
  const back = [tip[0] - dx * 0.8, tip[1] - dy * 0.8];
  return (
    <path
      class="arrow"
      opacity={opacity}
      d={`M${x - dx} ${y - dy}L${tip[0]} ${tip[1]}M${back[0] + side[0]} ${back[1] + side[1]}L${tip[0]} ${tip[1]}L${back[0] - side[0]} ${back[1] - side[1]}`}
    />
  );
}

function Drawn({ mark }: { mark: Mark }) {
  const [x, y] = [center(mark.at[0]), center(mark.at[1])];
  const { letter, color } = ROLES[mark.role];
  if (mark.role === 'visited') return <circle class="visited" cx={x} cy={y} r={CELL * 0.12} />;
  if (mark.role === 'agent') return <circle class="agent" data-role="agent" cx={x} cy={y} r={CELL * 0.32} />;
  return (
    <g data-role={mark.role} data-at={`${mark.at[0]},${mark.at[1]}`}>
      <title>{mark.role}</title>
      <rect
        x={x - CELL * 0.38}
        y={y - CELL * 0.38}
        width={CELL * 0.76}
        height={CELL * 0.76}
        rx="4"
        fill={color}
        fill-opacity="0.22"
        stroke={color}
        stroke-width="1.5"
        stroke-dasharray={mark.hidden ? '4 3' : undefined}
      />
      <text class="letter" x={x} y={y}>
        {mark.letter ?? letter}
      </text>
    </g>
  );
}
