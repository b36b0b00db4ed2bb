/** @file The list of runs, by experiment. Only the rows in sight are made, so that thousands of runs stay light. */

import { computed, signal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { MOST_RUNS, type WatchedRun } from '../../../src/server/watched.ts';
import { choose, chosen, ordered, show, shown } from './state.ts';

/** Heights of rows in pixels: a finished run, one that is not, and the heading of an experiment. */
const [ROW, TALL, HEAD] = [52, 74, 36];
/** Rows that are made beyond the visible ones. */
const BEYOND = 6;

const heightOf = (item: { readonly run: WatchedRun } | { readonly name: string }): number =>
  'run' in item ? (item.run.state === 'finished' ? ROW : TALL) : HEAD;

export const STATES: Readonly<Record<WatchedRun['state'], string>> = {
  running: 'running',
  finished: 'finished',
  stopped: 'interrupted',
  failed: 'failed',
  damaged: 'damaged',
};

const wanted = signal('');
const scrolled = signal(0);
const height = signal(600);

/** A row of the list. */
type Item = { readonly top: number } & ({ readonly run: WatchedRun } | { readonly name: string; readonly ids: readonly string[] });

const items = computed<readonly Item[]>(() => {
  const words = wanted.value.toLowerCase().split(/\s+/).filter(Boolean);
  const texts = ({ id, name, state }: WatchedRun) => `${id} ${name} ${STATES[state]}`.toLowerCase();
  const experiments = new Map<string, WatchedRun[]>();
  for (const run of ordered.value) {
    const text = words.length > 0 ? texts(run) : '';
    if (!words.every(word => text.includes(word))) continue;
    const group = experiments.get(run.name);
    if (group) group.push(run);
    else experiments.set(run.name, [run]);
  }
  let top = 0;
  const place = (size: number) => {
    top += size;
    return top - size;
  };
  return [...experiments].flatMap(([name, runs]): Item[] => [
    { top: place(HEAD), name, ids: runs.map(({ id }) => id) },
    ...runs.map(run => ({ top: place(heightOf({ run })), run })),
  ]);
});

const picked = computed(() => new Set(chosen.value.map(({ id }) => id)));

export function RunList() {
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const observer = new ResizeObserver(([{ contentRect }]) => {
      height.value = contentRect.height;
    });
    observer.observe(box.current!);
    return () => observer.disconnect();
  }, []);
  const all = items.value;
  const last = all.at(-1);
  const whole = last ? last.top + heightOf(last) : 0;
  const from = Math.max(0, all.findLastIndex(({ top }) => top <= scrolled.value) - BEYOND);
  const visible = all.slice(from, from + Math.ceil(height.value / HEAD) + 2 * BEYOND);
  return (
    <section class="runs" aria-label="Runs">
      <div class="controls">
        <label class="wide">
          Find runs
          <input
            type="search"
            value={wanted.value}
            onInput={event => {
              wanted.value = event.currentTarget.value;
            }}
          />
        </label>
        {shown.value.runs && (
          <button type="button" onClick={() => show({ runs: undefined })}>
            Follow the latest
          </button>
        )}
      </div>
      <div
        class="list"
        ref={box}
        onScroll={event => {
          scrolled.value = event.currentTarget.scrollTop;
        }}
      >
        <ul style={{ height: `${whole}px` }} data-count={ordered.value.length}>
          {visible.map((item, i) => (
            <li
              key={'run' in item ? item.run.id : `experiment ${item.name}`}
              style={{ top: `${item.top}px`, height: `${heightOf(item)}px` }}
              class={'run' in item ? 'run' : 'experiment'}
              aria-setsize={all.length}
              aria-posinset={from + i + 1}
              data-run={'run' in item ? item.run.id : undefined}
              data-state={'run' in item ? item.run.state : undefined}
            >
              {'run' in item ? <RunRow run={item.run} /> : <Experiment name={item.name} ids={item.ids} />}
            </li>
          ))}
        </ul>
      </div>
    </section>
  );
}

/** The heading of the runs of an experiment. Its box chooses as many as can be drawn. */
function Experiment({ name, ids }: { name: string; ids: readonly string[] }) {
  const some = ids.slice(0, MOST_RUNS);
  return (
    <label class="check">
      <input
        type="checkbox"
        checked={some.every(id => picked.value.has(id))}
        onChange={event => choose(event.currentTarget.checked ? some : ids, event.currentTarget.checked)}
      />
      <strong>{name}</strong> <span class="soft">{ids.length === 1 ? '1 run' : `${ids.length} runs`}</span>
    </label>
  );
}

function RunRow({ run }: { run: WatchedRun }) {
  const { id, state, kind } = run;
  return (
    <label class="check" title={run.reason}>
      <input type="checkbox" checked={picked.value.has(id)} onChange={event => choose([id], event.currentTarget.checked)} />
      <span class={`dot ${state}`} aria-hidden="true" />
      <span class="about">
        <span class="name">
          {id}
          {(kind === 'ablation' || kind === 'study') && <span class="soft"> {kind === 'study' ? 'search' : 'sweep'}</span>}
        </span>
        <Standing run={run} />
      </span>
    </label>
  );
}

/** How far a run is, or its main number. */
function Standing({ run: { state, reason, now, place, seconds, score } }: { run: WatchedRun }) {
  if (state === 'finished')
    return (
      <span class="standing">
        <span class="hidden">finished, </span>
        {score ? `${score.method} ${withInterval(score)}` : 'finished'}
      </span>
    );
  const part = now && now.total > 0 ? now.done / now.total : 0;
  const share = place && place.of > 0 ? (Math.max(0, place.at - 1) + part) / place.of : part;
  const steps = now && (now.total > 0 ? `${now.stage} ${now.done}/${now.total}` : now.stage);
  const where = [place && `stage ${place.at} of ${place.of}`, seconds && `${duration(seconds)} left`];
  return (
    <>
      <span class="standing">
        <span>{[STATES[state], steps].filter(Boolean).join(', ')}</span>
      </span>
      <span class="standing">
        {reason === undefined && <progress value={share} aria-label="Share of the stages" />}
        <span>{reason ?? where.filter(Boolean).join(', ')}</span>
      </span>
    </>
  );
}

/** A mean with its 95% interval. */
export const withInterval = ({ mean, low, high }: { mean: number; low: number; high: number }): string =>
  `${mean.toFixed(3)} [${low.toFixed(3)}, ${high.toFixed(3)}]`;

/** Seconds in the largest units. */
function duration(seconds: number): string {
  if (seconds < 60) return `${Math.max(1, Math.round(seconds))} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
