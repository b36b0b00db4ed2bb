/** @file Tables of the chosen runs: settings and latest numbers side by side, and the results of each. */

import { signal } from '@preact/signals';
import type { RunDetail } from '../../../src/server/watched.ts';
import { STATES, withInterval } from './list.tsx';
import { charted, colorOf, latestOf, measures, pointed, pointsAt, type Row, rows, short, textOf, varied } from './rows.ts';
import { chosen, details, shown } from './state.ts';

/** A column: its title, and what it shows and sorts by. */
interface Column {
  readonly title: string;
  readonly text: (row: Row) => string;
  readonly value?: (row: Row) => number | undefined;
}

const sorted = signal<{ readonly title: string; readonly down: boolean } | undefined>(undefined);

const rounded = (value: number | undefined) => (value === undefined ? '' : short(value));

const columnsOf = (): Column[] => [
  { title: 'state', text: ({ run }) => STATES[run.state] },
  {
    title: 'score [95% interval]',
    text: ({ score }) => (score ? `${score.method} ${withInterval(score)}${measures.value.size > 1 ? `, ${score.measure}` : ''}` : ''),
    value: ({ score }) => score?.mean,
  },
  ...varied.value.map(key => ({
    title: key,
    text: ({ settings }: Row) => textOf(settings[key]),
    value: ({ settings }: Row) => (typeof settings[key] === 'number' ? (settings[key] as number) : undefined),
  })),
  ...charted.value.flatMap(metric =>
    metric ? [{ title: metric, text: (row: Row) => rounded(latestOf(row, metric)), value: (row: Row) => latestOf(row, metric) }] : [],
  ),
];

/** The chosen runs, a row for each variant, and a column for each setting in which they differ. */
export function Compared() {
  const columns = columnsOf();
  const order = sorted.value;
  const by = columns.find(({ title }) => title === order?.title);
  const shownRows = by ? rows.value.toSorted((a, b) => (order?.down ? -1 : 1) * compared(by, a, b)) : rows.value;
  const sort = (title: string) => {
    sorted.value = { title, down: order?.title === title ? !order.down : false };
  };
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls can be scrolled by keys.
    <section class="scroll" aria-label="Chosen runs" tabIndex={0}>
      <table class="compared">
        <thead>
          <tr>
            <th scope="col">run</th>
            {columns.map(({ title }) => (
              <th scope="col" aria-sort={order?.title !== title ? 'none' : order.down ? 'descending' : 'ascending'}>
                <button type="button" onClick={() => sort(title)}>
                  {title}
                </button>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {shownRows.map(row => (
            <tr data-row={row.name} class={pointed.value === row.name ? 'pointed' : undefined} {...pointsAt(row)}>
              <th scope="row">
                <i class="swatch" style={{ background: colorOf(row) ?? 'transparent' }} /> {row.name}
              </th>
              {columns.map(({ text }) => (
                <td>{text(row)}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

/** Numbers by size, texts by their order; rows without a value come last. */
function compared({ text, value }: Column, a: Row, b: Row): number {
  const [x, y] = [value?.(a), value?.(b)];
  if (x !== undefined && y !== undefined) return x - y;
  if (x !== undefined || y !== undefined) return x === undefined ? 1 : -1;
  return text(a).localeCompare(text(b), 'en', { numeric: true });
}

/** Most runs whose results are shown. */
const MOST = 12;

/** The results of the chosen runs: the summary, every method with its interval, the split audit, and reports. */
export function Results() {
  const all = chosen.value.slice(0, MOST).flatMap(({ id }) => details.value.get(id) ?? []);
  const finished = all.filter(({ scores, found, reports }) => scores.length + found.length + reports.length > 0);
  const broken = chosen.value.filter(({ reason }) => reason);
  if (finished.length + broken.length === 0) return <p class="note">The chosen runs have no results yet.</p>;
  return (
    <div class="results">
      {broken.map(({ id, state, reason }) => (
        <p class="failure">
          <strong>{id}</strong> {STATES[state]}: {reason}
        </p>
      ))}
      {finished.map(detail => (
        <Result detail={detail} open={finished.length === 1 || shown.value.runs?.length === 1} />
      ))}
    </div>
  );
}

function Result({ detail: { id, found, scores, split, reports }, open }: { detail: RunDetail; open: boolean }) {
  return (
    <details class="result" open={open} data-result={id}>
      <summary>
        <strong>{id}</strong> {scores[0] && `${scores[0].method} ${withInterval(scores[0])}`}
      </summary>
      {found.map(sentence => (
        <p>{sentence}</p>
      ))}
      {scores.length > 0 && (
        <table>
          <thead>
            <tr>
              <th scope="col">method</th>
              <th scope="col">{scores[0].measure}</th>
            </tr>
          </thead>
          <tbody>
            {scores.map(score => (
              <tr>
                <th scope="row">{score.method}</th>
                <td>{withInterval(score)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {split && (
        <p class="soft" data-overlap={split.overlap}>
          Split: {split.train} training and {split.test} evaluated tasks, {split.overlap === 0 ? 'none' : split.overlap} in both.
        </p>
      )}
      {reports.length > 0 && (
        <p>
          {reports.map(page => (
            <a href={`report?${new URLSearchParams({ run: id, page })}`} target="_blank" rel="noopener noreferrer">
              {page}
            </a>
          ))}
        </p>
      )}
    </details>
  );
}
