/** @file The page: runs on the left; on the right the curves of the chosen ones, their settings side by side, and their results. */

import { MOST_RUNS } from '../../../src/server/watched.ts';
import { Chart, rangeOf } from './chart.tsx';
import { RunList } from './list.tsx';
import { Parallel } from './parallel.tsx';
import { Compared, Results } from './results.tsx';
import { charted, groupings, metrics, multiples } from './rows.ts';
import * as state from './state.ts';

export function App() {
  const { folder, runs, connected, chosen, shown } = state;
  const running = [...runs.value.values()].filter(run => run.state === 'running').length;
  const missing = (shown.value.runs ?? []).filter(id => folder.value !== undefined && !runs.value.has(id));
  return (
    <div class="page">
      <header>
        <h1>cadenza watch</h1>
        <p aria-live="polite" data-ready={folder.value !== undefined}>
          {folder.value === undefined
            ? 'Reading the runs …'
            : `${runs.value.size} ${runs.value.size === 1 ? 'run' : 'runs'} in ${folder.value}, ${running} running.`}
          {!connected.value && ' The server does not answer; the page connects again by itself.'}
        </p>
      </header>
      <div class="columns">
        <RunList />
        <div class="right">
          {folder.value !== undefined && runs.value.size === 0 ? (
            <p class="note">There are no runs here yet. A run appears as soon as it starts.</p>
          ) : (
            <>
              <Controls />
              {missing.length > 0 && <p class="note">There is no run {missing.join(', ')} in this folder.</p>}
              {chosen.value.length > MOST_RUNS && (
                <p class="note">
                  Curves of the first {MOST_RUNS} of {chosen.value.length} chosen runs.
                </p>
              )}
              <Charts place="top" metric={charted.value[0]} />
              <Charts place="bottom" metric={charted.value[1]} />
              <h2>Settings and numbers</h2>
              <Parallel />
              <Compared />
              <h2>Results</h2>
              <Results />
            </>
          )}
        </div>
      </div>
    </div>
  );
}

function Controls() {
  const { shown, show, stages, stage } = state;
  const { group, split, smooth, log } = shown.value;
  // What a link names is offered even before the runs are known.
  const offered = (value: string) => (groupings.value.some(([key]) => key === value) || !value ? [] : [[value, value] as const]);
  return (
    <section class="toolbar" aria-label="Curves">
      <div class="controls">
        <label>
          Stage
          <select value={stage.value} onChange={event => show({ stage: event.currentTarget.value })}>
            {[...new Set([...stages.value, stage.value])].map(name => (
              <option value={name}>{name}</option>
            ))}
          </select>
        </label>
        <label>
          Group by
          <select value={group} onChange={event => show({ group: event.currentTarget.value })}>
            {[...groupings.value, ...offered(group)].map(([key, label]) => (
              <option value={key}>{label}</option>
            ))}
          </select>
        </label>
        <label>
          Split by
          <select value={split} onChange={event => show({ split: event.currentTarget.value })}>
            <option value="">nothing</option>
            {[...groupings.value, ...offered(split)].map(([key, label]) => (
              <option value={key}>{label}</option>
            ))}
          </select>
        </label>
        <label class="wide">
          Smoothing {smooth}
          <input
            type="range"
            min="0"
            max="0.99"
            step="0.01"
            value={smooth}
            onInput={event => show({ smooth: Number(event.currentTarget.value) })}
          />
        </label>
        <label class="check">
          <input type="checkbox" checked={log} onChange={event => show({ log: event.currentTarget.checked })} />
          Logarithmic
        </label>
      </div>
    </section>
  );
}

/** The curves of one metric, in small multiples if they are split. */
function Charts({ place, metric }: { place: 'top' | 'bottom'; metric: string | undefined }) {
  const { shown, show } = state;
  const { smooth, log } = shown.value;
  const known = metric === undefined || metrics.value.includes(metric) ? metrics.value : [metric, ...metrics.value];
  const all = multiples.value;
  const range =
    all.length > 1 && metric
      ? rangeOf(
          all.map(({ groups }) => groups),
          metric,
          smooth,
        )
      : undefined;
  return (
    <section class="charts" aria-label={place === 'top' ? 'First metric' : 'Second metric'}>
      <h2>
        <select
          aria-label={place === 'top' ? 'First metric' : 'Second metric'}
          value={metric ?? ''}
          onChange={event => show({ [place]: event.currentTarget.value })}
        >
          {metric === undefined && <option value="">no validation</option>}
          {known.map(name => (
            <option value={name}>{name}</option>
          ))}
        </select>
      </h2>
      {metric === undefined ? (
        <p class="note">
          These runs measure nothing on validation tasks. With <code>evaluate.every</code>, fine-tuning measures returns.
        </p>
      ) : (
        <div class="multiples">
          {all.map(({ title, groups }) => (
            <Chart key={title} title={title} metric={metric} groups={groups} smooth={smooth} log={log} range={range} />
          ))}
        </div>
      )}
    </section>
  );
}
