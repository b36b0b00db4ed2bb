/**
 * @file Look-up of contexts: distances, exhaustive nearest-neighbor search (the fastest below 100,000 contexts), and how often the nearest
 * context is of the same task.
 */

import { CadenzaError } from '../util/errors.ts';
import type { ContextAbout, ContextTable } from './contexts.ts';

type Vector = Float32Array | Uint16Array;

/** A distance between two contexts. */
export interface Metric {
  /** What it compares. */
  readonly of: 'latents' | 'codes';
  readonly description: string;
  /** Distance between a[from … from + length) and b[at … at + length). Beyond `limit` it may return any larger number. */
  distance(a: Vector, from: number, b: Vector, at: number, length: number, limit: number): number;
}

/** The distances, one record each. */
export const METRICS = {
  l2: {
    of: 'latents',
    description: 'Euclidean distance of the latents',
    distance(a, from, b, at, length, limit) {
      const enough = limit * limit;
      let sum = 0;
      // Most contexts are far, which shows after a few numbers; four independent sums avoid waiting for each other.
      let i = 0;
      for (; i + 32 <= length && sum <= enough; i += 32) {
        let [s0, s1, s2, s3] = [0, 0, 0, 0];
        for (let j = i; j < i + 32; j += 4) {
          const d0 = a[from + j] - b[at + j];
          const d1 = a[from + j + 1] - b[at + j + 1];
          const d2 = a[from + j + 2] - b[at + j + 2];
          const d3 = a[from + j + 3] - b[at + j + 3];
          s0 += d0 * d0;
          s1 += d1 * d1;
          s2 += d2 * d2;
          s3 += d3 * d3;
        }
        sum += s0 + s1 + (s2 + s3);
      }
      for (; i < length && sum <= enough; i++) sum += (a[from + i] - b[at + i]) ** 2;
      return Math.sqrt(sum);
    },
  },
  cosine: {
    of: 'latents',
    description: '1 − cosine of the angle between the latents',
    distance(a, from, b, at, length) {
      let [dot, aa, bb] = [0, 0, 0];
      for (let i = 0; i < length; i++) {
        const [x, y] = [a[from + i], b[at + i]];
        dot += x * y;
        aa += x * x;
        bb += y * y;
      }
      return aa > 0 && bb > 0 ? 1 - dot / Math.sqrt(aa * bb) : 1;
    },
  },
  hamming: {
    of: 'codes',
    description: 'number of codes that differ',
    distance(a, from, b, at, length) {
      let differing = 0;
      for (let i = 0; i < length; i++) if (a[from + i] !== b[at + i]) differing++;
      return differing;
    },
  },
} as const satisfies Record<string, Metric>;
export type MetricId = keyof typeof METRICS;

/** Metrics that a table has the values for. */
export const metricsOf = (table: ContextTable<unknown>): MetricId[] =>
  (Object.keys(METRICS) as MetricId[]).filter(id => table[METRICS[id].of] !== undefined);

export interface Neighbor {
  /** Row of the table. */
  readonly row: number;
  readonly distance: number;
}

/** The values of one context, wherever they are. */
export interface Probe {
  readonly latents: Float32Array;
  readonly codes?: Uint16Array;
  /** Index of the context in those values. */
  readonly index: number;
}

/** How contexts are looked up. */
export interface Search<Row> {
  readonly metric: MetricId;
  readonly k: number;
  /** Rows that may be found, for example not those of the same stream; all by default. */
  readonly accepts?: (about: Row, row: number) => boolean;
  /** At most one context per stream, the nearest: others of the same stream are similar. */
  readonly perStream?: boolean;
}

/**
 * The k nearest contexts, nearest first; among equal distances the one stored first.
 *
 * @throws {CadenzaError} `E_DATA` if the metric compares codes and there are none.
 */
export function nearestContexts<Row extends Pick<ContextAbout, 'stream'>>(
  table: ContextTable<Row>,
  probe: Probe,
  { metric, k, accepts = () => true, perStream = false }: Search<Row>,
): Neighbor[] {
  const { of, distance } = METRICS[metric] as Metric;
  const [stored, own] = [table[of], probe[of]];
  const what = `the distance "${metric}" compares ${of}, which this model does not have. Use one of`;
  if (!stored || !own) throw new CadenzaError('E_DATA', `${what}: ${metricsOf(table).join(', ')}.`);
  const length = stored.length / table.rows.length;
  const best: Neighbor[] = [];
  for (const [row, about] of table.rows.entries()) {
    if (!accepts(about, row)) continue;
    const limit = best.length === k ? best[k - 1].distance : Number.POSITIVE_INFINITY;
    const d = distance(own, probe.index * length, stored, row * length, length, limit);
    if (d >= limit) continue;
    const same = perStream ? best.findIndex(({ row: other }) => table.rows[other].stream === about.stream) : -1;
    if (same >= 0 && d >= best[same].distance) continue;
    if (same >= 0) best.splice(same, 1);
    let at = best.length;
    while (at > 0 && best[at - 1].distance > d) at--;
    best.splice(at, 0, { row, distance: d });
    if (best.length > k) best.pop();
  }
  return best;
}

/** Which contexts count. One without any reward cannot know its task, only where no reward is. */
export interface Counted {
  /** Minimum number of finished episodes. */
  readonly fromEpisode: number;
  /** Whether at least one reward is required. */
  readonly rewarded: boolean;
}

export const counts =
  ({ fromEpisode, rewarded }: Counted) =>
  (about: Pick<ContextAbout, 'episode' | 'return'>): boolean =>
    about.episode >= fromEpisode && (!rewarded || about.return > 0);

/** Whether the nearest stored context of another stream is of the query's task. */
export interface Retrieval {
  readonly query: ContextAbout;
  readonly hit: boolean;
}

/** Looks up every given row among the contexts of all other streams. */
export function retrievals(table: ContextTable, rows: readonly number[], metric: MetricId): Retrieval[] {
  return rows.flatMap(index => {
    const query = table.rows[index];
    const accepts = ({ stream }: ContextAbout) => stream !== query.stream;
    const [nearest] = nearestContexts(table, { ...table, index }, { metric, k: 1, accepts });
    return nearest ? [{ query, hit: table.rows[nearest.row].task === query.task }] : [];
  });
}

/** Code usage of a table: of [N × C] codes, the number of distinct ones, and exp of the entropy of their frequencies. */
export function codeUsage(codes: Uint16Array): { used: number; perplexity: number } {
  const counts = new Map<number, number>();
  for (const code of codes) counts.set(code, (counts.get(code) ?? 0) + 1);
  let entropy = 0;
  for (const count of counts.values()) entropy -= (count / codes.length) * Math.log(count / codes.length);
  return { used: counts.size, perplexity: Math.exp(entropy) };
}
