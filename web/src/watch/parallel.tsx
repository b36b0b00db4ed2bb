/** @file Parallel coordinates: an axis for each setting in which the chosen runs differ and one for the score, and a line for each run. */

import { colorOf, measures, pointed, pointsAt, type Row, rows, short, textOf, varied } from './rows.ts';

/** Size of the drawing and its margins, in its own units; the one at the top has two rows of titles. */
const [WIDTH, HEIGHT, TOP, BOTTOM, SIDE] = [860, 290, 48, 14, 76];

/** Most settings that have an axis, and most values that are written on one. */
const [MOST, TICKS] = [7, 6];

/** An axis: where a row meets it, from 0 at the bottom to 1 at the top, and the values written on it. */
interface Axis {
  readonly title: string;
  readonly at: (row: Row) => number;
  readonly ticks: readonly (readonly [text: string, at: number])[];
}

/** Positions of numbers. Positive ones that span more than a decade are spread by their logarithms. */
function numeric(title: string, values: readonly number[], of: (row: Row) => number): Axis {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const [to, from] = low > 0 && high / low > 10 ? [Math.log, Math.exp] : [(x: number) => x, (x: number) => x];
  const span = to(high) - to(low);
  const at = (value: number) => (span > 0 ? (to(value) - to(low)) / span : 0.5);
  const distinct = [...new Set(values)];
  const ticks = distinct.length <= TICKS ? distinct : [0, 0.25, 0.5, 0.75, 1].map(share => from(to(low) + share * span));
  return { title, at: row => at(of(row)), ticks: ticks.map(value => [short(value), at(value)]) };
}

/** Positions of texts, in their order. */
function ordinal(title: string, texts: readonly string[], of: (row: Row) => string): Axis {
  const all = [...new Set(texts)].sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));
  const at = (text: string) => (all.length > 1 ? 1 - all.indexOf(text) / (all.length - 1) : 0.5);
  const every = Math.ceil(all.length / TICKS);
  const written = all.filter((_, i) => i % every === 0);
  return { title, at: row => at(of(row)), ticks: written.map(text => [text.length > 12 ? `${text.slice(0, 11)}…` : text, at(text)]) };
}

function axesOf(scored: readonly Row[]): Axis[] {
  const settings = varied.value.slice(0, MOST).map(key => {
    const values = scored.map(({ settings }) => settings[key]);
    if (values.every(value => typeof value === 'number')) return numeric(key, values, ({ settings }) => settings[key] as number);
    return ordinal(key, values.map(textOf), ({ settings }) => textOf(settings[key]));
  });
  const scores = scored.map(({ score }) => score!.mean);
  return [...settings, numeric('score', scores, ({ score }) => score!.mean)];
}

/**
 * The chosen runs that have scores, of those that measure the same the most; nothing if there are fewer than two, or if they do not differ in a
 * setting.
 */
export function Parallel() {
  const [measure] = [...measures.value].toSorted(([, a], [, b]) => b - a)[0] ?? [];
  const scored = rows.value.filter(({ score, settings }) => score && score.measure === measure && Object.keys(settings).length > 0);
  const others = [...measures.value.keys()].filter(other => other !== measure);
  if (scored.length < 2 || varied.value.length === 0) return null;
  const axes = axesOf(scored);
  const x = (i: number) => SIDE + (i * (WIDTH - 2 * SIDE)) / (axes.length - 1);
  const y = (at: number) => HEIGHT - BOTTOM - at * (HEIGHT - TOP - BOTTOM);
  const path = (row: Row) => axes.map(({ at }, i) => `${i ? 'L' : 'M'}${x(i).toFixed(1)},${y(at(row)).toFixed(1)}`).join('');
  // The line that is pointed at lies above the others.
  const inOrder = scored.toSorted((a, b) => Number(a.name === pointed.value) - Number(b.name === pointed.value));
  return (
    <figure class="parallel">
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls can be scrolled by keys. */}
      <section class="scroll" aria-label="Settings and scores" tabIndex={0}>
        <svg
          viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
          role="img"
          aria-label={`${scored.length} lines across ${axes.map(({ title }) => title).join(', ')}. The table below has the numbers.`}
        >
          {inOrder.map(row => (
            <path
              key={row.name}
              d={path(row)}
              class={pointed.value === undefined ? '' : pointed.value === row.name ? 'pointed' : 'faint'}
              style={{ stroke: colorOf(row) ?? 'var(--gray)' }}
              data-line={row.name}
              {...pointsAt(row)}
            />
          ))}
          {axes.map(({ title, ticks }, i) => (
            <g key={title}>
              <line x1={x(i)} x2={x(i)} y1={y(0)} y2={y(1)} />
              <text class="title" x={x(i)} y={i % 2 ? 14 : 32} text-anchor="middle">
                {title}
              </text>
              {ticks.map(([text, at]) => (
                <text
                  key={text}
                  x={x(i) + (i === axes.length - 1 ? 6 : -6)}
                  y={y(at) + 4}
                  text-anchor={i === axes.length - 1 ? 'start' : 'end'}
                >
                  {text}
                </text>
              ))}
            </g>
          ))}
        </svg>
      </section>
      <figcaption>
        <span>Score: {measure}.</span>
        {others.length > 0 && <span>Only in the table: runs whose score is {others.join(' or ')}.</span>}
        {varied.value.length > MOST && (
          <span>
            The first {MOST} of {varied.value.length} settings.
          </span>
        )}
        <span>{pointed.value ?? 'Point at a line, or at a row of the table.'}</span>
      </figcaption>
    </figure>
  );
}
