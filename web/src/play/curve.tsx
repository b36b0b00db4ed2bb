/** @file The score by episode or window, of all agents. */

import type { RefObject } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import type { LaneView } from './session.ts';
import { thinned } from './shades.ts';

const [HEIGHT, LEFT, BOTTOM] = [190, 40, 30];

interface CurveProps {
  readonly lanes: readonly LaneView[];
  readonly names: readonly string[];
  readonly colors: readonly string[];
  /** Calls that a point stands for; an episode if absent. */
  readonly window?: number;
  /** What is counted in a window. */
  readonly counted?: string;
}

/** The width of an element in pixels, so that texts keep their size on phones. */
function useWidth(): [RefObject<HTMLElement>, number] {
  const element = useRef<HTMLElement>(null);
  const [width, setWidth] = useState(720);
  useEffect(() => {
    const observer = new ResizeObserver(([{ contentRect }]) => setWidth(Math.max(200, Math.round(contentRect.width))));
    if (element.current) observer.observe(element.current);
    return () => observer.disconnect();
  }, []);
  return [element, width];
}

export function Curve({ lanes, names, colors, window, counted }: CurveProps) {
  const [figure, WIDTH] = useWidth();
  const count = Math.max(8, ...lanes.map(({ scores }) => scores.length));
  const [least, most] = [Math.min(0, ...lanes.flatMap(({ scores }) => scores)), Math.max(1, ...lanes.flatMap(({ scores }) => scores))];
  const x = (at: number) => LEFT + ((WIDTH - LEFT - 10) * at) / count;
  const y = (score: number) => HEIGHT - BOTTOM - ((HEIGHT - BOTTOM - 10) * (score - least)) / (most - least);
  const ticks = [least, (least + most) / 2, most];
  const unit = window ? `${counted} in ${window} calls` : 'return of an episode';
  return (
    <figure class="curve" ref={figure}>
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label={`${unit}, by agent`}>
        {ticks.map(tick => (
          <g>
            <path class="lines" d={`M${LEFT} ${y(tick)}H${WIDTH - 10}`} />
            <text class="tick end" x={LEFT - 6} y={y(tick) + 4}>
              {Number(tick.toPrecision(2))}
            </text>
          </g>
        ))}
        <text class="tick" x={LEFT} y={HEIGHT - 8}>
          1
        </text>
        <text class="tick end" x={WIDTH - 10} y={HEIGHT - 8}>
          {window ? `${count * window} calls` : `episode ${count}`}
        </text>
        {lanes.map(({ scores }, i) => {
          const points = thinned(scores);
          return (
            <g stroke={colors[i]} fill={colors[i]}>
              <polyline class="line" points={points.map(({ x: at, y: score }) => `${x(at - 0.5)},${y(score)}`).join(' ')} />
              {points.length <= 40 && points.map(({ x: at, y: score }) => <circle cx={x(at - 0.5)} cy={y(score)} r="2.5" stroke="none" />)}
            </g>
          );
        })}
      </svg>
      <figcaption>
        <span>{unit}:</span>
        {names.map((name, i) => (
          <span class="key">
            <i style={{ background: colors[i] }} /> {name}
          </span>
        ))}
      </figcaption>
      <Numbers lanes={lanes} names={names} window={window} />
    </figure>
  );
}

/** Latest scores in the table. */
const LATEST = 30;

/** The latest scores as numbers. */
function Numbers({ lanes, names, window }: Pick<CurveProps, 'lanes' | 'names' | 'window'>) {
  const count = Math.max(0, ...lanes.map(({ scores }) => scores.length));
  const columns = Array.from({ length: Math.min(LATEST, count) }, (_, i) => count - Math.min(LATEST, count) + i);
  return (
    <details>
      <summary>The latest scores as numbers</summary>
      <table>
        <thead>
          <tr>
            <th scope="col">{window ? 'calls' : 'episode'}</th>
            {columns.map(at => (
              <th scope="col">{window ? (at + 1) * window : at + 1}</th>
            ))}
          </tr>
        </thead>
        <tbody>
          {lanes.map(({ scores }, i) => (
            <tr>
              <th scope="row">{names[i]}</th>
              {columns.map(at => (
                <td>{scores[at] === undefined ? '' : Number(scores[at].toFixed(2))}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </details>
  );
}
