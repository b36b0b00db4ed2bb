/** @file Quality of a context database: its sizes, the use of its codes, and how often the nearest context is of the same task. */

import type { ContextDatabase } from '../data/contexts.ts';
import { type Counted, codeUsage, counts, type MetricId, metricsOf, type Retrieval, retrievals } from '../data/retrieval.ts';
import { mean, stratifiedBootstrap } from '../statistics/index.ts';
import { groupBy } from '../util/groups.ts';
import type { Random } from '../util/random.ts';

/** Share of queries whose nearest context of another stream is of the same task. */
export interface RetrievalScore {
  readonly metric: MetricId;
  /** The split that the queries are from; they are compared with all contexts of the database. */
  readonly side: string;
  readonly queries: number;
  /** Contexts of the same streams that are not queries, because they do not count. */
  readonly leftOut: number;
  readonly streams: number;
  readonly sameTask: number;
  /** 95% bootstrap interval over streams within tasks. */
  readonly low: number;
  readonly high: number;
  /** The same for the queries after at least one reward: before, a context cannot know its goal. Null without any. */
  readonly rewarded: { readonly queries: number; readonly sameTask: number } | null;
  /** The share by number of finished episodes. */
  readonly byEpisode: readonly { readonly episode: number; readonly queries: number; readonly sameTask: number }[];
  /** The expected score of a random neighbor from the other streams. */
  readonly chance: number;
}

export interface StoreStatistics {
  readonly contexts: number;
  readonly streams: number;
  /** Contexts and tasks by split. */
  readonly sides: Readonly<Record<string, { readonly contexts: number; readonly tasks: number }>>;
  readonly model: string;
  readonly bytes: {
    readonly file: number;
    /** Per context. */
    readonly latents: number;
    readonly codes: number | null;
  };
  /** Null if the model has no codes. */
  readonly codes: { readonly perContext: number; readonly used: number; readonly perplexity: number } | null;
  /** Which contexts were looked up; they are compared with all contexts of other streams, whether or not those count. */
  readonly queriesOf: Counted;
  readonly retrieval: readonly RetrievalScore[];
}

/** Measures a context database. Queries are the counted contexts of whole streams, sampled until there are at least `queries` per split. */
export function storeStatistics(
  store: ContextDatabase,
  { queries, queriesOf, random }: { queries: number; queriesOf: Counted; random: Random },
): StoreStatistics {
  const isQuery = counts(queriesOf);
  const table = store.load();
  const { rows, codes } = table;
  const byStream = groupBy(rows.keys(), i => rows[i].stream);
  const bySide = groupBy(rows, ({ side }) => side);
  const retrieval = [...bySide.keys()].flatMap(side => {
    const streams = [...byStream.values()].filter(([first]) => rows[first].side === side);
    const chosen: number[] = [];
    let leftOut = 0;
    for (const stream of random.split('queries', side).shuffled(streams)) {
      if (chosen.length >= queries) break;
      const counting = stream.filter(i => isQuery(rows[i]));
      chosen.push(...counting);
      leftOut += stream.length - counting.length;
    }
    return metricsOf(table).flatMap(metric => {
      const found = retrievals(table, chosen, metric);
      if (found.length === 0) return [];
      const about = { metric, side, chance: chance(found, rows), random: random.split('bootstrap') };
      return [{ ...scoreOf(found, about), leftOut }];
    });
  });
  const perContext = codes ? codes.length / rows.length : 0;
  return {
    contexts: rows.length,
    streams: byStream.size,
    sides: Object.fromEntries(
      Array.from(bySide, ([side, own]) => [side, { contexts: own.length, tasks: new Set(own.map(({ task }) => task)).size }]),
    ),
    model: store.model.hash,
    bytes: {
      file: store.bytes,
      latents: store.model.latentShape.reduce((a, b) => a * b, Float32Array.BYTES_PER_ELEMENT),
      codes: codes ? perContext * Uint16Array.BYTES_PER_ELEMENT : null,
    },
    codes: codes ? { perContext, ...codeUsage(codes) } : null,
    queriesOf,
    retrieval,
  };
}

function scoreOf(
  found: readonly Retrieval[],
  { metric, side, chance, random }: Pick<RetrievalScore, 'metric' | 'side' | 'chance'> & { readonly random: Random },
): Omit<RetrievalScore, 'leftOut'> {
  const share = (of: readonly Retrieval[]) => mean(of.map(({ hit }) => Number(hit)));
  // Contexts of one stream are almost equal, so streams, not contexts, are resampled.
  const streamsOf = (of: readonly Retrieval[]) => [...groupBy(of, ({ query }) => query.stream).values()];
  const strata = Array.from(groupBy(found, ({ query }) => query.task).values(), ofTask => streamsOf(ofTask).map(share));
  const rewarded = found.filter(({ query }) => query.return > 0);
  return {
    metric,
    side,
    queries: found.length,
    streams: streamsOf(found).length,
    sameTask: share(found),
    ...stratifiedBootstrap(strata, mean, { random }),
    rewarded: rewarded.length > 0 ? { queries: rewarded.length, sameTask: share(rewarded) } : null,
    byEpisode: [...groupBy(found, ({ query }) => query.episode)]
      .map(([episode, of]) => ({ episode, queries: of.length, sameTask: share(of) }))
      .sort((a, b) => a.episode - b.episode),
    chance,
  };
}

/** Share of same-task contexts among those of other streams, averaged over the queries. */
function chance(found: readonly Retrieval[], rows: readonly Retrieval['query'][]): number {
  const [tasks, streams] = [groupBy(rows, ({ task }) => task), groupBy(rows, ({ stream }) => stream)];
  const share = ({ query: { task, stream } }: Retrieval) => {
    const own = streams.get(stream)!.length;
    return (tasks.get(task)!.length - own) / (rows.length - own);
  };
  return mean(found.map(share));
}
