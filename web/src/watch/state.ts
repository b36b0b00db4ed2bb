/** @file The state of the page, which the server sends as events and which the address of the page describes. */

import { batch, computed, effect, signal, untracked } from '@preact/signals';
import { type CurveEvents, type ListEvents, MOST_RUNS, type RunDetail, type WatchedRun } from '../../../src/server/watched.ts';
import { DEFAULTS, fromLink, type Shown, toLink } from './link.ts';
import { extended, keyOf, type Series } from './series.ts';

/** Number of runs that are shown if none is chosen. */
const FOLLOWED = 6;

/** The folder that is watched, once the server has said it. */
export const folder = signal<string | undefined>(undefined);
/** All runs by id. */
export const runs = signal<ReadonlyMap<string, WatchedRun>>(new Map());
/** Whether the server can be reached. */
export const connected = signal(true);
/** What the page shows. */
export const shown = signal<Shown>(DEFAULTS);
/** What is known of the chosen runs, and their metrics by run and stage. */
export const details = signal<ReadonlyMap<string, RunDetail>>(new Map());
export const series = signal<ReadonlyMap<string, Series>>(new Map());

/** Changes what the page shows. */
export const show = (change: Partial<Shown>): void => {
  shown.value = { ...shown.value, ...change };
};

/** All runs, the latest first. */
export const ordered = computed(() => [...runs.value.values()].sort((a, b) => (a.changed < b.changed ? 1 : -1)));

/** The chosen runs that exist. Without a choice, those that train, then the latest ones. */
export const chosen = computed<readonly WatchedRun[]>(() => {
  const ids = shown.value.runs;
  if (ids) return ids.flatMap(id => runs.value.get(id) ?? []);
  const isRunning = ({ state }: WatchedRun) => state === 'running';
  const all = [...ordered.value.filter(isRunning), ...ordered.value.filter(run => !isRunning(run))].slice(0, FOLLOWED);
  return all.sort((a, b) => (a.id < b.id ? -1 : 1));
});

/** Adds runs to the choice, or removes them. */
export function choose(ids: readonly string[], on: boolean): void {
  const others = chosen.value.map(({ id }) => id).filter(id => !ids.includes(id));
  show({ runs: on ? [...others, ...ids] : others });
}

/** The stages that the chosen runs have metrics of, in the order in which they ran. */
export const stages = computed(() => [...new Set([...details.value.values()].flatMap(detail => detail.stages))]);

/** The stage whose metrics are drawn: the chosen one, fine-tuning, or the last one. */
export const stage = computed(() => {
  const wanted = shown.value.stage;
  if (wanted && (stages.value.length === 0 || stages.value.includes(wanted))) return wanted;
  return ['finetune', 'cad'].find(name => stages.value.includes(name)) ?? stages.value.at(-1) ?? 'finetune';
});

/** Ids of the chosen runs whose curves are drawn, as one text. */
const drawn = computed(() =>
  JSON.stringify(
    chosen.value
      .slice(0, MOST_RUNS)
      .map(({ id }) => id)
      .sort(),
  ),
);

const parsed = <T>(event: Event): T => JSON.parse((event as MessageEvent<string>).data);

/** Follows the list of runs until the returned function is called. The browser connects again by itself, and then gets the whole list. */
function followList(): () => void {
  const source = new EventSource('events/runs');
  source.onopen = () => {
    connected.value = true;
  };
  source.onerror = () => {
    connected.value = false;
  };
  source.addEventListener('list', event => {
    const { folder: name, runs: all } = parsed<ListEvents['list']>(event);
    batch(() => {
      folder.value = name;
      runs.value = new Map(all.map(run => [run.id, run]));
    });
  });
  source.addEventListener('change', event => {
    const { runs: changed, gone } = parsed<ListEvents['change']>(event);
    const next = new Map(runs.value);
    for (const run of changed) next.set(run.id, run);
    for (const id of gone) next.delete(id);
    runs.value = next;
  });
  return () => source.close();
}

/** The stage whose metrics are known. */
let followed = '';

/** Follows the metrics of these runs until the returned function is called. What is known of them stays until there is news. */
function followCurves(ids: readonly string[], name: string): () => void {
  const kept = new Set(ids);
  details.value = new Map([...details.value].filter(([id]) => kept.has(id)));
  series.value = new Map(name === followed ? [...series.value].filter(([, { run }]) => kept.has(run)) : []);
  followed = name;
  if (ids.length === 0) return () => {};
  const query = new URLSearchParams([['stage', name], ...ids.map(id => ['run', id])]);
  const source = new EventSource(`events/curves?${query}`);
  source.addEventListener('detail', event => {
    const detail = parsed<CurveEvents['detail']>(event);
    details.value = new Map(details.value).set(detail.id, detail);
  });
  source.addEventListener('points', event => {
    const next = new Map(series.value);
    for (const points of parsed<CurveEvents['points']>(event)) next.set(keyOf(points), extended(next.get(keyOf(points)), points));
    series.value = next;
  });
  return () => source.close();
}

/** Reads the address, and begins to follow the server. */
export function start(): void {
  const read = () => {
    shown.value = fromLink(location.hash);
  };
  read();
  window.addEventListener('hashchange', read);
  effect(() => {
    const hash = toLink(shown.value);
    if (hash !== location.hash.slice(1)) history.replaceState(null, '', `#${hash}`);
  });
  // Browsers keep few connections to a server, so pages that nobody sees have none.
  const seen = signal(!document.hidden);
  document.addEventListener('visibilitychange', () => {
    seen.value = !document.hidden;
  });
  effect(() => (seen.value ? untracked(followList) : undefined));
  effect(() => {
    const [ids, name] = [JSON.parse(drawn.value) as string[], stage.value];
    return seen.value ? untracked(() => followCurves(ids, name)) : undefined;
  });
}
