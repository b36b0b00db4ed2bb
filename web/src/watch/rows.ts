/** @file What is compared: the variants of the chosen runs, their settings, and the groups that their curves belong to. */

import { computed, signal } from '@preact/signals';
import type { Headline } from '../../../src/reports/summary.ts';
import type { WatchedRun } from '../../../src/server/watched.ts';
import type { Series } from './series.ts';
import { chosen, details, runs, series, shown } from './state.ts';

/** A variant of a chosen run. */
export interface Row {
  readonly run: WatchedRun;
  /** Its number in the run. */
  readonly variant: number;
  readonly name: string;
  readonly settings: Readonly<Record<string, unknown>>;
  readonly score?: Headline;
}

/** A setting as text. */
export const textOf = (value: unknown): string =>
  value === undefined || value === null ? '–' : typeof value === 'string' ? value : JSON.stringify(value);

export const rows = computed<readonly Row[]>(() =>
  chosen.value.flatMap((run): Row[] => {
    const { variants = [], settings: shared = {} } = details.value.get(run.id) ?? {};
    if (variants.length === 0) return [{ run, variant: 0, name: run.id, settings: shared, score: run.score }];
    return variants.map(({ name, settings, score }, variant) => ({
      run,
      variant,
      name: name ? `${run.id}: ${name}` : run.id,
      settings: { ...shared, ...settings },
      score: score ?? (name ? undefined : run.score),
    }));
  }),
);

/** Name of the row that is pointed at. */
export const pointed = signal<string | undefined>(undefined);

/** Handlers of an element that stands for a row. */
export const pointsAt = ({ name }: Row) => ({
  onMouseEnter: () => {
    pointed.value = name;
  },
  onMouseLeave: () => {
    pointed.value = undefined;
  },
});

/** A number in a chart or a table. */
export const short = (value: number): string =>
  value !== 0 && (Math.abs(value) < 1e-3 || Math.abs(value) >= 1e6) ? value.toExponential(1) : String(Number(value.toPrecision(4)));

/** The settings in which the rows differ. */
export const varied = computed(() => {
  // Settings of a run are unknown until the server has sent them.
  const known = rows.value.filter(({ settings }) => Object.keys(settings).length > 0);
  const keys = [...new Set(known.flatMap(({ settings }) => Object.keys(settings)))];
  return keys.filter(key => new Set(known.map(({ settings }) => textOf(settings[key]))).size > 1);
});

/** What the scores of the rows are, with the number of rows that have each. */
export const measures = computed<ReadonlyMap<string, number>>(() => {
  const counts = new Map<string, number>();
  for (const { score } of rows.value) if (score) counts.set(score.measure, (counts.get(score.measure) ?? 0) + 1);
  return counts;
});

/** What curves can be grouped by, with its label. */
export const groupings = computed<readonly (readonly [key: string, label: string])[]>(() => [
  ['run', 'run'],
  ['experiment', 'experiment'],
  ['seed', 'seed'],
  ...varied.value.filter(key => !['run', 'experiment', 'seed'].includes(key)).map(key => [key, key] as const),
]);

/** The value by which a curve is grouped: shared by all variants that the stage belongs to, or `several`. */
function groupOf(of: Series, key: string): string {
  if (key === 'seed') return textOf(of.seed);
  const own = rows.value.filter(({ run, variant }) => run.id === of.run && (of.variants.length === 0 || of.variants.includes(variant)));
  const { name = of.run, id = of.run } = runs.value.get(of.run) ?? {};
  if (key === 'experiment') return name;
  const values = new Set(own.map(row => (key === 'run' ? row.name : textOf(row.settings[key]))));
  if (values.size === 1) return [...values][0];
  return key === 'run' ? id : 'several';
}

/** The curves of one group. */
export interface Group {
  readonly name: string;
  readonly color: string;
  readonly dashed: boolean;
  readonly members: readonly Series[];
}

/** Colors of groups in order, as in all pages and figures; more groups have the same colors, dashed. */
const COLORS = ['--blue', '--vermilion', '--green', '--pink', '--orange', '--sky', '--gray'];

const inOrder = (a: string, b: string) => a.localeCompare(b, 'en', { numeric: true });

/** Groups by name, in order. A group has the same color in all charts. */
export const groups = computed<readonly Group[]>(() => {
  const found = new Map<string, Series[]>();
  for (const each of series.value.values()) {
    const name = groupOf(each, shown.value.group);
    found.set(name, [...(found.get(name) ?? []), each]);
  }
  const names = [...found.keys()].sort(inOrder);
  return names.map((name, i) => ({
    name,
    color: COLORS[i % COLORS.length],
    dashed: i >= COLORS.length,
    members: found.get(name)!,
  }));
});

/** The color of the group that a row belongs to; undefined if it belongs to several or none. */
export function colorOf({ run, variant }: Row): string | undefined {
  const isOwn = (of: Series) => of.run === run.id && (of.variants.length === 0 || of.variants.includes(variant));
  const own = groups.value.filter(({ members }) => members.some(isOwn));
  return own.length === 1 ? `var(${own[0].color})` : undefined;
}

/** Small multiples: the groups within each value of the setting that curves are split by. */
export const multiples = computed<readonly { readonly title: string; readonly groups: readonly Group[] }[]>(() => {
  const { split } = shown.value;
  if (!split) return [{ title: '', groups: groups.value }];
  const titles = [...new Set([...series.value.values()].map(each => groupOf(each, split)))].sort(inOrder);
  return titles.map(title => ({
    title,
    groups: groups.value.flatMap(group => {
      const members = group.members.filter(each => groupOf(each, split) === title);
      return members.length > 0 ? [{ ...group, members }] : [];
    }),
  }));
});

/** The metrics that there are, the validation's first. */
export const metrics = computed(() => {
  const names = [...new Set([...series.value.values()].flatMap(({ values }) => Object.keys(values)))];
  return names.toSorted((a, b) => Number(b.startsWith('validation')) - Number(a.startsWith('validation')));
});

/** The metrics of the two charts. */
export const charted = computed<readonly [top: string, bottom: string | undefined]>(() => {
  const { top, bottom } = shown.value;
  const validation = metrics.value.filter(name => name.startsWith('validation.'));
  const usual = validation.includes('validation.return') ? 'validation.return' : validation.at(-1);
  return [top || 'loss', bottom || usual];
});

/** The latest value of a metric in a row: the mean over its seeds. */
export function latestOf({ run, variant }: Row, metric: string | undefined): number | undefined {
  if (metric === undefined) return undefined;
  const own = [...series.value.values()].filter(each => each.run === run.id && (!each.variants.length || each.variants.includes(variant)));
  const values = own.flatMap(each => each.values[metric]?.findLast(value => value !== null) ?? []);
  return values.length > 0 ? values.reduce((sum, value) => sum + value, 0) / values.length : undefined;
}
