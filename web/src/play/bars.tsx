/** @file Numbers as bars, such as the means of the arms of a bandit; a click chooses an arm, or the length of its bar. */

import { type BarsScene, ROLES } from '../../../src/rl/scene.ts';
import { Drawing, type DrawingProps } from './drawing.tsx';
import { BAR_STEPS } from './worlds.ts';

/** Pixels of a drawing's width, of a row, and from its top to its bar. */
const [WIDTH, ROW, BAR] = [220, 36, 18];

interface BarsProps extends DrawingProps {
  readonly scene: BarsScene;
}

export function Bars({ scene: { bars, max }, ...given }: BarsProps) {
  return (
    <Drawing
      kind="bars"
      viewBox={`-1 -1 ${WIDTH + 2} ${bars.length * ROW + 2}`}
      columns={BAR_STEPS}
      rows={bars.length}
      size={[WIDTH / BAR_STEPS, ROW]}
      {...given}
    >
      {bars.map(({ name, value, text, roles = [] }, row) => (
        <g transform={`translate(0 ${row * ROW})`} data-bar={row} data-value={value.toFixed(2)} data-roles={roles.join(' ')}>
          <text class="bar-name" y="13">
            {[name, ...roles.filter(role => role !== 'agent').map(role => ROLES[role].letter)].join(' ')}
          </text>
          <text class="bar-text" x={WIDTH} y="13">
            {text}
          </text>
          <rect class="floor" y={BAR} width={WIDTH} height="12" rx="2" />
          <rect class={roles.includes('goal') ? 'bar best' : 'bar'} y={BAR} width={(WIDTH * value) / max} height="12" rx="2" />
          {roles.includes('agent') && <circle class="agent" cx={(WIDTH * value) / max} cy={BAR + 6} r="6" />}
        </g>
      ))}
    </Drawing>
  );
}
