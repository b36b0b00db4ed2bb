/**
 * @file Tables of Z: every context of some streams, compressed in batches, with look-up by the nearest Z, and files (method 7.1). `cadenza
 * store` keeps a database for people; these tables serve policies with retrieval. Shape key: N contexts, M latents, D width, C codes of a
 * context.
 */

import { join } from 'node:path';
import { z } from 'zod';
import { openCompressor, type TrainedModel } from '../agent/inference.ts';
import type { Model } from '../agent/model.ts';
import { loadTensors, saveTensors } from '../cache/checkpoint.ts';
import { readStageFile, type StageContext, type StageFile } from '../cache/store.ts';
import type { ContextTable } from '../data/contexts.ts';
import { nearestContexts } from '../data/retrieval.ts';
import type { Executor } from '../engine/index.ts';
import { joinColumns, segmentStarts, type Transitions } from '../rl/index.ts';
import type { BaseConfig } from '../settings/base.ts';
import type { Origin, StoreKind } from '../settings/stores.ts';
import { writeJson } from '../util/files.ts';
import { fields } from '../util/formats.ts';
import { encodePrefixes } from './prefixes.ts';

export interface StoredContext extends Origin {
  /** Number of finished segments of its stream. The context of none is never looked up or found. */
  readonly segments: number;
}

/** Contexts stream by stream; those of each stream from no finished segment to all of them. */
export interface StreamTable extends ContextTable<StoredContext> {
  /** [N] row of the last context of the same stream. */
  readonly last: Int32Array;
}

/** A recorded stream. */
export type RecordedStream = Origin & { readonly past: Transitions };

/** Rows in the order of streams and segments, for streams with these numbers of segments. */
function streamRows(streams: readonly StoredContext[]): Pick<StreamTable, 'rows' | 'last'> {
  const rows = streams.flatMap(({ task, stream, segments }) =>
    Array.from({ length: segments + 1 }, (_, count) => ({ task, stream, segments: count })),
  );
  let end = -1;
  const last = streams.flatMap(({ segments }) => {
    end += segments + 1;
    return new Array<number>(segments + 1).fill(end);
  });
  return { rows, last: Int32Array.from(last) };
}

/** The first row of every stream. */
export const firstRows = (rows: StreamTable['rows']): number[] => rows.flatMap(({ segments }, row) => (segments === 0 ? [row] : []));

export interface EncodeRequest extends Pick<StageContext, 'progress' | 'signal'> {
  readonly model: Model;
  readonly executor: Executor;
  readonly agent: TrainedModel;
  readonly title: string;
}

/** Compresses every context of the streams with the agent's C_θ, as its policy would have seen it. */
export async function encodeStreams(
  { model, executor, agent, title, progress, signal }: EncodeRequest,
  streams: readonly RecordedStream[],
): Promise<StreamTable> {
  const compressor = await openCompressor(model, executor, agent);
  const prefixes = streams.map(({ past }) => {
    const starts = segmentStarts(past, model.segment);
    return { past, starts, counts: [...starts.keys()] };
  });
  const about = streamRows(streams.map((origin, i) => ({ ...origin, segments: prefixes[i].starts.length - 1 })));
  progress.start(title, about.rows.length);
  const encoded = await encodePrefixes(compressor, prefixes, { signal, onProgress: done => progress.update(done) });
  await compressor.compress.program.dispose();
  progress.finish(`${about.rows.length} contexts of ${streams.length} streams`);
  return { ...about, ...encoded };
}

/** One Z to look others up by, wherever its values are. */
export interface RetrievalQuery extends Origin {
  readonly latents: Float32Array;
  readonly codes?: Uint16Array;
  /** Its index in those values. */
  readonly index: number;
}

/** Rows that are shown to a context, nearest first: at most one per stream, as many as there are. */
export function shownTo(
  table: StreamTable,
  query: RetrievalQuery,
  lookUp: BaseConfig['policy']['retrieval'],
  { accepts }: StoreKind,
): number[] {
  const { contexts, metric, shows } = lookUp;
  const found = nearestContexts(table, query, {
    metric,
    k: contexts,
    perStream: true,
    accepts: stored => stored.segments > 0 && accepts(query, stored),
  });
  return found.map(({ row }) => (shows === 'end' ? table.last[row] : row));
}

export function joinTables(tables: readonly StreamTable[]): StreamTable {
  const codes = tables.flatMap(table => table.codes ?? []);
  let before = 0;
  const last = tables.flatMap(table => {
    const shifted = Array.from(table.last, row => row + before);
    before += table.rows.length;
    return shifted;
  });
  return {
    rows: tables.flatMap(({ rows }) => rows),
    last: Int32Array.from(last),
    latents: joinColumns([new Float32Array(), ...tables.map(({ latents }) => latents)]),
    ...(codes.length > 0 ? { codes: joinColumns(codes) } : {}),
  };
}

const TABLE_FILE = 'contexts.safetensors';
/** The last context of every stream. */
const STREAMS: StageFile<StoredContext[]> = {
  name: 'streams.json',
  schema: z.array(fields<StoredContext>({ task: z.string(), stream: z.string(), segments: z.int().min(0) })),
};

/** Writes a table into the folder of a stage, with further columns of its rows. */
export function saveTable(
  folder: string,
  { rows, last, latents, codes }: StreamTable,
  columns: Readonly<Record<string, Int32Array>> = {},
): void {
  const N = rows.length;
  const ends = rows.filter((_, row) => last[row] === row);
  const tensors = Object.entries({ latents, ...(codes ? { codes: Int32Array.from(codes) } : {}), ...columns });
  saveTensors(join(folder, TABLE_FILE), new Map(tensors.map(([name, data]) => [name, { data, shape: [N, data.length / N] }])), {});
  writeJson(join(folder, STREAMS.name), ends);
}

/** Reads what `saveTable` wrote. Throws `E_CHECKPOINT` if it is missing. */
export function loadTable(folder: string): { table: StreamTable; columns: Readonly<Record<string, Int32Array>> } {
  const streams = readStageFile(folder, STREAMS);
  const { tensors } = loadTensors(join(folder, TABLE_FILE));
  const { latents, codes, ...columns } = Object.fromEntries([...tensors].map(([name, { data }]) => [name, data]));
  return {
    table: { ...streamRows(streams), latents: latents as Float32Array, ...(codes ? { codes: Uint16Array.from(codes) } : {}) },
    columns: columns as Record<string, Int32Array>,
  };
}
